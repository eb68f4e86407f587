"""Config: what is taken, what is refused, and in which words."""

import json
from contextvars import Context
from functools import cache
from typing import Any, cast

import pulumi
import pulumi.runtime
import pytest
import yaml

from apps.catalog import VERSIONS
from petmesh.program.declaration import STACK_TYPE, ProgramError
from petmesh.program.program import declare
from settings import ROOT, ConfigError, Settings, load
from settings.forms import visible
from tests.unit.declared import gke, kept_config, local, spec

WEIGHT = "a whole number from 0 to 100"
MEMBERS = "a list of members: user:, group: or serviceAccount: and an email address"
RANGES = "a list of IPv4 CIDR ranges such as 203.0.113.0/24, not the whole internet"
SERVER_RANGES = "a list of IPv4 CIDR ranges such as 172.16.0.0/28, not the whole internet"
IMAGES = "a list of service/version=reference, each reference with a digest or a tag"
CHARTS = "an https:// or oci:// address or a folder with base, cni, istiod, gateway"
NAMESPACE = "not default, istio-system, istio-ingress, istio-egress, observability or kube-*"
CLUSTER_NAME = "2 to 24 of a-z, 0-9 and -, a letter first and no - last, not default"
LOCATION = "a zone such as us-central1-a or a region such as us-central1"
HOST = "a public DNS name such as api.thedogapi.com"
PATH = "a path that starts with /"
VERSION = "a version of petdetailsservice such as v1"
REGISTRY = "a registry without scheme or tag, such as localhost:5001"
ISTIO = "a release of Istio from 1.25 on, such as 1.31.1"
TLS = "none, secret, certManager or googleManaged"
HOSTS = "a list of 1 to 16 different DNS names such as pets.example.com"
GIVEN = "registry.example.com/pets:v1"

REFUSED = [
    *(
        ("canaryWeight", value, WEIGHT)
        for value in (
            "25.5",
            "abc",
            "-5",
            "101",
            "true",
            "",
            " 25",
            "25%",
            "+5",
            "1e1",
            "0x10",
            "null",
            "٢٥",
            "99999999999999999999",
        )
    ),
    ("canaryWeight", "-0", WEIGHT),
    ("metrics", "Prometheus", "none, prometheus or managed"),
    ("metrics", "", "none, prometheus or managed"),
    ("grafana", "yes", "true or false"),
    ("kiali", "1", "true or false"),
    ("tracing", "zipkin", "none or jaeger"),
    ("tracingSamplingPercent", "101", "a whole number from 0 to 100"),
    ("tracingSamplingPercent", "0.5", "a whole number from 0 to 100"),
    ("accessLogs", "none", "all, errors or off"),
    ("namespace", "observability", NAMESPACE),
    ("canaryWeight", "007", WEIGHT),
    ("imagePlatform", "windows/amd64", "linux/amd64 or linux/arm64"),
    ("authorizedNetworks", '["2001:db8::/32"]', RANGES),
    ("authorizedNetworks", '["203.0.113.7"]', RANGES),
    ("authorizedNetworks", '["0.0.0.0/1", "128.0.0.0/1"]', RANGES),
    ("authorizedNetworks", "[" * 100_000, RANGES),
    ("istioPlatform", "eks", "k3d, k3s, microk8s or minikube, or empty for any other cluster"),
    ("kubeContext", "a b", "the name of a kube context"),
    ("imageRegistry", "-", REGISTRY),
    ("imageRegistry", "a..b", REGISTRY),
    ("imageRegistry", "localhost:0", REGISTRY),
    ("imageRegistry", "localhost:999999", REGISTRY),
    ("authorizedNetworks", '["203.0.113.0/255.255.255.0"]', RANGES),
    ("deployers", r'["user:eve\u202e@example.com"]', MEMBERS),
    ("istioCharts", "https://user:password@charts.example.com", CHARTS),
    ("istioVersion", "1.12.0", ISTIO),
    # Its istiod chart takes no seccomp profile where ours is given; 1.24's knows no platform gke.
    ("istioVersion", "1.23.6", ISTIO),
    ("istioVersion", "1.24.0", ISTIO),
    ("dogApiHost", "petservice.pets.svc", HOST),
    ("dogApiPath", "/%zz", PATH),
    ("canaryVersion", "V2", "a version of petdetailsservice such as v2, or empty"),
    ("deployers", '["bob", "eve"]', MEMBERS),
    ("platform", "aws", "gke or existing"),
    ("platform", "", "gke or existing"),
    ("platform", "GKE", "gke or existing"),
    ("clusterName", "", CLUSTER_NAME),
    ("clusterName", "Petmesh", CLUSTER_NAME),
    ("clusterName", "1st", CLUSTER_NAME),
    ("clusterName", "petmesh-", CLUSTER_NAME),
    ("clusterName", "a" * 25, CLUSTER_NAME),
    ("clusterName", "a", CLUSTER_NAME),
    ("clusterName", "default", CLUSTER_NAME),
    ("location", "us-central", LOCATION),
    ("location", "us-central1-", LOCATION),
    ("location", "us-central1-abc", LOCATION),
    ("location", "", LOCATION),
    ("deployers", "group:platform@example.com", MEMBERS),
    ("deployers", '["alice@example.com"]', MEMBERS),
    ("deployers", '["user:alice"]', MEMBERS),
    ("deployers", '["allUsers"]', MEMBERS),
    ("deployers", '["allAuthenticatedUsers"]', MEMBERS),
    ("deployers", "[1]", MEMBERS),
    ("deployers", "null", MEMBERS),
    ("authorizedNetworks", "203.0.113.0/24", RANGES),
    ("authorizedNetworks", '["0.0.0.0/0"]', RANGES),
    ("authorizedNetworks", '["::/0"]', RANGES),
    ("authorizedNetworks", '["203.0.113.1/24"]', RANGES),
    ("authorizedNetworks", '["203.0.113.0/33"]', RANGES),
    ("authorizedNetworks", '["office"]', RANGES),
    ("authorizedNetworks", "[3405803776]", RANGES),
    ("apiServerRanges", '["0.0.0.0/0"]', SERVER_RANGES),
    ("apiServerRanges", '["172.16.0.1/28"]', SERVER_RANGES),
    ("machineType", "big", "a Compute Engine machine type such as e2-standard-4"),
    ("machineType", "", "a Compute Engine machine type such as e2-standard-4"),
    *(
        ("machineType", value, "without GPU or TPU, of the series c2, c2d, c3, c3d, c4, c4a, c4d")
        for value in (
            *("a2-highgpu-1g", "a3-highgpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g"),
            *("a4x-highgpu-4g", "g2-standard-4", "g4-standard-48", "ct4p-hightpu-4t"),
            *("ct5l-hightpu-1t", "ct5lp-hightpu-4t", "ct5p-hightpu-4t", "ct6e-standard-4t"),
            *("tpu7x-standard-4t", "x4-megamem-960-metal", "n9-standard-4", "e2"),
        )
    ),
    ("minNodes", "0", "a whole number from 1 to 100"),
    ("minNodes", "1.0", "a whole number from 1 to 100"),
    ("maxNodes", "101", "a whole number from minNodes to 100"),
    ("maxNodes", "many", "a whole number from minNodes to 100"),
    ("deletionProtection", "yes", "true or false"),
    ("deletionProtection", "1", "true or false"),
    ("deletionProtection", "", "true or false"),
    ("imageRegistry", "https://localhost:5001", REGISTRY),
    ("imageRegistry", "localhost:5001/pets:v1", REGISTRY),
    ("imageRegistry", "localhost:5001/", REGISTRY),
    ("images", "petservice/v1=registry.example.com/pets:v1", IMAGES),
    ("images", '["petservice/v1"]', IMAGES),
    ("images", '["petservice=registry.example.com/pets:v1"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets:latest"]', IMAGES),
    ("images", '["petservice/v1=registry.example.com/pets@sha256:abc"]', IMAGES),
    ("images", '["petservice/v1=https://registry.example.com/pets:v1"]', IMAGES),
    ("istioVersion", "latest", ISTIO),
    ("istioVersion", "1.31", ISTIO),
    ("istioVersion", "v1.31.1", ISTIO),
    ("istioVersion", "", ISTIO),
    ("istioCharts", "http://charts.example.com", CHARTS),
    ("istioCharts", "oci://", CHARTS),
    ("istioCharts", "no-such-folder", CHARTS),
    ("istioCharts", "", CHARTS),
    ("ingressServiceType", "NodePort", "LoadBalancer or ClusterIP"),
    ("ingressServiceType", "clusterip", "LoadBalancer or ClusterIP"),
    *(
        ("ingressHosts", value, HOSTS)
        for value in (
            "[]",
            "null",
            "pets.example.com",
            "[1]",
            '["*"]',
            '["*.example.com"]',
            '["pets"]',
            '["localhost"]',
            '["203.0.113.80"]',
            '["[2001:db8::1]"]',
            '["pets.example.123"]',
            '["pets.example.com."]',
            '["pets.example.com:443"]',
            '["https://pets.example.com"]',
            '["Pets.example.com"]',
            '["pets_.example.com"]',
            '["-pets.example.com"]',
            '["pets/pets.example.com"]',
            '["a.example.com", "a.example.com"]',
            json.dumps(["a" * 64 + ".com"]),
            json.dumps([".".join(["a" * 60] * 5) + ".com"]),
            json.dumps([f"pets{number}.example.com" for number in range(17)]),
        )
    ),
    *(("ingressTls", value, TLS) for value in ("", "true", "Secret", "letsencrypt")),
    *(
        ("ingressTlsSecret", value, "the name of a Secret")
        for value in ("", "my_tls", "My-tls", "-tls", "ingress/tls", "t" * 254)
    ),
    *(
        ("ingressIssuer", value, "the name of a ClusterIssuer")
        for value in ("letsencrypt/prod", "Corporate", "i" * 254)
    ),
    *(
        ("ingressRequestsPerSecond", value, "a whole number from 0 to 100000")
        for value in ("-1", "100001", "0.5", "none", "")
    ),
    *(
        ("ingressConnections", value, "a whole number from 1 to 100000")
        for value in ("0", "-1", "100001", "1e3", "")
    ),
    ("namespace", "default", NAMESPACE),
    ("namespace", "istio-system", NAMESPACE),
    ("namespace", "kube-system", NAMESPACE),
    ("namespace", "Pets", NAMESPACE),
    ("namespace", "my.pets", NAMESPACE),
    ("namespace", "p" * 64, NAMESPACE),
    ("namespace", "", NAMESPACE),
    ("minReplicas", "0", "a whole number from 1 to 20"),
    ("minReplicas", "21", "a whole number from 1 to 20"),
    ("maxReplicas", "0", "a whole number from minReplicas to 100"),
    ("maxReplicas", "101", "a whole number from minReplicas to 100"),
    ("stableVersion", "", VERSION),
    ("stableVersion", "V1", VERSION),
    ("dogApiEnabled", "yes", "true or false"),
    ("dogApiEnabled", "True", "true or false"),
    ("dogApiEnabled", "", "true or false"),
    ("egressGateway", "yes", "true or false"),
    ("egressGateway", "", "true or false"),
    ("namespace", "istio-egress", NAMESPACE),
    ("dogApiHost", "https://api.thedogapi.com", HOST),
    ("dogApiHost", "api.thedogapi.com:443", HOST),
    ("dogApiHost", "*.thedogapi.com", HOST),
    ("dogApiHost", "localhost", HOST),
    ("dogApiHost", "127.0.0.1", HOST),
    ("dogApiHost", "petservice.pets.svc.cluster.local", HOST),
    ("dogApiHost", "metadata.google.internal", HOST),
    ("dogApiHost", "a" * 64 + ".com", HOST),
    ("dogApiHost", ".".join(["a" * 60] * 5) + ".com", HOST),
    ("dogApiHost", "", HOST),
    ("dogApiPath", "v1/images/search", PATH),
    ("dogApiPath", "/v1/images search", PATH),
    ("dogApiPath", "/v1#top", PATH),
    ("dogApiPath", "", PATH),
    *(
        ("dogApiHost", value, HOST)
        for value in (
            "istiod.istio-system",
            "kube-dns.kube-system",
            "prometheus.observability",
            "webhook.cert-manager",
            "collector.gmp-system",
            "petservice.pets.svc",
            "metadata.goog",
            "instance.metadata.goog",
            "dogs.internal",
            "dogs.test",
            "dogs.example",
            "dogs.invalid",
            "dogs.onion",
            "home.arpa",
        )
    ),
    *(
        ("namespace", value, NAMESPACE)
        for value in (
            "cert-manager",
            "gmp-system",
            "gmp-public",
            "gke-managed-system",
            "gke-gmp-system",
            "istio-operator",
            "kube-node-lease",
            "config-management-system",
            "asm-system",
            "cnrm-system",
        )
    ),
    *(
        ("apiServerRanges", json.dumps(value), SERVER_RANGES)
        for value in (
            ["0.0.0.0/1", "128.0.0.0/1"],
            ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
            ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"],
            [f"{first}.0.0.0/8" for first in range(256)],
            ["8.0.0.0/8"],
            ["203.0.0.0/15"],
            ["169.254.169.254/32"],
            ["169.254.0.0/16"],
            ["169.254.169.252/30"],
            ["127.0.0.0/8"],
            ["127.0.0.1/32"],
            ["0.0.0.0/8"],
            ["224.0.0.0/24"],
        )
    ),
    *(
        ("authorizedNetworks", json.dumps(value), RANGES)
        for value in (
            ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"],
            [f"{first}.0.0.0/8" for first in range(256)],
        )
    ),
    *(
        ("imageRegistry", value, REGISTRY)
        for value in (
            "localhost:65536",
            "localhost:70000",
            "localhost:99999",
            "registry.example.com:65536/pets",
            "registry.example.com/\u200bpets",
            "r" * 256,
        )
    ),
    *(
        ("images", json.dumps([f"petservice/v1={value}"]), IMAGES)
        for value in (
            "localhost:65536/pets:v1",
            "localhost:99999/pets:v1",
            "localhost:5001/pets:v1\u200b",
            f"localhost:5001/{'p' * 100_000}:v1",
        )
    ),
    *(
        ("istioVersion", value, ISTIO)
        for value in (
            "1.31.01",
            "1.31.00",
            "1.031.1",
            "01.31.1",
            "1.31.1-",
            "1.31.1-rc..1",
            "1.31.1-rc.01",
            "1.31.1+a",
        )
    ),
    *(
        ("istioCharts", value, CHARTS)
        for value in (
            "https://charts.example.com/\u200b",
            "https://charts.example.com/\u202estoi",
            "https://charts.example\u00ad.com",
            "https://charts.example.com/\u3164",
            "https://charts.example.com/\x00",
            "https://charts.example.com/a b",
            "https://chärts.example.com",
            "https://charts.example.com:65536",
            "https://charts.example.com:0",
            "https://:443/charts",
            "https://charts.example.com?page=1",
            "https://charts.example.com#top",
            "oci://user@charts.example.com",
            "file:///charts",
            f"https://charts.example.com/{'c' * 100_000}",
            "c" * 100_000,
            "\x00",
        )
    ),
    *(
        ("kubeContext", value, "the name of a kube context")
        for value in ("kind\u200bpets", "kind\u3164", "\u2800", "kind\ufe0f", "k" * 100_000)
    ),
    *(
        ("deployers", json.dumps([value]), MEMBERS)
        for value in (
            "user:eve\u200b@example.com",
            "user:eve@example\u3164.com",
            "principal://iam.googleapis.com/\u00ad",
            f"user:{'e' * 100_000}@example.com",
        )
    ),
    *(
        ("dogApiPath", value, PATH)
        for value in (
            "/$(PORT)",
            "/v1?port=$(DETAILS_URL)",
            "/$$(PORT)",
            "/a$$b",
            "/v1\u200b",
            f"/{'v' * 100_000}",
            f"/{'v' * 1024}",
        )
    ),
    ("machineType", f"e2-{'s' * 100_000}", "a Compute Engine machine type"),
    ("istioVersion", f"1.31.1-{'a' * 100_000}", ISTIO),
    *(("canaryMirrorPercent", value, WEIGHT) for value in ("101", "-1", "2.5", "")),
]
# Any text can be the name of a kube context.

CONTRADICTORY = [
    (
        {"canaryVersion": "", "canaryWeight": "25"},
        "canaryWeight = 25: must be 0 while canaryVersion",
    ),
    (
        {"canaryVersion": "", "canaryMirrorPercent": "25"},
        "canaryMirrorPercent = 25: must be 0 while canaryVersion",
    ),
    ({"canaryVersion": "v1"}, "canaryVersion = v1: must differ from stableVersion"),
    ({"stableVersion": "v2"}, "canaryVersion = v2: must differ from stableVersion"),
    ({"stableVersion": "v9"}, "stableVersion = v9: must be one of v1, v2"),
    ({"canaryVersion": "v9"}, "canaryVersion = v9: must be one of v1, v2"),
    (
        {"ingressTls": "certManager"},
        'ingressIssuer = "": must be set while ingressTls is certManager',
    ),
    (
        {"ingressIssuer": "corporate"},
        "ingressIssuer = corporate: must be empty while ingressTls is none",
    ),
    (
        {"ingressTls": "secret", "ingressIssuer": "corporate"},
        "ingressIssuer = corporate: must be empty while ingressTls is secret",
    ),
    (
        {"ingressTls": "googleManaged", "ingressHosts": '["pets.example.com"]'},
        "ingressTls = googleManaged: must be another while platform is existing",
    ),
    ({"minNodes": "5"}, "maxNodes = 4: must be at least minNodes = 5"),
    ({"minReplicas": "3"}, "maxReplicas = 2: must be at least minReplicas = 3"),
    ({"grafana": "true"}, "grafana = true: needs metrics = prometheus"),
    ({"kiali": "true"}, "kiali = true: needs metrics = prometheus"),
    ({"metrics": "managed"}, "metrics = managed: needs platform = gke"),
    ({"imageRegistry": ""}, 'imageRegistry = "": must be set to build petdetailsservice/v1'),
    ({"images": f'["petservice/v2={GIVEN}"]'}, "images = petservice/v2: must name one of"),
    ({"images": f'["dogservice/v1={GIVEN}"]'}, "images = dogservice/v1: must name one of"),
    (
        {"images": f'["petservice/v1={GIVEN}", "petservice/v1={GIVEN}"]'},
        "must name each service/version once",
    ),
]


def read(stack: str = "local", **config: str) -> Settings:
    """The settings that the program reads, with some keys set."""
    keys = {key if ":" in key else f"petmesh:{key}": value for key, value in config.items()}

    def run() -> Settings:
        pulumi.runtime.set_all_config({**kept_config(stack), **keys})
        return load(VERSIONS)

    return Context().run(run)


def refusal(stack: str = "local", **config: str) -> list[str]:
    """The lines that refuse some config."""
    with pytest.raises(ConfigError) as refused:
        read(stack, **config)
    return str(refused.value).splitlines()


@cache
def declared_keys() -> dict[str, dict[str, Any]]:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return cast("dict[str, dict[str, Any]]", project["config"])


GOOGLE_PROJECT = "gcp:project"
KEYS = {
    str(field.alias): name
    for name, field in Settings.model_fields.items()
    if field.alias != GOOGLE_PROJECT
}


def test_pulumi_yaml_declares_the_keys_of_settings_and_no_other() -> None:
    assert declared_keys().keys() == KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_each_key_has_the_same_type_in_pulumi_yaml_and_in_settings(key: str) -> None:
    declared = declared_keys()[key]
    types = {str: "string", int: "integer", bool: "boolean", tuple: "array"}
    assert declared["type"] == types[type(getattr(read(), KEYS[key]))]
    if declared["type"] == "array":
        assert declared["items"] == {"type": "string"}


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_described_and_has_a_default(key: str) -> None:
    assert len(declared_keys()[key]["description"]) > 20
    assert "default" in declared_keys()[key]
    assert Settings.model_fields[KEYS[key]].description


@pytest.mark.parametrize(("key", "value", "allowed"), REFUSED)
def test_a_bad_value_is_refused_in_one_line(key: str, value: str, allowed: str) -> None:
    [line] = refusal(**{key: value})
    seen = value if value and visible(value) else json.dumps(value)
    if "@" not in value or key == "deployers":
        assert line.startswith(f"{key} = {seen[:300]}")
    assert ": must be " in line
    assert allowed in line


def test_a_value_of_several_lines_is_refused_in_one() -> None:
    assert refusal(canaryWeight="25\n") == [f'canaryWeight = "25\\n": must be {WEIGHT}']


def test_a_name_inside_the_cluster_is_no_dog_api() -> None:
    assert refusal(dogApiHost="petservice.pets") == [
        "dogApiHost = petservice.pets: must be outside the cluster"
    ]


@pytest.mark.parametrize("host", ["pets.localhost", "pets.internal", "pets.example", "a.test"])
def test_google_certifies_no_name_that_nobody_owns(host: str) -> None:
    managed = {"ingressTls": "googleManaged", "ingressServiceType": "ClusterIP"}
    hosts = json.dumps(["pets.example.com", host])
    assert refusal("dev", **{GOOGLE_PROJECT: "pets-1"}, **managed, ingressHosts=hosts) == [
        f"ingressHosts = {host}: must be a public DNS name while ingressTls is googleManaged"
    ]


def test_googles_load_balancer_is_the_only_one() -> None:
    managed = {"ingressTls": "googleManaged", "ingressHosts": '["pets.example.com"]'}
    [line] = refusal("dev", **{GOOGLE_PROJECT: "pets-1"}, **managed)
    assert line.startswith("ingressServiceType = LoadBalancer: must be ClusterIP while ingressTls")


def test_a_google_cloud_project_that_is_none_is_refused() -> None:
    with pytest.raises(ProgramError, match="gcp:project = Not A Project!: must be the id"):
        declare("dev", {GOOGLE_PROJECT: "Not A Project!"})


def test_every_key_has_a_value_that_is_refused() -> None:
    refused = {key for key, _, _ in REFUSED}
    contradictory = {key for config, _ in CONTRADICTORY for key in config}
    assert refused | contradictory == KEYS.keys()


@pytest.mark.parametrize(("config", "line"), CONTRADICTORY)
def test_a_contradiction_is_refused_in_one_line(config: dict[str, str], line: str) -> None:
    [refused] = refusal(**config)
    assert line in refused


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("canaryWieght", "canaryWeight"),
        ("canary_weight", "canaryWeight"),
        ("canaryweight", "canaryWeight"),
        ("dogApiEnable", "dogApiEnabled"),
        ("authorisedNetworks", "authorizedNetworks"),
        ("stableVerison", "stableVersion"),
        ("machinetype", "machineType"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_key_that_was_meant(key: str, meant: str) -> None:
    assert refusal(**{key: "25"}) == [f"{key} = 25: no such key; did you mean {meant}?"]


def test_what_a_terminal_would_obey_is_refused_and_shown_escaped() -> None:
    [line] = refusal(kubeContext="kind\x1b[2J")
    assert line == r'kubeContext = "kind\u001b[2J": must be the name of a kube context'
    [line] = refusal(**{"colour\nred": "yes"})
    assert line.startswith(r'"colour\nred" = yes: no such key')


def test_a_key_like_no_other_is_refused_with_the_keys_that_there_are() -> None:
    [line] = refusal(colour="red")
    assert line.startswith("colour = red: no such key")
    assert all(key in line for key in KEYS)


def test_each_problem_has_its_line() -> None:
    lines = refusal(canaryWeight="101", namespace="default", colour="red")
    assert sorted(line.split(" = ")[0] for line in lines) == ["canaryWeight", "colour", "namespace"]


def test_each_contradiction_has_its_line() -> None:
    lines = refusal("dev", canaryVersion="", canaryWeight="5", maxNodes="2", minNodes="3")
    assert sorted(line.split(" ")[0] for line in lines) == [
        "canaryWeight",
        "gcp:project",
        "maxNodes",
    ]


def test_a_missing_google_cloud_project_names_the_command_that_sets_it() -> None:
    [line] = refusal("dev")
    assert "gcp:project is not set" in line
    assert "pulumi config set gcp:project" in line


def test_a_gke_cluster_is_no_other_platform() -> None:
    config = {"gcp:project": "petmesh-test", "istioPlatform": "k3s"}
    assert refusal("dev", **config) == ["istioPlatform = k3s: must be empty while platform is gke"]


@pytest.mark.parametrize(
    ("machine", "built", "allowed"),
    [
        ("c4a-standard-4", "linux/amd64", "linux/arm64"),
        ("t2a-standard-1", "linux/amd64", "linux/arm64"),
        ("e2-standard-4", "linux/arm64", "linux/amd64"),
        ("n4-custom-4-8192", "linux/arm64", "linux/amd64"),
    ],
)
def test_images_are_built_for_the_processors_that_the_nodes_have(
    machine: str, built: str, allowed: str
) -> None:
    config = {"gcp:project": "petmesh-test", "machineType": machine}
    assert refusal("dev", **config, imagePlatform=built) == [
        f"imagePlatform = {built}: must be {allowed} while machineType is {machine}"
    ]
    assert read("dev", **config, imagePlatform=allowed).machine_type == machine
    assert read("local", machineType=machine, imagePlatform=built).image_platform == built


def test_a_cluster_that_exists_needs_no_google_cloud_project() -> None:
    assert read("local").platform == "existing"


def test_a_key_without_a_value_says_what_it_must_be() -> None:
    def run() -> Settings:
        complete = kept_config("local")
        pulumi.runtime.set_all_config(
            {key: value for key, value in complete.items() if key != "petmesh:namespace"}
        )
        return load(VERSIONS)

    with pytest.raises(ConfigError, match=r"^namespace is not set: it must be a namespace's name"):
        Context().run(run)


@pytest.mark.parametrize(
    ("key", "value", "read_as"),
    [
        ("canaryWeight", "0", 0),
        ("canaryWeight", "10", 10),
        ("canaryWeight", "100", 100),
        ("canaryVersion", "", ""),
        ("clusterName", "ab", "ab"),
        ("clusterName", "a" * 24, "a" * 24),
        ("location", "europe-west4", "europe-west4"),
        ("location", "northamerica-northeast2-b", "northamerica-northeast2-b"),
        ("deployers", "[]", ()),
        (
            "deployers",
            '["group:platform@example.com", "serviceAccount:ci@petmesh.iam.gserviceaccount.com"]',
            ("group:platform@example.com", "serviceAccount:ci@petmesh.iam.gserviceaccount.com"),
        ),
        ("authorizedNetworks", '["203.0.113.7/32"]', ("203.0.113.7/32",)),
        ("minNodes", "4", 4),
        ("maxNodes", "100", 100),
        ("deletionProtection", "false", False),
        ("deletionProtection", "true", True),
        ("istioPlatform", "k3d", "k3d"),
        ("kubeContext", "kind-pets", "kind-pets"),
        ("imageRegistry", "registry.example.com/team/pets", "registry.example.com/team/pets"),
        (
            "images",
            '["petservice/v1=localhost:5001/pets:v1"]',
            ("petservice/v1=localhost:5001/pets:v1",),
        ),
        ("istioVersion", "1.32.0-rc.1", "1.32.0-rc.1"),
        (
            "istioCharts",
            "oci://ghcr.io/istio/release/charts/",
            "oci://ghcr.io/istio/release/charts",
        ),
        ("ingressHosts", '["a.b", "xn--bcher-kva.example"]', ("a.b", "xn--bcher-kva.example")),
        ("ingressTlsSecret", "pets.example.com", "pets.example.com"),
        ("ingressRequestsPerSecond", "0", 0),
        ("ingressRequestsPerSecond", "100000", 100_000),
        ("ingressConnections", "1", 1),
        ("ingressConnections", "100000", 100_000),
        ("namespace", "p" * 63, "p" * 63),
        ("minReplicas", "2", 2),
        ("maxReplicas", "100", 100),
        ("dogApiEnabled", "true", True),
        ("egressGateway", "true", True),
        ("dogApiHost", "dog.ceo", "dog.ceo"),
        ("dogApiHost", "system.dog", "system.dog"),
        ("dogApiHost", "istio-system.example.com", "istio-system.example.com"),
        ("dogApiHost", "metadata.example.goog", "metadata.example.goog"),
        ("dogApiHost", "dogs.xn--p1ai", "dogs.xn--p1ai"),
        ("namespace", "pets-system", "pets-system"),
        ("namespace", "istio", "istio"),
        ("namespace", "kubernetes", "kubernetes"),
        ("namespace", "certmanager", "certmanager"),
        ("namespace", "gke", "gke"),
        ("apiServerRanges", '["10.0.0.0/8", "172.16.0.0/12"]', ("10.0.0.0/8", "172.16.0.0/12")),
        ("apiServerRanges", '["100.64.0.0/10"]', ("100.64.0.0/10",)),
        ("apiServerRanges", '["34.118.0.0/16"]', ("34.118.0.0/16",)),
        ("apiServerRanges", '["203.0.113.10/32"]', ("203.0.113.10/32",)),
        ("authorizedNetworks", '["198.51.0.0/16"]', ("198.51.0.0/16",)),
        ("imageRegistry", "localhost:65535", "localhost:65535"),
        ("imageRegistry", "localhost:1/pets", "localhost:1/pets"),
        ("istioVersion", "1.31.0", "1.31.0"),
        ("istioVersion", "1.31.10", "1.31.10"),
        ("istioVersion", "1.33.0-alpha.0", "1.33.0-alpha.0"),
        (
            "istioCharts",
            "https://charts.example.com:65535/a/",
            "https://charts.example.com:65535/a",
        ),
        ("istioCharts", "https://Charts.example.com/a~b_c", "https://Charts.example.com/a~b_c"),
        ("istioCharts", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("kubeContext", "größe@kind", "größe@kind"),
        (
            "deployers",
            '["principal://iam.googleapis.com/projects/1/locations/global/x/subject/a:b@c"]',
            ("principal://iam.googleapis.com/projects/1/locations/global/x/subject/a:b@c",),
        ),
        ("dogApiPath", "/a$b/$/(c)", "/a$b/$/(c)"),
        ("dogApiPath", f"/{'v' * 1023}", f"/{'v' * 1023}"),
        ("dogApiPath", "/v1?breed=terrier&monkeys=1", "/v1?breed=terrier&monkeys=1"),
        ("dogApiPath", "/", "/"),
        ("dogApiPath", "/v1/images?limit=1&size=small", "/v1/images?limit=1&size=small"),
    ],
)
def test_a_good_value_at_the_edge_is_taken(key: str, value: str, read_as: object) -> None:
    taken = getattr(read(**{key: value}), KEYS[key])
    assert taken == read_as
    assert type(taken) is type(read_as)


def test_a_weight_of_0_is_a_weight() -> None:
    stack = local(canaryVersion="v2", canaryWeight="0")
    routes = spec(stack, "VirtualService", "petdetailsservice")["http"]
    assert [target["weight"] for target in routes[-1]["route"]] == [100, 0]
    assert stack.outputs["weights"] == {"v1": 100, "v2": 0}


@pytest.mark.parametrize(
    ("location", "region"),
    [("us-central1-a", "us-central1"), ("us-central1", "us-central1")],
)
def test_the_region_is_that_of_the_zone(location: str, region: str) -> None:
    assert read(location=location).region == region


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().canary_weight = 100


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of all resources that are constructed, the stack among them."""
    types: list[str] = []
    construct = pulumi.Resource.__init__

    def record(resource: pulumi.Resource, type_: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        types.append(type_)
        construct(resource, type_, *args, **kwargs)

    monkeypatch.setattr(pulumi.Resource, "__init__", record)
    return types


@pytest.mark.parametrize(
    ("stack", "config"),
    [
        ("dev", {}),
        ("dev", {"canaryWeight": "25.5", "gcp:project": "petmesh-test"}),
        ("local", {"canaryWeight": "101"}),
        ("local", {"canaryWieght": "25"}),
        ("local", {"canaryVersion": "", "canaryWeight": "25"}),
        ("local", {"images": '["dogservice/v1=localhost:5001/dogs:v1"]'}),
    ],
)
def test_nothing_is_declared_of_a_config_that_is_refused(
    stack: str, config: dict[str, str], constructed: list[str]
) -> None:
    with pytest.raises(ProgramError):
        declare(stack, config)
    assert constructed == [STACK_TYPE]


def test_the_stacks_that_are_kept_here_are_accepted() -> None:
    assert local().outputs["weights"] == gke().outputs["weights"] == {"v1": 100, "v2": 0}


SECRET = "correct-horse"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("istioCharts", f"https://user:{SECRET}@charts.example.com"),
        ("istioCharts", f"https://user:{SECRET}/x@charts.example.com"),
        ("istioCharts", f"oci://{SECRET}@charts.example.com"),
        ("istioCharts", f"https://charts.example.com?access_token={SECRET}"),
        ("istioCharts", f"https://charts.example.com/a?x=1&X-Goog-Signature={SECRET}"),
        ("imageRegistry", f"user:{SECRET}@registry.example.com"),
        ("imageRegistry", f"https://user:{SECRET}@registry.example.com"),
        ("images", f'["petservice/v1=user:{SECRET}@registry.example.com/pets:v1"]'),
        ("dogApiHost", f"user:{SECRET}@dog.ceo"),
        ("dogApiPath", f"/v1?api_key={SECRET}"),
        ("dogApiPath", f"/v1?limit=1&token={SECRET}"),
        ("dogApiPath", f"/v1?a=1;PASSWORD={SECRET}"),
        ("kubeContext", f"https://user:{SECRET}@example.com a"),
        ("unknown", f"https://user:{SECRET}@example.com/?sig={SECRET}"),
    ],
)
def test_a_credential_in_an_address_is_refused_and_not_shown(key: str, value: str) -> None:
    [line] = refusal(**{key: value})
    assert line.startswith(f"{key} = ")
    assert "[secret]" in line
    assert SECRET not in line


@pytest.mark.parametrize("key", [*KEYS, GOOGLE_PROJECT])
def test_a_key_that_is_set_as_a_secret_is_refused_and_not_shown(key: str) -> None:
    full = key if ":" in key else f"petmesh:{key}"

    def run(values: dict[str, str]) -> Settings:
        pulumi.runtime.set_all_config({**kept_config("local"), **values}, [full])
        return load(VERSIONS)

    for values in ({}, {full: SECRET}):
        with pytest.raises(ConfigError) as refused:
            Context().run(run, values)
        [line] = str(refused.value).splitlines()
        assert line.startswith(f"{key} = [secret]: must be no secret")
        assert SECRET not in line


def test_a_secret_of_a_key_that_is_none_is_not_shown() -> None:
    def run() -> Settings:
        secret = {"petmesh:apiToken": SECRET, "petmesh:dogApiPath": "nowhere"}
        pulumi.runtime.set_all_config({**kept_config("local"), **secret}, [*secret])
        return load(VERSIONS)

    with pytest.raises(ConfigError) as refused:
        Context().run(run)
    secret, unknown = str(refused.value).splitlines()
    assert secret.startswith("dogApiPath = [secret]: must be no secret")
    assert unknown.startswith("apiToken = [secret]: no such key")


def test_what_the_engine_says_is_secret_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["petmesh:kubeContext"]')
    [line] = refusal(kubeContext=SECRET)
    assert line.startswith("kubeContext = [secret]: must be no secret")
