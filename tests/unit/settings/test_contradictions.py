"""Values that are refused beside others, and in which words."""

import json

import pytest

from tests.unit.settings.bad_values import REFUSED
from tests.unit.settings.reading import GOOGLE_PROJECT, KEYS, read, refusal

GIVEN = "registry.example.com/pets:v1"
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
    (
        {"canaryService": "dogservice"},
        "canaryService = dogservice: must be one of petdetailsservice, petmedicalhistoryservice, ",
    ),
    (
        {"canaryService": "petservice"},
        "canaryVersion = v2: must be one of v1, which apps/petservice and images name",
    ),
    ({"stableVersion": "v9"}, "stableVersion = v9: must be one of v1, v2"),
    ({"canaryVersion": "v9"}, "canaryVersion = v9: must be one of v1, v2"),
    ({"previousVersion": "v9"}, "previousVersion = v9: must be one of v1, v2"),
    (
        {"previousUntil": "2026-11-27T18:00:00Z"},
        "previousUntil = 2026-11-27T18:00:00Z: must be empty while previousVersion is not set",
    ),
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
    ({"userCookie": "canary"}, "userCookie = canary: must be another name"),
    ({"userCookie": "__Secure-place"}, "userCookie = __Secure-place: needs Secure in"),
    (
        {"userCookieAttributes": '["SameSite=None"]'},
        "userCookieAttributes = SameSite=None: needs Secure in userCookieAttributes, or an",
    ),
    (
        {"userCookieAttributes": '["Partitioned"]'},
        "userCookieAttributes = Partitioned: needs Secure in userCookieAttributes",
    ),
    (
        {"userCookie": "__Host-place", "userCookieAttributes": '["Secure"]'},
        "userCookie = __Host-place: must have Path=/ and no Domain in userCookieAttributes",
    ),
    (
        {
            "userCookie": "__Host-place",
            "userCookieAttributes": '["Secure", "Path=/", "Domain=example.com"]',
        },
        "userCookie = __Host-place: must have Path=/ and no Domain",
    ),
    (
        {"istioCanaryVersion": "1.31.1"},
        "istioCanaryVersion = 1.31.1: must differ from istioVersion",
    ),
    *(
        (
            {"istioCanaryVersion": version},
            f"istioCanaryVersion = {version}: must be at most 1 minor",
        )
        for version in ("1.29.9", "1.33.0")
    ),
    (
        {"istioCanaryNamespaces": '["pets"]'},
        'istioCanaryNamespaces = ["pets"]: must be empty while istioCanaryVersion is empty',
    ),
    (
        {"istioCanaryVersion": "1.30.4", "istioCanaryNamespaces": '["pets", "istio-egress"]'},
        "istioCanaryNamespaces = istio-egress: must be one of pets, istio-ingress",
    ),
    ({"minNodes": "5"}, "maxNodes = 4: must be at least minNodes = 5"),
    ({"minReplicas": "3"}, "maxReplicas = 2: must be at least minReplicas = 3"),
    ({"grafana": "true"}, "grafana = true: needs metrics = prometheus"),
    ({"kiali": "true"}, "kiali = true: needs metrics = prometheus"),
    ({"metrics": "managed"}, "metrics = managed: needs platform = gke"),
    ({"imageRegistry": ""}, 'imageRegistry = "": must be set to build petdetailsservice/v1'),
    ({"images": f'["dogservice/v1={GIVEN}"]'}, "images = dogservice/v1: must name one of"),
    (
        {"images": f'["petservice/v1={GIVEN}", "petservice/v1={GIVEN}"]'},
        "must name each service/version once",
    ),
]


GKE_CONTRADICTORY = [
    (
        {"attestors": '["projects/pets-1/attestors/ci"]'},
        (
            'attestors = ["projects/pets-1/attestors/ci"]: must be empty while '
            "binaryAuthorization is false"
        ),
    ),
    (
        {"admittedImages": '["ghcr.io/team/*"]'},
        'admittedImages = ["ghcr.io/team/*"]: must be empty while binaryAuthorization is false',
    ),
    (
        {"cloudArmor": "true"},
        "cloudArmor = true: needs ingressTls = googleManaged, whose load balancer it is for",
    ),
    (
        {"encryptionKey": "projects/pets-1/locations/global/keyRings/a/cryptoKeys/b"},
        (
            "encryptionKey = projects/pets-1/locations/global/keyRings/a/cryptoKeys/b: must be in "
            "us-central1 while location is us-central1-a"
        ),
    ),
    (
        {"confidentialNodes": "SEV"},
        (
            "confidentialNodes = SEV: machineType must be of the series c2d, c3d, c4d, n2d, "
            "without local SSD or bare metal"
        ),
    ),
    (
        {"confidentialNodes": "TDX", "machineType": "c3-standard-4-lssd"},
        (
            "confidentialNodes = TDX: machineType must be of the series c3, without local SSD or "
            "bare metal"
        ),
    ),
]
# What another platform hasn't, and somebody who set it relies on.
OF_GKE = {
    "rbacGroup": "gke-security-groups@example.com",
    "binaryAuthorization": "true",
    "encryptionKey": "create",
    "confidentialNodes": "SEV",
    "upgradeNotifications": "true",
    "backupSchedule": "0 3 * * *",
    "cloudArmor": "true",
    "secretManager": "true",
    "verticalPodAutoscaling": "true",
}


@pytest.mark.parametrize(("config", "line"), GKE_CONTRADICTORY)
def test_a_feature_of_gke_that_contradicts_another_key_is_refused(
    config: dict[str, str], line: str
) -> None:
    assert refusal("dev", **{GOOGLE_PROJECT: "pets-1"}, **config) == [line]


@pytest.mark.parametrize(("key", "value"), OF_GKE.items())
def test_a_cluster_that_exists_is_promised_no_feature_of_gke(key: str, value: str) -> None:
    assert refusal("local", **{key: value}) == [f"{key} = {value}: needs platform = gke"]


@pytest.mark.parametrize(
    ("technology", "machine"),
    [
        ("SEV", "n2d-standard-4"),
        ("SEV", "c4d-standard-8"),
        ("SEV_SNP", "n2d-standard-4"),
        ("TDX", "c3-standard-4"),
    ],
)
def test_nodes_whose_processors_can_are_confidential(technology: str, machine: str) -> None:
    config = {GOOGLE_PROJECT: "pets-1", "machineType": machine}
    assert read("dev", **config, confidentialNodes=technology).machine_type == machine


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


def test_every_key_has_a_value_that_is_refused() -> None:
    refused = {key for key, _, _ in REFUSED}
    contradictory = {key for config, _ in CONTRADICTORY for key in config}
    assert refused | contradictory == KEYS.keys()


@pytest.mark.parametrize(("config", "line"), CONTRADICTORY)
def test_a_contradiction_is_refused_in_one_line(config: dict[str, str], line: str) -> None:
    [refused] = refusal(**config)
    assert line in refused


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
