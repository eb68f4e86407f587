"""Every declared object is one that Kubernetes, or Istio's CRDs, would take as it is."""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest

from petmesh.mesh.istio import OLDEST_KUBERNETES
from petmesh.program.declaration import Declaration
from settings import ROOT
from tests.unit.declared import gke_otherwise, in_cluster, kept, local, local_otherwise, manifest
from tests.unit.schemas import SchemaError, check, strict


def apart() -> Declaration:
    """A platform and its application."""
    shop = kept("shop")
    [platform] = shop.referenced
    return replace(shop, resources=(*platform.resources, *shop.resources))


STACKS = {
    "local": lambda: local(
        dogApiEnabled="true",
        canaryMirrorPercent="10",
        ingressTls="secret",
        ingressRequestsPerSecond="5",
        userCookie="place",
        canaryWeight="10",
    ),
    "local, otherwise": local_otherwise,
    "local, with an egress gateway": lambda: local(
        dogApiEnabled="true", egressGateway="true", ingressRequestsPerSecond="5"
    ),
    "gke": gke_otherwise,
    "staging": lambda: kept("staging"),
    "production": lambda: kept("prod"),
    "a platform and its application": apart,
}
# GKE brings the CRDs of these, and their schemas aren't to be had.
OF_GOOGLE = re.compile(
    r"kubernetes:(monitoring\.googleapis\.com|(networking\.gke|gateway\.networking\.k8s)\.io)/"
)
KUBERNETES_KINDS = {
    "Deployment",
    "HorizontalPodAutoscaler",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
}
# Of a platform alone.
RIGHTS = {"Role", "RoleBinding"}
ISTIO_KINDS = {
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


def of_istio(stack: Declaration, *, istio: bool) -> list[Any]:
    return [
        each.inputs
        for each in in_cluster(stack)
        if not each.type.endswith(":Release")
        and ("istio.io/" in each.type) == istio
        and not OF_GOOGLE.match(each.type)
    ]


OLDEST = f"1.{min(OLDEST_KUBERNETES.values())}"
# 1.29 takes `preStop.sleep` behind a feature gate, and older versions don't know it.
TOO_OLD = "1.28"


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", STACKS)
def test_every_kubernetes_object_fits_its_schema(name: str, version: str) -> None:
    objects = of_istio(STACKS[name](), istio=False)
    assert {each["kind"] for each in objects} - RIGHTS == KUBERNETES_KINDS
    for each in objects:
        check(each, version)


def test_the_oldest_kubernetes_is_stated_and_older_ones_refuse_the_pods() -> None:
    page = (ROOT / "docs" / "existing-cluster.md").read_text()
    for minor, oldest in OLDEST_KUBERNETES.items():
        assert re.search(rf"1\.{oldest} for Istio[0-9. and]* {minor}\b", page)
    with pytest.raises(SchemaError, match="sleep"):
        check(manifest(local(), "Deployment", "petservice-v1").inputs, TOO_OLD)


@pytest.mark.parametrize("name", STACKS)
def test_every_istio_object_fits_its_crd(name: str) -> None:
    objects = of_istio(STACKS[name](), istio=True)
    assert {each["kind"] for each in objects} == ISTIO_KINDS
    for each in objects:
        check(each)


def test_the_certificate_fits_cert_managers_crd() -> None:
    stack = local(ingressTls="certManager", ingressIssuer="corporate")
    certificate = manifest(stack, "Certificate", "ingress-tls").inputs
    check(certificate)
    with pytest.raises(SchemaError):
        check({**certificate, "spec": {**certificate["spec"], "dnsName": ["pets.example.com"]}})


@pytest.mark.parametrize(
    "stack", [lambda: local(canaryWeight="25"), lambda: local(canaryVersion="")]
)
def test_every_route_of_a_release_fits_its_crd(stack: Callable[[], Declaration]) -> None:
    check(manifest(stack(), "VirtualService", "petdetailsservice").inputs)


def broken(kind: str, name: str, path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """A declared manifest with one value put somewhere into it."""
    changed: Any = copy.deepcopy(dict(manifest(local(dogApiEnabled="true"), kind, name).inputs))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


ROUTE = ("VirtualService", "petdetailsservice")
RULE = ("DestinationRule", "petdetailsservice")


@pytest.mark.parametrize(
    ("where", "path", "value"),
    [
        (ROUTE, ("spec", "http", 0, "timout"), "1s"),
        (ROUTE, ("spec", "http", 0, "route", 0, "wieght"), 50),
        (ROUTE, ("spec", "http", 0, "route", 0, "weight"), "50"),
        (ROUTE, ("spec", "http", 0, "timeout"), 5),
        (ROUTE, ("spec", "http", 0, "match", 0, "headers", "x-canary", "exactly"), "always"),
        (ROUTE, ("spec", "http", 0, "match", 0, "headers", "x-canary", "prefix"), "always"),
        (ROUTE, ("metadata", "nmae"), "petdetailsservice"),
        (ROUTE, ("apiVersion",), "networking.istio.io/v2"),
        (RULE, ("spec", "trafficPolicy", "outlierDetection", "consecutiveErrors5xx"), 5),
        (RULE, ("spec", "trafficPolicy", "tls"), {"mode": "MUTUEL"}),
        (RULE, ("spec", "subsets", 0, "lables"), {"version": "v1"}),
        (("ServiceEntry", "dog-api"), ("spec", "resolution"), "DNZ"),
        (("PeerAuthentication", "default"), ("spec", "mtls", "mode"), "STRICTLY"),
        (("AuthorizationPolicy", "petservice"), ("spec", "selectors"), {}),
        (("Sidecar", "petservice"), ("spec", "egress", 0, "host"), ["./*"]),
        (("Sidecar", "petservice"), ("spec", "outboundTrafficPolicy", "mode"), "REGISTRY"),
        (("Gateway", "petmesh"), ("spec", "servers", 0, "port", "nummer"), 80),
        (("Gateway", "petmesh"), ("spec", "servers", 0, "tls"), {"mode": "SIMPEL"}),
    ],
)
def test_istios_schema_refuses_what_is_misspelt(
    where: tuple[str, str], path: tuple[str | int, ...], value: object
) -> None:
    with pytest.raises(SchemaError):
        check(broken(*where, path, value))


POD = ("spec", "template", "spec")


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", (*POD, "securityContext", "runAsNonRoots"), True),
        ("Deployment", (*POD, "containers", 0, "readinesProbe"), {}),
        ("Deployment", (*POD, "terminationGracePeriodSeconds"), "30s"),
        ("HorizontalPodAutoscaler", ("spec", "minReplica"), 1),
        ("PodDisruptionBudget", ("spec", "maxUnavailible"), 1),
    ],
)
def test_kubernetes_schema_refuses_what_is_misspelt(
    kind: str, path: tuple[str | int, ...], value: object
) -> None:
    with pytest.raises(SchemaError):
        check(broken(kind, "petdetailsservice-v1", path, value))


def test_a_strict_schema_keeps_the_places_that_take_any_field() -> None:
    schema = {
        "type": "object",
        "properties": {
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "either": {"x-kubernetes-int-or-string": True},
            "maybe": {"type": "string", "nullable": True},
        },
    }
    assert strict(schema) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "either": {"x-kubernetes-int-or-string": True, "type": ["integer", "string"]},
            "maybe": {"type": ["string", "null"], "nullable": True},
        },
    }
