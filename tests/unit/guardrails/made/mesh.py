"""Istio's objects that no stack has."""

from petmesh.program.declaration import UNKNOWN
from tests.unit.guardrails.judged import changed, istio, resource, workload
from tests.unit.guardrails.legitimate import LEGITIMATE
from tests.unit.guardrails.made.common import (
    ANY_TOKEN,
    GET,
    RULE_WITH_SUBSETS,
    LetThrough,
    Refused,
    at_ingress,
)

# What no stack may have: the rules, the resources and what is said.
REFUSED: Refused = {
    "a condition that everybody meets": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[{"when": [{"key": "source.principal", "values": ["*"]}]}],
            )
        ],
        "spec.rules[0].from is not set: name the callers",
    ),
    "a condition that says who is not meant": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[{"when": [{"key": "source.namespace", "notValues": ["other"]}]}],
            )
        ],
        "spec.rules[0].from is not set",
    ),
    "any token at the ingress gateway, for everything": (
        "callers-are-named",
        [at_ingress(**{"from": ANY_TOKEN})],
        "spec.rules[0].to is not set: name the methods, hosts or paths that anybody may ask",
    ),
    "a pod without a proxy": (
        "marks-are-known",
        [
            changed(
                workload("Job", "batch"),
                "spec.template.metadata.labels",
                {"sidecar.istio.io/inject": "false"},
            )
        ],
        'labels[sidecar.istio.io/inject] is "false": remove it: without its proxy a pod takes and',
    ),
    "a filter that is taken away": (
        "filters-are-known",
        [
            istio(
                "EnvoyFilter",
                "networking",
                workloadSelector={"labels": {"app": "tried"}},
                configPatches=[{"patch": {"operation": "REMOVE"}}],
            )
        ],
        'configPatches[0].patch.operation is "REMOVE": add a filter',
    ),
    "a subset without a rule": (
        "routes-add-up",
        [
            istio(
                "VirtualService",
                "networking",
                http=[{"route": [{"destination": {"host": "a", "subset": "v1"}}]}],
            )
        ],
        "a DestinationRule gives a (none)",
    ),
}
# What a rule lets pass: its name and the resources.
ALLOWED: LetThrough = {
    "a patch that labels what is strict": (
        "mutual-tls-is-strict",
        [
            resource(
                "kubernetes:security.istio.io/v1:PeerAuthenticationPatch",
                metadata={"name": "default", "labels": {"team": "pets"}},
            )
        ],
    ),
    "strict on a port": (
        "mutual-tls-is-strict",
        [
            istio(
                "PeerAuthentication",
                "security",
                mtls={"mode": "STRICT"},
                portLevelMtls={"80": {"mode": "STRICT"}},
            )
        ],
    ),
    "TLS to hosts outside, and to one that isn't known yet": (
        "tls-is-not-weakened",
        [
            istio(
                "DestinationRule",
                "networking",
                host=host,
                trafficPolicy={"tls": {"mode": "SIMPLE"}},
            )
            for host in ("a.com", "*.a.com", UNKNOWN)
        ],
    ),
    "a wildcard within the mesh, and a Gateway's host of any namespace": (
        "hosts-are-named",
        [
            istio("VirtualService", "networking", hosts=["*.pets.svc.cluster.local"]),
            istio(
                "Gateway",
                "networking",
                selector={"istio": "ingressgateway"},
                servers=[{"hosts": ["*/pets.example.com"]}],
            ),
        ],
    ),
    "nothing, and a denial of everything": (
        "callers-are-named",
        [
            istio("AuthorizationPolicy", "security"),
            istio("AuthorizationPolicy", "security", action="DENY", rules=[{}]),
        ],
    ),
    "callers by their tokens' issuer and by their addresses": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[
                    {"from": [{"source": {"requestPrincipals": ["https://issuer.example.com/*"]}}]},
                    {"from": [{"source": {"ipBlocks": ["203.0.113.0/24"]}}]},
                ],
            )
        ],
    ),
    "callers by a condition": (
        "callers-are-named",
        [
            istio(
                "AuthorizationPolicy",
                "security",
                rules=[
                    {"when": [{"key": key, "values": [value]}]}
                    for key, value in (
                        ("source.principal", "cluster.local/ns/pets/sa/petservice"),
                        ("source.namespace", "pets"),
                        ("source.ip", "10.0.0.0/8"),
                        ("source.ip", UNKNOWN),
                    )
                ],
            )
        ],
    ),
    "anybody at the ingress gateway, for what is named": (
        "callers-are-named",
        [
            at_ingress(to=GET),
            at_ingress(to=GET, **{"from": ANY_TOKEN}),
            at_ingress(to=GET, **{"from": [{"source": {"notIpBlocks": ["192.0.2.0/24"]}}]}),
        ],
    ),
    "a named caller at the ingress gateway, for everything": (
        "callers-are-named",
        [at_ingress(**{"from": [{"source": {"ipBlocks": ["203.0.113.0/24"]}}]})],
    ),
    "a Sidecar that leaves the outside to the mesh": (
        "outside-is-registered",
        [istio("Sidecar", "networking", egress=[{"hosts": ["./*"]}])],
    ),
    "a host's short name, a single target, weights not known yet": (
        "routes-add-up",
        [
            RULE_WITH_SUBSETS,
            istio(
                "VirtualService",
                "networking",
                http=[
                    {"route": [{"destination": {"host": "a", "subset": "v1"}}]},
                    {"route": [{"destination": {"host": "a"}, "weight": UNKNOWN}]},
                ],
            ),
        ],
    ),
    "subsets that aren't known yet": (
        "routes-add-up",
        [
            istio("DestinationRule", "networking", host="a", subsets=UNKNOWN),
            istio(
                "VirtualService",
                "networking",
                tcp=[{"route": [{"destination": {"host": "a", "subset": "v1"}}]}],
            ),
        ],
    ),
    "a proxy's own settings": ("marks-are-known", LEGITIMATE["proxy's resources"]),
    "a filter that limits": (
        "filters-are-known",
        [
            istio(
                "EnvoyFilter",
                "networking",
                workloadSelector={"labels": {"app": "tried"}},
                configPatches=[
                    {
                        "applyTo": "HTTP_FILTER",
                        "patch": {
                            "operation": "INSERT_BEFORE",
                            "value": {"name": "envoy.filters.http.local_ratelimit"},
                        },
                    }
                ],
            )
        ],
    ),
}
