"""One thing wrong in an object of the mesh that a stack really declares."""

from typing import Any

from tests.unit.guardrails.judged import ABSENT

DOG_API = "api.thedogapi.com"
ANYTHING: dict[str, str] = {}
ROUTE = "petdetailsservice"
OUTBOUND = "values.meshConfig.outboundTrafficPolicy.mode"

# rule, kind and name of a resource, its field, what is put there, what the message has to say.
Case = tuple[str, str, str, str, Any, str]
BROKEN_IN_MESH: list[Case] = [
    *(
        ("mutual-tls-is-strict", "PeerAuthentication", "default", field, value, text)
        for field, value, text in (
            ("spec.mtls.mode", "PERMISSIVE", 'spec.mtls.mode is "PERMISSIVE": set it to STRICT'),
            ("spec.mtls.mode", "DISABLE", 'spec.mtls.mode is "DISABLE"'),
            ("spec.mtls", ABSENT, "spec.mtls.mode is not set"),
            ("spec.portLevelMtls", {"9080": {"mode": "DISABLE"}}, "portLevelMtls.9080.mode is"),
        )
    ),
    *(
        ("tls-is-not-weakened", "DestinationRule", name, field, value, text)
        for name, field, value, text in (
            (
                ROUTE,
                "spec.trafficPolicy.tls",
                {"mode": "DISABLE"},
                'spec.trafficPolicy.tls is {"mode": "DISABLE"}: remove it',
            ),
            (
                ROUTE,
                "spec.subsets[0].trafficPolicy",
                {"tls": {"mode": "DISABLE"}},
                "spec.subsets[0].trafficPolicy.tls is",
            ),
            (
                ROUTE,
                "spec.trafficPolicy.portLevelSettings",
                [{"port": {"number": 9080}, "tls": {"mode": "SIMPLE"}}],
                'portLevelSettings[0].tls.mode is "SIMPLE": remove it or use ISTIO_MUTUAL',
            ),
            *(
                (
                    "dog-api",
                    "spec",
                    {"host": host, "trafficPolicy": {"tls": {"mode": "SIMPLE"}}},
                    'spec.trafficPolicy.tls.mode is "SIMPLE": remove it or use ISTIO_MUTUAL',
                )
                for host in ("petdetailsservice", "*.local", "*.pets.svc.cluster.local", "*")
            ),
            (
                "dog-api",
                "spec.trafficPolicy.portLevelSettings[0].tls.insecureSkipVerify",
                True,
                "insecureSkipVerify is true",
            ),
        )
    ),
    *(
        ("hosts-are-named", kind, name, field, value, text)
        for kind, name, field, value, text in (
            ("ServiceEntry", "dog-api", "spec.hosts", ["*"], 'spec.hosts[0] is "*": name each'),
            (
                "ServiceEntry",
                "dog-api",
                "spec.hosts",
                [DOG_API, "*.a.com"],
                "spec.hosts[1] is",
            ),
            ("ServiceEntry", "dog-api", "spec.addresses", ["0.0.0.0/0"], "spec.addresses[0] is"),
            (
                "Gateway",
                "petmesh",
                "spec.servers[0].hosts",
                ["*"],
                'spec.servers[0].hosts[0] is "*"',
            ),
            ("Gateway", "petmesh", "spec.servers[0].hosts", ["pets/*"], "hosts[0] is"),
            ("VirtualService", "petservice-public", "spec.hosts", ["*"], 'spec.hosts[0] is "*"'),
        )
    ),
    *(
        ("callers-are-named", "AuthorizationPolicy", ROUTE, field, value, text)
        for field, value, text in (
            ("spec.rules", [ANYTHING], "spec.rules[0].from is not set: name the callers"),
            (
                "spec.rules[0].from",
                [{"source": {"principals": ["*"]}}],
                'spec.rules[0].from[0].source.principals[0] is "*": name the callers',
            ),
            *(
                ("spec.rules[0].from", [{"source": source}], f"spec.rules[0].from[0].source{text}")
                for source, text in (
                    (ANYTHING, " is {}"),
                    ({"notPrincipals": ["cluster.local/ns/pets/sa/other"]}, " is"),
                    ({"principals": ["cluster.local/*"]}, ".principals[0] is"),
                    ({"ipBlocks": ["0.0.0.0/0"]}, ".ipBlocks[0] is"),
                )
            ),
            ("spec.rules[0].from", ABSENT, "spec.rules[0].from is not set"),
        )
    ),
    *(
        (
            "callers-are-named",
            "AuthorizationPolicy",
            "istio-ingress-istio-ingressgateway-callers",
            "spec.rules[0].to",
            value,
            "name the methods, hosts or paths that anybody may ask the ingress gateway for",
        )
        for value in (
            [],
            [{"operation": {"methods": ["*"]}}],
            [{"operation": {"methods": ["GET"]}}, {"operation": {"paths": ["/*"]}}],
        )
    ),
    *(
        ("outside-is-registered", kind, name, field, value, "set it to REGISTRY_ONLY")
        for kind, name, field, value in (
            ("Sidecar", "petservice", "spec.outboundTrafficPolicy.mode", "ALLOW_ANY"),
            ("Release", "istiod", OUTBOUND, "ALLOW_ANY"),
            ("Release", "istiod", OUTBOUND, ABSENT),
        )
    ),
    *(
        ("routes-add-up", "VirtualService", ROUTE, field, value, text)
        for field, value, text in (
            (
                "spec.http[1].route[1].weight",
                25,
                "spec.http[1].route[*].weight is [90, 25]: make them add up to 100, not 115",
            ),
            ("spec.http[0].route[0].weight", 0, "spec.http[0].route[*].weight is [0]"),
            (
                "spec.http[1].route[1].destination.subset",
                "v9",
                'spec.http[1].route[1].destination.subset is "v9": name a subset that',
            ),
            (
                "spec.http[1].route[1].destination.host",
                "petservice",
                "petservice (v1)",
            ),
            ("spec.http[1].mirror.subset", "v9", 'spec.http[1].mirror.subset is "v9"'),
        )
    ),
]
