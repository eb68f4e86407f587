"""Permitted calls: identities, methods and paths, each Sidecar's hosts, each NetworkPolicy."""

from typing import Any

import pytest

from demo.pets import CATALOG, PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from petmesh.program.declaration import Declaration
from tests.unit.declared import (
    gke,
    in_namespace,
    is_after,
    local,
    local_otherwise,
    manifest,
    manifests,
    pod,
    release,
)

# Identities, methods and paths


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress"])
def test_what_no_policy_allows_is_refused(namespace: str) -> None:
    nothing = in_namespace(local(), "AuthorizationPolicy", namespace)["allow-nothing"]
    assert nothing.inputs["spec"] == {}


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress"])
def test_what_is_allowed_is_allowed_before_the_rest_is_refused(namespace: str) -> None:
    stack = local()
    policies = in_namespace(stack, "AuthorizationPolicy", namespace)
    nothing = policies.pop("allow-nothing")
    for policy in policies.values():
        assert is_after(stack, nothing, policy)
    assert is_after(stack, manifest(stack, "Gateway", "petmesh"), nothing)


def test_anybody_may_get_at_the_ingress_and_no_more() -> None:
    policy = manifest(local(), "AuthorizationPolicy", "istio-ingressgateway").inputs
    assert policy["metadata"]["namespace"] == "istio-ingress"
    assert policy["spec"] == {
        "selector": {
            "matchLabels": {"app": "istio-ingressgateway", "istio": "ingressgateway"},
        },
        "action": "ALLOW",
        "rules": [{"to": [{"operation": {"methods": ["GET", "HEAD"]}}]}],
    }


def test_each_back_end_is_petservices_and_the_ingress_calls_petservice_alone() -> None:
    assert CATALOG.callers(PETDETAILS) == CATALOG.callers(PETMEDICALHISTORY) == (PETSERVICE,)
    assert CATALOG.callers(PETSERVICE) == ()


# Views

HOST = "./{}.pets.svc.cluster.local"
PETS = HOST.format("petservice")
DETAILS = HOST.format("petdetailsservice")
HISTORY = HOST.format("petmedicalhistoryservice")
COLLECTOR = "observability/opentelemetry-collector.observability.svc.cluster.local"


@pytest.mark.parametrize(
    ("service", "config", "hosts"),
    [
        ("petservice", {}, [PETS, DETAILS, HISTORY]),
        (
            "petservice",
            {"dogApiEnabled": "true"},
            [PETS, DETAILS, HISTORY, "./api.thedogapi.com"],
        ),
        ("petdetailsservice", {"dogApiEnabled": "true"}, [DETAILS]),
        ("petmedicalhistoryservice", {"tracing": "jaeger"}, [HISTORY, COLLECTOR]),
    ],
)
def test_a_proxy_sees_what_its_service_calls_and_its_own_limits(
    service: str, config: dict[str, str], hosts: list[str]
) -> None:
    assert manifest(local(**config), "Sidecar", service).inputs["spec"] == {
        "workloadSelector": {"labels": {"app": service}},
        "egress": [{"hosts": hosts}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


def test_any_other_proxy_sees_its_namespace_and_istiods() -> None:
    sidecar = manifest(local_otherwise(), "Sidecar", "default").inputs
    assert sidecar["metadata"]["namespace"] == "dev-pets"
    assert sidecar["spec"] == {
        "egress": [{"hosts": ["./*", "istio-system/*"]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


def test_no_pod_starts_with_a_wider_view() -> None:
    stack = local()
    assert manifests(stack, "Sidecar").keys() == {"default", *(each.name for each in CATALOG)}
    for name, deployment in manifests(stack, "Deployment").items():
        service = name.rpartition("-")[0]
        assert is_after(stack, deployment, manifest(stack, "Sidecar", service))
        assert is_after(stack, deployment, manifest(stack, "Sidecar", "default"))


# Pods without privileges


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress", "istio-system", "observability"])
def test_every_pod_is_restricted(namespace: str) -> None:
    stack = local(metrics="prometheus")
    labels = manifest(stack, "Namespace", namespace).inputs["metadata"]["labels"]
    prefix = "pod-security.kubernetes.io/"
    assert {key: value for key, value in labels.items() if key.startswith(prefix)} == {
        f"{prefix}enforce": "restricted",
        f"{prefix}enforce-version": "v1.34",
        f"{prefix}audit": "restricted",
        f"{prefix}audit-version": "latest",
        f"{prefix}warn": "restricted",
        f"{prefix}warn-version": "latest",
    }


def test_no_pod_needs_a_capability_to_redirect_its_traffic() -> None:
    stack = local()
    assert release(stack, "istiod")["values"]["pilot"] == {"cni": {"enabled": True}}
    plugin = release(stack, "istio-cni")
    assert plugin["namespace"] == "kube-system"
    assert plugin["values"]["repair"] == {"enabled": True, "repairPods": True}


def test_every_pod_and_every_injected_container_has_the_runtimes_seccomp_profile() -> None:
    stack = local()
    default = {"type": "RuntimeDefault"}
    istiod = release(stack, "istiod")["values"]
    assert istiod["seccompProfile"] == default
    assert istiod["global"]["proxy"]["seccompProfile"] == default
    assert release(stack, "istio-cni")["values"]["seccompProfile"] == default
    gateway = release(stack, "istio-ingressgateway")["values"]["securityContext"]
    assert gateway["seccompProfile"] == default
    assert gateway["runAsNonRoot"] is True
    for name in manifests(stack, "Deployment"):
        assert pod(stack, name)["securityContext"]["seccompProfile"] == default


def test_the_gateway_listens_on_low_ports_without_a_capability() -> None:
    gateway = release(local(), "istio-ingressgateway")["values"]["securityContext"]
    assert gateway["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]


# Network paths

ANY: tuple[str, ...] = ("anywhere",)
ISTIOD = ("pods", "istio-system", "app=istiod")
SERVICE_PATHS = {
    "petservice": ("istio-ingress", "app=istio-ingressgateway,istio=ingressgateway"),
    "petdetailsservice": ("pets", "app=petservice"),
    "petmedicalhistoryservice": ("pets", "app=petservice"),
}


def network(stack: Declaration, namespace: str, name: str) -> Any:  # noqa: ANN401 (data)
    return in_namespace(stack, "NetworkPolicy", namespace)[name].inputs["spec"]


def ends(rules: list[Any], end: str) -> set[tuple[Any, ...]]:
    """Every peer of some rules with each of its ports."""
    return {
        (*peer, port["protocol"], port["port"])
        for rule in rules
        for peer in ([_peer(each) for each in rule[end]] if end in rule else [ANY])
        for port in rule["ports"]
    }


def _peer(peer: Any) -> tuple[Any, ...]:  # noqa: ANN401 (data)
    if "ipBlock" in peer:
        return ("addresses", peer["ipBlock"]["cidr"], *peer["ipBlock"].get("except", ()))
    [(label, namespace)] = peer["namespaceSelector"]["matchLabels"].items()
    assert label == "kubernetes.io/metadata.name"
    pods = peer.get("podSelector", {})
    labels = [f"{key}={value}" for key, value in sorted(pods.get("matchLabels", {}).items())]
    values = [value for each in pods.get("matchExpressions", ()) for value in each["values"]]
    return ("pods", namespace, ",".join([*labels, *values]))


DNS = {
    (*peer, protocol, 53)
    for peer in (
        ("pods", "kube-system", "kube-dns,node-local-dns"),
        ("addresses", "169.254.20.10/32"),
    )
    for protocol in ("UDP", "TCP")
}
XDS = (*ISTIOD, "TCP", 15012)


def calls(stack: Declaration, namespace: str, name: str) -> set[tuple[Any, ...]]:
    """Whom some pods may call, besides the cluster's DNS and istiod."""
    called = ends(network(stack, namespace, name)["egress"], "to")
    assert called >= DNS | {XDS}
    return called - DNS - {XDS}


def answers(stack: Declaration, namespace: str, name: str) -> set[tuple[Any, ...]]:
    return ends(network(stack, namespace, name)["ingress"], "from")


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress", "istio-system"])
def test_a_path_that_no_policy_opens_is_closed(namespace: str) -> None:
    closed = network(local(), namespace, "default-deny")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("namespace", ["pets", "istio-ingress", "istio-system"])
def test_paths_are_opened_before_the_rest_is_closed(namespace: str) -> None:
    stack = local()
    policies = in_namespace(stack, "NetworkPolicy", namespace)
    closed = policies.pop("default-deny")
    assert policies
    for policy in policies.values():
        assert policy.inputs["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert is_after(stack, closed, policy)


def test_no_pod_starts_before_its_paths() -> None:
    stack = local()
    for name, deployment in manifests(stack, "Deployment").items():
        policy = in_namespace(stack, "NetworkPolicy", "pets")[name.rpartition("-")[0]]
        assert is_after(stack, deployment, policy)
    for name, namespace in (("istiod", "istio-system"), ("istio-ingressgateway", "istio-ingress")):
        installed = stack.one("kubernetes:helm.sh/v3:Release", name)
        policy = in_namespace(stack, "NetworkPolicy", namespace)[name]
        assert is_after(stack, installed, policy)
        [labels] = policy.inputs["spec"]["podSelector"].values()
        assert labels["app"] == name


@pytest.mark.parametrize("service", [*CATALOG], ids=lambda each: each.name)
def test_a_service_is_reached_by_its_caller_on_its_port(service: Any) -> None:  # noqa: ANN401
    caller = ("pods", *SERVICE_PATHS[service.name])
    assert answers(local(), "pets", service.name) == {(*caller, "TCP", service.port)}
    policy = network(local(), "pets", service.name)
    assert policy["podSelector"] == {"matchLabels": {"app": service.name}}


def test_petservice_reaches_its_back_ends_and_these_nothing() -> None:
    stack = local(dogApiEnabled="false")
    assert calls(stack, "pets", "petservice") == {
        ("pods", "pets", "app=petdetailsservice", "TCP", 9081),
        ("pods", "pets", "app=petmedicalhistoryservice", "TCP", 9082),
    }
    for service in ("petdetailsservice", "petmedicalhistoryservice"):
        assert calls(local(dogApiEnabled="true"), "pets", service) == set()


def test_the_dog_api_opens_public_tls_to_petservice_and_no_private_address() -> None:
    opened = calls(local(dogApiEnabled="true"), "pets", "petservice")
    [(_, cidr, *without, protocol, port)] = opened - calls(local(), "pets", "petservice")
    assert (cidr, protocol, port) == ("0.0.0.0/0", "TCP", 443)
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(without)


@pytest.mark.parametrize(("config", "ports"), [({}, {80}), ({"ingressTls": "secret"}, {80, 443})])
def test_anybody_reaches_the_gateway_on_its_ports_and_it_petservice_alone(
    config: dict[str, str], ports: set[int]
) -> None:
    stack = local(**config)
    gateway = "istio-ingressgateway"
    assert answers(stack, "istio-ingress", gateway) == {(*ANY, "TCP", port) for port in ports}
    assert calls(stack, "istio-ingress", gateway) == {
        ("pods", "pets", "app=petservice", "TCP", 9080)
    }


def test_googles_load_balancer_alone_reaches_the_gateway_behind_it() -> None:
    stack = gke(
        ingressTls="googleManaged",
        ingressServiceType="ClusterIP",
        ingressHosts='["pets.example.com"]',
    )
    assert answers(stack, "istio-ingress", "istio-ingressgateway") == {
        ("addresses", cidr, "TCP", port)
        for cidr in ("130.211.0.0/22", "35.191.0.0/16")
        for port in (80, 15021)
    }


def test_istiod_is_reached_by_the_api_server_and_the_meshs_proxies() -> None:
    stack = local_otherwise()
    assert answers(stack, "istio-system", "istiod") == {
        (*ANY, "TCP", 15017),
        ("pods", "istio-ingress", "", "TCP", 15012),
        ("pods", "dev-pets", "", "TCP", 15012),
    }
    called = ends(network(stack, "istio-system", "istiod")["egress"], "to")
    assert called - DNS == {
        ("addresses", cidr, "TCP", port)
        for cidr in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
        for port in (443, 6443, 8443, 16443)
    }


def test_the_api_server_is_reached_where_the_platform_or_config_says() -> None:
    for stack, ranges in (
        (gke(metrics="prometheus", kiali="true"), {"172.16.0.0/28"}),
        (
            local(metrics="prometheus", kiali="true", apiServerRanges='["203.0.113.7/32"]'),
            {"203.0.113.7/32"},
        ),
    ):
        reached_at(stack, ranges)


def reached_at(stack: Declaration, ranges: set[str]) -> None:
    for where, name in (
        ("istio-system", "istiod"),
        ("observability", "prometheus"),
        ("observability", "kiali"),
    ):
        called = ends(network(stack, where, name)["egress"], "to")
        addresses = {cidr for kind, cidr, *_ in called if kind == "addresses"}
        assert addresses == {*ranges, "169.254.20.10/32"}


@pytest.mark.parametrize(
    ("metrics", "scraper", "port"),
    [
        ("prometheus", ("observability", "app.kubernetes.io/name=prometheus"), 15020),
        ("managed", ("gmp-system", ""), 15090),
    ],
)
def test_what_scrapes_the_mesh_is_let_in(metrics: str, scraper: tuple[str, str], port: int) -> None:
    plain, scraped = gke(), gke(metrics=metrics)
    for where, name, at in (
        ("pets", "petdetailsservice", port),
        ("istio-ingress", "istio-ingressgateway", port),
        ("istio-system", "istiod", 15014),
    ):
        more = answers(scraped, where, name) - answers(plain, where, name)
        assert more == {("pods", *scraper, "TCP", at)}


def test_traces_reach_the_collector() -> None:
    stack, traced = local(), local(tracing="jaeger")
    collector = "app.kubernetes.io/name=opentelemetry-collector"
    for where, name in (("pets", "petdetailsservice"), ("istio-ingress", "istio-ingressgateway")):
        assert calls(traced, where, name) - calls(stack, where, name) == {
            ("pods", "observability", collector, "TCP", port) for port in (4317, 4318)
        }
