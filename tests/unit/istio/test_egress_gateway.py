"""The egress gateway: where it stands, whom it lets out for what, and in which order it comes."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from istio.network import NODE_LOCAL_DNS, PRIVATE_RANGES
from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import (
    gke,
    in_cluster,
    in_namespace,
    is_after,
    local,
    manifest,
    manifests,
    release,
)

HOST = "api.thedogapi.com"
EGRESS, PETS = "istio-egress", "pets"
GATEWAY = "istio-egressgateway"
SELECTOR = {"app": GATEWAY, "istio": "egressgateway"}
SERVICE = f"{GATEWAY}.{EGRESS}.svc.cluster.local"
ROUTE = "dog-api-egress"
OPEN = {"dogApiEnabled": "true", "egressGateway": "true"}


def one(kind: str, namespace: str, name: str = ROUTE, stack: Declaration | None = None) -> Resource:
    return in_namespace(stack or local(**OPEN), kind, namespace)[name]


def spec(kind: str, namespace: str, name: str = ROUTE) -> Any:  # noqa: ANN401 (data)
    return one(kind, namespace, name).inputs["spec"]


def in_egress(stack: Declaration) -> list[Resource]:
    return [
        each
        for each in in_cluster(stack)
        if EGRESS in (each.inputs.get("namespace"), each.inputs.get("metadata", {}).get("name"))
        or each.inputs.get("metadata", {}).get("namespace") == EGRESS
    ]


# Where it stands


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_there_is_none_unless_it_is_asked_for(enabled: str) -> None:
    stack = local(dogApiEnabled=enabled)
    assert not in_egress(stack)


def test_it_is_reached_within_the_cluster_alone() -> None:
    service = manifest(gke(**OPEN), "Service", GATEWAY).inputs
    assert service["metadata"]["namespace"] == EGRESS
    assert service["spec"] == {
        "type": "ClusterIP",
        "selector": SELECTOR,
        "ports": [{"name": "https", "port": 443, "targetPort": 443}],
    }


def test_its_pods_are_run_as_the_ingresss_are() -> None:
    stack = local(**OPEN, minReplicas="3", maxReplicas="6")
    own, ingress = (release(stack, name) for name in (GATEWAY, "istio-ingressgateway"))
    assert own["namespace"] == EGRESS
    for key in ("chart", "version", "repositoryOpts"):
        assert own[key] == ingress[key]
    # What the ingress bears of strangers is its own.
    strangers = "proxy.istio.io/config"
    shared = {k: v for k, v in ingress["values"]["podAnnotations"].items() if k != strangers}
    assert own["values"] == {**ingress["values"], "podAnnotations": shared}
    assert own["values"]["autoscaling"] == {"minReplicas": 3, "maxReplicas": 6}
    assert own["values"]["podDisruptionBudget"] == {"maxUnavailable": 1}
    labels = [
        manifest(stack, "Namespace", name).inputs["metadata"]["labels"]
        for name in (EGRESS, "istio-ingress")
    ]
    assert labels[0] == labels[1]


def test_by_itself_it_opens_nothing() -> None:
    stack = local(egressGateway="true")
    assert in_namespace(stack, "AuthorizationPolicy", EGRESS).keys() == {"allow-nothing"}
    assert not manifests(stack, "ServiceEntry")
    assert manifests(stack, "Gateway").keys() == {"petmesh"}
    paths = one("NetworkPolicy", EGRESS, GATEWAY, stack).inputs["spec"]
    assert paths["ingress"] == []
    ports = {port["port"] for rule in paths["egress"] for port in rule["ports"]}
    assert ports == {53, 15012}
    own, without = (one("NetworkPolicy", PETS, "petservice", each) for each in (stack, local()))
    assert own.inputs == without.inputs


# Who is let out, for what


def test_petservice_alone_gets_that_host_alone() -> None:
    assert spec("AuthorizationPolicy", EGRESS) == {
        "selector": {"matchLabels": SELECTOR},
        "action": "ALLOW",
        "rules": [
            {
                "from": [{"source": {"principals": ["cluster.local/ns/pets/sa/petservice"]}}],
                "to": [{"operation": {"hosts": [HOST], "methods": ["GET"]}}],
            }
        ],
    }
    assert spec("AuthorizationPolicy", EGRESS, "allow-nothing") == {}


def test_callers_show_the_identity_of_the_mesh() -> None:
    assert spec("Gateway", EGRESS) == {
        "selector": SELECTOR,
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": [HOST],
                "tls": {"mode": "ISTIO_MUTUAL"},
            }
        ],
    }
    [subset] = spec("DestinationRule", PETS)["subsets"]
    [port] = subset["trafficPolicy"]["portLevelSettings"]
    assert port["port"] == {"number": 443}
    assert port["tls"] == {"mode": "ISTIO_MUTUAL", "sni": HOST}


def test_requests_go_to_the_gateway_and_from_there_to_the_host() -> None:
    inner = spec("VirtualService", PETS, "dog-api")
    assert inner["hosts"] == [HOST]
    assert "gateways" not in inner
    [route] = inner["http"]
    subset = spec("DestinationRule", PETS)["subsets"][0]["name"]
    destination = {"host": SERVICE, "subset": subset, "port": {"number": 443}}
    assert route["route"] == [{"destination": destination}]

    outer = spec("VirtualService", EGRESS)
    assert (outer["hosts"], outer["gateways"]) == ([HOST], [f"{EGRESS}/{ROUTE}"])
    for route in outer["http"]:
        assert route["route"] == [{"destination": {"host": HOST, "port": {"number": 80}}}]


def test_the_outside_learns_nothing_of_the_caller() -> None:
    for route in spec("VirtualService", EGRESS)["http"]:
        assert {"x-forwarded-for", "x-forwarded-client-cert"} <= {
            *route["headers"]["request"]["remove"]
        }


def test_the_gateway_originates_tls_as_the_sidecar_does_without_it() -> None:
    outside = f"{ROUTE}-outside"
    for kind in ("ServiceEntry", "DestinationRule"):
        own, sidecars = spec(kind, EGRESS, outside), spec(kind, PETS, "dog-api")
        assert own == sidecars
        assert own["exportTo"] == ["."]
    [port] = spec("DestinationRule", EGRESS, outside)["trafficPolicy"]["portLevelSettings"]
    assert port["tls"] == {"mode": "SIMPLE", "sni": HOST, "subjectAltNames": [HOST]}


def test_petservice_sees_the_gateway_and_no_other_service_does() -> None:
    views = {
        name: each.inputs["spec"]["egress"][0]["hosts"]
        for name, each in in_namespace(local(**OPEN), "Sidecar", PETS).items()
    }
    assert [name for name, hosts in views.items() if f"{EGRESS}/{SERVICE}" in hosts] == [
        "petservice"
    ]


# Network paths


def test_pods_have_no_way_out_but_the_gateway() -> None:
    """Whichever pods, and whatever is switched on: every other rule's addresses are private."""
    stack = local(**OPEN, metrics="prometheus", grafana="true", kiali="true", tracing="jaeger")
    leading_out = {
        (policy.inputs["metadata"]["namespace"], policy.inputs["metadata"]["name"])
        for policy in in_cluster(stack)
        if policy.inputs.get("kind") == "NetworkPolicy"
        for rule in policy.inputs["spec"].get("egress", [])
        if any(map(leads_out, rule.get("to", [{}])))
    }
    assert leading_out == {(EGRESS, GATEWAY)}


def leads_out(peer: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a rule's peer is an address of the outside; no peer at all is any address."""
    if "ipBlock" in peer:
        inside = map(IPv4Network, (*PRIVATE_RANGES, NODE_LOCAL_DNS))
        block = IPv4Network(peer["ipBlock"]["cidr"])
        return not any(block.subnet_of(each) for each in inside)
    return not peer


def test_petservice_reaches_the_outside_by_the_gateway() -> None:
    [way] = [
        rule
        for rule in spec("NetworkPolicy", PETS, "petservice")["egress"]
        if rule["ports"] == [{"protocol": "TCP", "port": 443}]
    ]
    assert way["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": EGRESS}},
            "podSelector": {"matchLabels": SELECTOR},
        }
    ]


def test_petservice_alone_reaches_the_gateway_and_it_public_tls_alone() -> None:
    paths = spec("NetworkPolicy", EGRESS, GATEWAY)
    assert paths["podSelector"] == {"matchLabels": SELECTOR}
    assert paths["ingress"] == [
        {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": PETS}},
                    "podSelector": {"matchLabels": {"app": "petservice"}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 443}],
        }
    ]
    [_, istiod, outside] = paths["egress"]
    assert istiod["ports"] == [{"protocol": "TCP", "port": 15012}]
    assert outside["ports"] == [{"protocol": "TCP", "port": 443}]
    assert outside["to"][0]["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert "10.0.0.0/8" in outside["to"][0]["ipBlock"]["except"]
    assert spec("NetworkPolicy", EGRESS, "default-deny") == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_istiod_lets_the_gateways_proxies_in() -> None:
    [rule] = [
        rule
        for rule in spec("NetworkPolicy", "istio-system", "istiod")["ingress"]
        for peer in rule.get("from", [])
        if peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == EGRESS
    ]
    assert rule["ports"] == [{"protocol": "TCP", "port": 15012}]


@pytest.mark.parametrize(("metrics", "port"), [("prometheus", 15020), ("managed", 15090)])
def test_its_metrics_are_scraped(metrics: str, port: int) -> None:
    stack = gke(**OPEN, metrics=metrics)
    paths = one("NetworkPolicy", EGRESS, GATEWAY, stack).inputs["spec"]
    assert port in [each["port"] for rule in paths["ingress"] for each in rule["ports"]]
    if metrics == "managed":
        assert in_namespace(stack, "PodMonitoring", EGRESS)
    else:
        proxies = in_namespace(stack, "PodMonitor", "observability")["istio-proxies"]
        assert EGRESS in proxies.inputs["spec"]["namespaceSelector"]["matchNames"]


# Order


def test_each_hops_tls_is_there_before_the_route_that_leads_to_it() -> None:
    stack = local(**OPEN)
    switch = one("VirtualService", PETS, "dog-api")
    for earlier in (
        one("DestinationRule", PETS),
        one("DestinationRule", EGRESS, f"{ROUTE}-outside"),
        one("ServiceEntry", EGRESS, f"{ROUTE}-outside"),
        one("Gateway", EGRESS),
        one("VirtualService", EGRESS),
        one("AuthorizationPolicy", EGRESS),
        one("NetworkPolicy", PETS, "petservice"),
        manifest(stack, "Service", GATEWAY),
        stack.one("kubernetes:helm.sh/v3:Release", GATEWAY),
    ):
        assert is_after(stack, switch, earlier), earlier.urn
    entry = one("ServiceEntry", EGRESS, f"{ROUTE}-outside")
    assert is_after(stack, entry, one("DestinationRule", EGRESS, f"{ROUTE}-outside"))
    assert is_after(stack, one("VirtualService", EGRESS), entry)


def test_the_host_is_opened_once_requests_for_it_go_through_the_gateway() -> None:
    stack = local(**OPEN)
    for kind in ("ServiceEntry", "DestinationRule"):
        assert is_after(stack, one(kind, PETS, "dog-api"), one("VirtualService", PETS, "dog-api"))


def test_switching_it_touches_nothing_that_keeps_the_direct_way_encrypted() -> None:
    direct = local(dogApiEnabled="true")
    for kind in ("ServiceEntry", "DestinationRule"):
        assert one(kind, PETS, "dog-api", direct).inputs == one(kind, PETS, "dog-api").inputs


def test_what_is_allowed_and_opened_comes_before_the_rest_is_closed() -> None:
    stack = local(**OPEN)
    assert is_after(
        stack,
        one("AuthorizationPolicy", EGRESS, "allow-nothing"),
        one("AuthorizationPolicy", EGRESS),
    )
    for namespace, opened in ((EGRESS, GATEWAY), (PETS, "petservice")):
        closed = one("NetworkPolicy", namespace, "default-deny")
        assert is_after(stack, closed, one("NetworkPolicy", namespace, opened))
    pods = stack.one("kubernetes:helm.sh/v3:Release", GATEWAY)
    for needed in (
        one("NetworkPolicy", EGRESS, GATEWAY),
        one("NetworkPolicy", "istio-system", "istiod"),
        stack.one("kubernetes:helm.sh/v3:Release", "istiod"),
    ):
        assert is_after(stack, pods, needed)
