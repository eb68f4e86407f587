"""The mesh: how it is installed, what it lets in and out, and who may call whom."""

import json
from pathlib import Path

import pytest

from demo.pets import CATALOG
from petmesh.program.declaration import Declaration
from tests.unit.declared import (
    container,
    gke,
    in_cluster,
    is_after,
    local,
    local_otherwise,
    manifest,
    manifests,
    release,
    spec,
)

RELEASE = "kubernetes:helm.sh/v3:Release"
INGRESS = "istio-ingressgateway"
CHARTS = {"istio-base": "base", "istio-cni": "cni", "istiod": "istiod", INGRESS: "gateway"}
SERVICES = tuple(each.name for each in CATALOG)


# Installation


def test_istio_is_four_releases() -> None:
    assert {each.name for each in local().of_type(RELEASE)} == set(CHARTS)


@pytest.mark.parametrize(("name", "chart"), CHARTS.items())
def test_a_release_from_a_repository_is_pinned(name: str, chart: str) -> None:
    declared = release(local(), name)
    assert declared["chart"] == chart
    assert declared["repositoryOpts"] == {"repo": "https://blob.istio.io/istio-release/charts"}
    assert declared["version"] == "1.31.1"


@pytest.mark.parametrize(("name", "chart"), CHARTS.items())
def test_a_release_from_an_oci_registry_is_pinned(name: str, chart: str) -> None:
    declared = release(local_otherwise(), name)
    assert declared["chart"] == f"oci://charts.example.com/istio/{chart}"
    assert "repositoryOpts" not in declared
    assert declared["version"] == "1.32.0"


def test_a_release_from_a_folder_takes_the_chart_that_lies_there(tmp_path: Path) -> None:
    for chart in CHARTS.values():
        (tmp_path / chart).mkdir()
        (tmp_path / chart / "Chart.yaml").write_text(f"name: {chart}\nversion: 1.30.7\n")
    stack = local(istioCharts=str(tmp_path))
    for name, chart in CHARTS.items():
        declared = release(stack, name)
        assert declared["chart"] == str(tmp_path / chart)
        assert not declared.keys() & {"repositoryOpts", "version"}


def test_istios_webhook_refuses_what_it_cannot_check() -> None:
    assert release(local(), "istio-base")["values"]["base"]["validationFailurePolicy"] == "Fail"


def test_the_mesh_is_closed_towards_the_outside() -> None:
    mesh = release(local(), "istiod")["values"]["meshConfig"]
    assert mesh["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_the_dog_api_is_asked_by_way_of_the_sidecar_that_looks_its_name_up(enabled: str) -> None:
    stack = local(dogApiEnabled=enabled)
    port = release(stack, "istiod")["values"]["meshConfig"]["proxyHttpPort"]
    environment = {each["name"]: each["value"] for each in container(stack, "petservice-v1")["env"]}
    assert environment["DOG_API_PROXY"] == f"http://127.0.0.1:{port}"
    assert "HTTP_PROXY" not in environment


def test_a_container_starts_after_its_sidecar() -> None:
    mesh = release(local(), "istiod")["values"]["meshConfig"]
    assert mesh["defaultConfig"]["holdApplicationUntilProxyStarts"] is True


def test_a_proxy_asks_no_metadata_server_which_cloud_it_is_on() -> None:
    mesh = release(local(), "istiod")["values"]["meshConfig"]
    assert mesh["defaultConfig"]["proxyMetadata"] == {"CLOUD_PLATFORM": "none"}


def test_a_gateway_is_told_of_what_its_routes_lead_to_alone() -> None:
    environment = release(local(), "istiod")["values"]["env"]
    assert environment == {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"}


def test_no_disruption_budget_stands_over_a_single_pod() -> None:
    for stack, replicas, budget in (
        (local(), 1, False),
        (local_otherwise(), 3, True),
    ):
        istiod, gateway = release(stack, "istiod")["values"], release(stack, INGRESS)["values"]
        assert istiod["autoscaleMin"] == gateway["autoscaling"]["minReplicas"] == replicas
        assert istiod["global"]["defaultPodDisruptionBudget"] == {"enabled": budget}
        assert gateway["podDisruptionBudget"] == ({"maxUnavailable": 1} if budget else {})


def test_the_charts_are_told_the_platform() -> None:
    assert release(gke(), "istiod")["values"]["global"]["platform"] == "gke"
    assert release(gke(), "istio-cni")["values"]["global"]["platform"] == "gke"
    assert "platform" not in release(local(), "istiod")["values"]["global"]
    assert "global" not in release(local(), "istio-cni")["values"]
    for name in ("istiod", "istio-cni"):
        assert release(local(istioPlatform="k3d"), name)["values"]["global"]["platform"] == "k3d"


def test_the_ingress_is_a_load_balancer_or_reached_by_a_port_forward() -> None:
    balanced, forwarded = gke(), local()
    assert spec(balanced, "Service", INGRESS)["type"] == "LoadBalancer"
    assert balanced.outputs["url"] == "http://pets.localhost"
    assert balanced.outputs["ingressAddress"] == "203.0.113.80"
    assert "portForward" not in balanced.outputs
    assert spec(forwarded, "Service", INGRESS)["type"] == "ClusterIP"
    assert forwarded.outputs["url"] == "http://pets.localhost:8080"
    assert "ingressAddress" not in forwarded.outputs
    assert forwarded.outputs["portForward"].endswith(f"service/{INGRESS} 8080:80")


# Order


def test_each_release_comes_after_the_one_that_it_needs() -> None:
    stack = local()
    base, cni, istiod, gateway = (stack.one(RELEASE, name) for name in CHARTS)
    assert is_after(stack, cni, base)
    assert is_after(stack, istiod, cni)
    assert is_after(stack, istiod, base)
    assert is_after(stack, gateway, istiod)


def test_istios_objects_come_after_the_crds_and_the_webhook_that_checks_them() -> None:
    stack = local_otherwise()
    custom = [each for each in in_cluster(stack) if "istio.io/" in each.type]
    assert {each.inputs["kind"] for each in custom} == {
        "AuthorizationPolicy",
        "DestinationRule",
        "EnvoyFilter",
        "Gateway",
        "PeerAuthentication",
        "ServiceEntry",
        "Sidecar",
        "Telemetry",
        "VirtualService",
    }
    for each in custom:
        assert is_after(stack, each, stack.one(RELEASE, "istio-base")), each.name
        assert is_after(stack, each, stack.one(RELEASE, "istiod")), each.name


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress"])
def test_a_namespace_with_injected_pods_is_labelled(namespace: str) -> None:
    labels = manifest(local(), "Namespace", namespace).inputs["metadata"]["labels"]
    assert labels["istio-injection"] == "enabled"


def test_pods_come_after_all_that_injects_and_guards_them() -> None:
    stack = local()
    for name, deployment in manifests(stack, "Deployment").items():
        service = name.rpartition("-")[0]
        for earlier in (
            stack.one(RELEASE, "istiod"),
            stack.one(RELEASE, "istio-cni"),
            manifest(stack, "Namespace", "pets"),
            manifest(stack, "PeerAuthentication", "default"),
            manifest(stack, "AuthorizationPolicy", service),
            manifest(stack, "ServiceAccount", service),
        ):
            assert is_after(stack, deployment, earlier), (name, earlier.urn)


def test_the_gateways_pods_come_after_their_labelled_namespace() -> None:
    stack = local()
    gateway = stack.one(RELEASE, INGRESS)
    assert is_after(stack, gateway, manifest(stack, "Namespace", "istio-ingress"))


def test_what_is_public_comes_after_what_answers_it() -> None:
    stack = local()
    gateway = manifest(stack, "Gateway", "petmesh")
    assert is_after(stack, gateway, stack.one(RELEASE, INGRESS))
    assert is_after(stack, gateway, manifest(stack, "Service", INGRESS))
    # Without a route it answers 404.
    route = manifest(stack, "VirtualService", "petservice-public")
    assert is_after(stack, route, gateway)
    assert is_after(stack, route, manifest(stack, "Deployment", "petservice-v1"))
    assert is_after(stack, route, manifest(stack, "Service", "petservice"))


# Ingress


def test_pet_of_petservice_is_public_and_nothing_else() -> None:
    stack = local()
    bound = [
        (name, route.inputs["spec"])
        for name, route in manifests(stack, "VirtualService").items()
        if route.inputs["spec"].get("gateways")
    ]
    [(name, public)] = bound
    assert name == "petservice-public"
    assert public["gateways"] == ["istio-ingress/petmesh"]
    [rule] = public["http"]
    assert rule["match"] == [{"uri": {"prefix": "/pet/"}}]
    stable = {"host": "petservice.pets.svc.cluster.local", "subset": "v1"}
    assert rule["route"] == [{"destination": stable, "weight": 100}]
    assert "tcp" not in public
    assert "tls" not in public


def test_the_ingress_answers_to_its_hosts_and_to_no_other() -> None:
    hosts = ["pets.example.com", "pets.example.org"]
    stack = gke(ingressHosts=json.dumps(hosts))
    [server] = spec(stack, "Gateway", "petmesh")["servers"]
    assert server["hosts"] == [f"pets/{host}" for host in hosts]
    assert spec(stack, "VirtualService", "petservice-public")["hosts"] == hosts
    assert stack.outputs["url"] == "http://pets.example.com"


def test_the_gateway_is_that_of_the_chart() -> None:
    stack = local()
    [gateway] = manifests(stack, "Gateway").values()
    installed = release(stack, INGRESS)
    assert gateway.inputs["metadata"]["namespace"] == installed["namespace"]
    # The chart labels its pods with the release's name, and with it less "istio-".
    assert gateway.inputs["spec"]["selector"] == {
        "app": installed["name"],
        "istio": installed["name"].removeprefix("istio-"),
    }
    [server] = gateway.inputs["spec"]["servers"]
    assert server["port"] == {"number": 80, "name": "http", "protocol": "HTTP"}


def test_the_ingress_opens_its_http_port_and_no_other() -> None:
    stack = local()
    opened = spec(stack, "Service", INGRESS)
    assert opened["ports"] == [{"name": "http", "port": 80, "targetPort": 80}]
    assert opened["selector"] == spec(stack, "Gateway", "petmesh")["selector"]
    assert release(stack, INGRESS)["values"]["service"]["type"] == "None"


def test_nothing_but_the_ingress_can_be_reached_from_outside() -> None:
    services = manifests(gke(), "Service")
    assert services.keys() == {*SERVICES, INGRESS}
    for service in SERVICES:
        assert services[service].inputs["spec"].get("type", "ClusterIP") == "ClusterIP"


@pytest.mark.parametrize("service", ["petdetailsservice", "petmedicalhistoryservice"])
def test_the_routes_within_the_mesh_are_not_the_gateways(service: str) -> None:
    route = manifest(local(), "VirtualService", service).inputs
    assert route["metadata"]["namespace"] == "pets"
    assert route["spec"]["hosts"] == [f"{service}.pets.svc.cluster.local"]
    assert "gateways" not in route["spec"]


# Egress


def test_the_dog_api_is_reachable_only_when_it_is_switched_on() -> None:
    for stack, hosts in ((local(), []), (local_otherwise(), ["dog.example.com"])):
        entries = manifests(stack, "ServiceEntry").values()
        assert [host for entry in entries for host in entry.inputs["spec"]["hosts"]] == hosts
        rules = [
            each.inputs["spec"]["host"] for each in manifests(stack, "DestinationRule").values()
        ]
        assert [host for host in rules if not host.endswith(".svc.cluster.local")] == hosts


def test_plain_http_to_the_dog_api_becomes_tls_on_443() -> None:
    stack = local_otherwise()
    [entry] = manifests(stack, "ServiceEntry").values()
    assert entry.inputs["spec"]["hosts"] == ["dog.example.com"]
    assert entry.inputs["spec"]["location"] == "MESH_EXTERNAL"
    assert entry.inputs["spec"]["resolution"] == "DNS"
    assert entry.inputs["spec"]["ports"] == [
        {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 443}
    ]
    rule = spec(stack, "DestinationRule", "dog-api")
    assert rule["host"] == "dog.example.com"
    [port] = rule["trafficPolicy"]["portLevelSettings"]
    assert port["port"] == {"number": 80}
    assert port["tls"] == {
        "mode": "SIMPLE",
        "sni": "dog.example.com",
        "subjectAltNames": ["dog.example.com"],
    }


def test_the_dog_api_is_open_only_while_tls_is_in_force() -> None:
    stack = local_otherwise()
    entry, rule = (manifest(stack, kind, "dog-api") for kind in ("ServiceEntry", "DestinationRule"))
    assert is_after(stack, entry, rule)
    assert not is_after(stack, rule, entry)


def test_no_other_namespace_sees_the_dog_api() -> None:
    stack = local_otherwise()
    for kind in ("ServiceEntry", "DestinationRule"):
        each = manifest(stack, kind, "dog-api").inputs
        assert each["spec"]["exportTo"] == ["."]
        assert each["metadata"]["namespace"] == "dev-pets"


def test_petservice_asks_for_the_host_that_is_opened() -> None:
    stack = local_otherwise()
    environment = {each["name"]: each["value"] for each in container(stack, "petservice-v1")["env"]}
    assert environment["DOG_API_URL"] == "http://dog.example.com/v2/dogs?limit=1"


# Security


def test_the_namespace_and_the_whole_mesh_take_mutual_tls_only() -> None:
    peers = [each.inputs for each in manifests(local(), "PeerAuthentication").values()]
    assert [each["spec"] for each in peers] == [{"mtls": {"mode": "STRICT"}}] * 2
    assert {each["metadata"]["namespace"] for each in peers} == {"pets", "istio-system"}


def callers(stack: Declaration, service: str) -> list[str]:
    policy = spec(stack, "AuthorizationPolicy", service)
    assert policy["action"] == "ALLOW"
    assert policy["selector"] == {"matchLabels": {"app": service}}
    [rule] = policy["rules"]
    [source] = rule["from"]
    assert source.keys() == {"source"}
    assert source["source"].keys() == {"principals"}
    return source["source"]["principals"]


GATEWAY = "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"
FRONT = "cluster.local/ns/pets/sa/petservice"


@pytest.mark.parametrize(
    ("service", "caller", "methods", "path"),
    [
        ("petservice", GATEWAY, ["GET", "HEAD"], "/pet/{*}"),
        ("petdetailsservice", FRONT, ["GET"], "/pet/{*}/details"),
        ("petmedicalhistoryservice", FRONT, ["GET"], "/pet/{*}/medicalhistory"),
    ],
)
def test_each_service_answers_its_caller_alone_and_what_it_is_for(
    service: str, caller: str, methods: list[str], path: str
) -> None:
    stack = local()
    assert callers(stack, service) == [caller]
    [rule] = spec(stack, "AuthorizationPolicy", service)["rules"]
    assert rule["to"] == [{"operation": {"methods": methods, "paths": [path]}}]
    assert "when" not in rule


def test_every_service_has_a_policy_and_every_identity_is_its_own() -> None:
    stack = local()
    assert manifests(stack, "AuthorizationPolicy").keys() - set(SERVICES) == {
        INGRESS,
        "allow-nothing",
    }
    assert manifests(stack, "ServiceAccount").keys() == set(SERVICES)


def test_the_policies_follow_the_namespace() -> None:
    stack = local_otherwise()
    assert callers(stack, "petdetailsservice") == ["cluster.local/ns/dev-pets/sa/petservice"]


def test_the_namespace_is_configs() -> None:
    stack = local_otherwise()
    system = {"istio-system", "istio-ingress"}
    in_mesh = [
        each.inputs["metadata"]["namespace"]
        for each in in_cluster(stack)
        if each.inputs.get("metadata", {}).get("namespace", "istio-system") not in system
    ]
    assert len(in_mesh) == 40
    assert set(in_mesh) == {"dev-pets"}
