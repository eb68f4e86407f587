"""Objects of Istio and the Gateway API of every day's work."""

from typing import Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import changed, istio
from tests.unit.guardrails.legitimate.common import TOKEN, kubernetes

LEGITIMATE: Final[dict[str, list[Resource]]] = {
    "an internal Gateway": [
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            gatewayClassName="gke-l7-rilb",
            listeners=[{"name": "a", "hostname": "a.example.com", "port": 443}],
        ),
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            hostnames=["a.example.com"],
            parentRefs=[{"name": "tried"}],
        ),
    ],
    "a waypoint": [
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            gatewayClassName="istio-waypoint",
            listeners=[{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        ),
        kubernetes(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            parentRefs=[{"group": "", "kind": "Service", "name": "a"}],
        ),
    ],
    "a grant of one Secret": [
        kubernetes(
            "gateway.networking.k8s.io/v1beta1",
            "ReferenceGrant",
            **{
                "from": [{"kind": "Gateway", "namespace": "b"}],
                "to": [{"kind": "Secret", "name": "a"}],
            },
        )
    ],
    "subsets by a wildcard's rule": [
        istio(
            "DestinationRule",
            "networking",
            host="*.pets.svc.cluster.local",
            subsets=[{"name": "v1"}, {"name": "v2"}],
        ),
        istio(
            "VirtualService",
            "networking",
            hosts=["a"],
            http=[{"route": [{"destination": {"host": "a", "subset": "v1"}, "weight": 100}]}],
        ),
    ],
    "any valid token": [
        istio(
            "RequestAuthentication",
            "security",
            jwtRules=[{"issuer": "https://a.com", "jwksUri": "https://a.com/keys"}],
        ),
        istio("AuthorizationPolicy", "security", rules=[{"from": TOKEN}]),
    ],
    "a claim of a token": [
        istio(
            "AuthorizationPolicy",
            "security",
            rules=[{"when": [{"key": "request.auth.claims[group]", "values": ["admins"]}]}],
        )
    ],
    "callers": [
        istio(
            "AuthorizationPolicy",
            "security",
            rules=[
                {"from": [{"source": {"principals": ["cluster.local/ns/pets/sa/petservice"]}}]},
                {"from": [{"source": {"namespaces": ["observability"]}}]},
            ],
        )
    ],
    "a denial": [
        istio(
            "AuthorizationPolicy",
            "security",
            action="DENY",
            rules=[{"from": [{"source": {"notNamespaces": ["pets"]}}]}],
        )
    ],
    "the public at the ingress": [
        changed(
            istio("AuthorizationPolicy", "security", rules=[{"to": [{"operation": operation}]}]),
            "metadata.namespace",
            "istio-ingress",
        )
        for operation in ({"methods": ["GET", "POST"]}, {"paths": ["/api/*"]}, {"hosts": ["a.com"]})
    ],
    "a host outside": [
        istio(
            "ServiceEntry",
            "networking",
            hosts=["api.example.com"],
            location="MESH_EXTERNAL",
            ports=[{"number": 443, "name": "tls", "protocol": "TLS"}],
            resolution="DNS",
        ),
        istio(
            "DestinationRule",
            "networking",
            host="api.example.com",
            trafficPolicy={"tls": {"mode": "SIMPLE", "sni": "api.example.com"}},
        ),
    ],
    "a database by its address": [
        istio(
            "ServiceEntry",
            "networking",
            hosts=["db.internal"],
            addresses=["10.1.2.3/32"],
            endpoints=[{"address": "10.1.2.3"}],
            resolution="STATIC",
        )
    ],
    "a secure Gateway": [
        istio(
            "Gateway",
            "networking",
            selector={"istio": "ingressgateway"},
            servers=[
                {
                    "hosts": ["a.example.com"],
                    "port": {"number": 443, "protocol": "HTTPS"},
                    "tls": {"mode": "SIMPLE", "credentialName": "a-tls"},
                },
                {"hosts": ["a.example.com"], "tls": {"httpsRedirect": True}},
            ],
        )
    ],
    "a policy of traffic": [
        istio(
            "DestinationRule",
            "networking",
            host="a",
            trafficPolicy={
                "loadBalancer": {"simple": "LEAST_REQUEST"},
                "outlierDetection": {"consecutive5xxErrors": 5},
                "connectionPool": {"tcp": {"maxConnections": 100}},
            },
        )
    ],
    "retries, origins and faults": [
        istio(
            "VirtualService",
            "networking",
            hosts=["a"],
            http=[
                {
                    "timeout": "2s",
                    "retries": {"attempts": 2},
                    "corsPolicy": {"allowOrigins": [{"exact": "https://a.com"}]},
                    "headers": {"request": {"set": {"x-version": "v1"}}},
                    "route": [{"destination": {"host": "a"}}],
                }
            ],
        )
    ],
    "headers that Envoy fills in": [
        istio(
            "VirtualService",
            "networking",
            hosts=["a"],
            http=[
                {
                    "headers": {
                        "request": {"set": {"x-token": "%REQ(x-request-id):3%"}},
                        "response": {"add": {"set-cookie": "user-token=%REQ(x-a):3%; Path=/"}},
                    },
                    "route": [{"destination": {"host": "a"}}],
                }
            ],
        )
    ],
    "a cookie that is noted": [
        istio(
            "EnvoyFilter",
            "networking",
            workloadSelector={"labels": {"istio": "ingressgateway"}},
            configPatches=[
                {
                    "applyTo": "HTTP_FILTER",
                    "patch": {
                        "operation": "INSERT_BEFORE",
                        "value": {
                            "name": "envoy.filters.http.header_to_metadata",
                            "typed_config": {
                                "request_rules": [
                                    {
                                        "cookie": "theme",
                                        "on_header_present": {
                                            "metadata_namespace": "shop",
                                            "key": "theme",
                                        },
                                    }
                                ]
                            },
                        },
                    },
                }
            ],
        )
    ],
    "a scope": [istio("Sidecar", "networking", egress=[{"hosts": ["./*", "istio-system/*"]}])],
}
