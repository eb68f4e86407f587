"""Insecure objects of the mesh, and settings of istiod's chart."""

from collections.abc import Mapping
from typing import Any

from petmesh.program.declaration import Resource
from tests.unit.guardrails.insecure.variants import Data, Variants, each
from tests.unit.guardrails.judged import ABSENT, changed, istio, resource

_OPEN_WHEN_DOWN = {"name": "a", "envoyExtAuthzHttp": {"service": "a", "failOpen": True}}


def _release(values: Mapping[str, Any], **given: Any) -> Resource:  # noqa: ANN401 (data)
    fields: Data = {
        "chart": "app",
        "version": "1.2.3",
        "repositoryOpts": {"repo": "https://charts.example.com"},
        "values": values,
    }
    return resource("kubernetes:helm.sh/v3:Release", **{**fields, **given})


def mesh() -> Variants:
    for spec in each(
        {},
        {"mtls": {}},
        *({"mtls": {"mode": mode}} for mode in ("PERMISSIVE", "DISABLE", "UNSET")),
        {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"80": {"mode": "DISABLE"}}},
        {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"80": {"mode": "PERMISSIVE"}}},
    ):
        yield f"PeerAuthentication {spec}", [istio("PeerAuthentication", "security", **spec)]
    for host, policy in (
        ("a", {"tls": {"mode": "DISABLE"}}),
        ("a", {"tls": {"mode": "SIMPLE"}}),
        ("a.pets.svc.cluster.local", {"tls": {"mode": "MUTUAL"}}),
        ("*.local", {"tls": {"mode": "SIMPLE"}}),
        ("a.com", {"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}}),
        ("a.com", {"portLevelSettings": [{"tls": {"mode": "DISABLE"}}]}),
        ("a", {"proxyProtocol": {"version": "V1"}}),
        ("a", {"tunnel": {"targetHost": "evil.com"}}),
        ("a", {"somethingNew": True}),
    ):
        for spec in each(
            {"trafficPolicy": policy},
            {"subsets": [{"name": "v1", "trafficPolicy": policy}]},
        ):
            rule = istio("DestinationRule", "networking", host=host, **spec)
            yield f"DestinationRule {host} {spec}", [rule]
    entry: Data = {"hosts": ["a.com"], "ports": [{"number": 443}], "resolution": "DNS"}
    for change in each(
        {"hosts": ["*"]},
        {"hosts": ["*.com"]},
        {"hosts": ["*.a.com"], "resolution": "NONE"},
        {"resolution": "NONE"},
        {"resolution": ABSENT},
        {"addresses": ["0.0.0.0/0"]},
        {"addresses": ["::/0"]},
        {"addresses": ["128.0.0.0/1"]},
        {"endpoints": [{"address": "169.254.169.254"}]},
        {"endpoints": [{"address": "127.0.0.1"}]},
        {"endpoints": [{"address": "unix:///run/containerd.sock"}]},
        {"endpoints": [{"address": "metadata.google.internal"}]},
    ):
        spec = {key: value for key, value in {**entry, **change}.items() if value is not ABSENT}
        yield f"ServiceEntry {change}", [istio("ServiceEntry", "networking", **spec)]
    yield from _gateways()
    yield from _settings()
    yield from _routes()
    yield from _filters()


def _gateways() -> Variants:
    server: Data = {"hosts": ["a.example.com"], "port": {"number": 443}}
    for change in each(
        {"hosts": ["*"]},
        {"hosts": ["pets/*"]},
        {"hosts": ["*.example.com"]},
        *({"tls": {"mode": mode}} for mode in ("AUTO_PASSTHROUGH", "OPTIONAL_MUTUAL")),
        {"tls": {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_0"}},
        {"tls": {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_1"}},
        {"tls": {"mode": "SIMPLE", "cipherSuites": ["DES-CBC3-SHA"]}},
        {"tls": {"mode": "SIMPLE", "cipherSuites": ["AES128-SHA"]}},
        {"tls": {"mode": "SIMPLE", "somethingNew": True}},
    ):
        spec = {"selector": {"istio": "ingressgateway"}, "servers": [{**server, **change}]}
        yield f"Gateway {change}", [istio("Gateway", "networking", **spec)]
    yield "Gateway of every proxy", [istio("Gateway", "networking", servers=[server])]
    for spec in each(
        {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
        {"egress": [{"hosts": ["*/*"]}]},
        {"egress": [{"hosts": ["./*"], "captureMode": "NONE"}]},
        {"ingress": [{"captureMode": "NONE", "defaultEndpoint": "127.0.0.1:80"}]},
        {"ingress": [{"tls": {"mode": "SIMPLE"}}]},
    ):
        yield f"Sidecar {spec}", [istio("Sidecar", "networking", **spec)]


def _settings() -> Variants:
    for given in each(
        {"chart": "istiod"},
        {"chart": "https://a.com/istiod-1.31.1.tgz"},
        {"chart": f"oci://r.example.com/istiod@sha256:{'1' * 64}"},
        {"chart": "./charts/mine"},
    ):
        values = {"meshConfig": {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}
        yield f"ALLOW_ANY {given}", [_release(values, **given)]
        if given["chart"] == "istiod":
            yield "no policy", [_release({}, **given)]
    for chart in (
        f"oci://r.example.com/istiod@sha256:{'1' * 64}",
        "./istiod/",
        "./istiod-1.31.tgz",
    ):
        yield f"no policy {chart}", [_release({}, chart=chart)]
    yield "validation", [_release({"base": {"validationFailurePolicy": "Ignore"}}, chart="base")]
    yield "postrender", [_release({}, chart="a", postrender="./change.sh")]
    for type_, field, value in (
        ("yaml:ConfigFile", "file", "https://example.com/a.yaml"),
        ("yaml/v2:ConfigGroup", "files", ["https://example.com/a.yaml"]),
        ("kustomize/v2:Directory", "directory", "github.com/a/b"),
    ):
        yield f"fetched {type_}", [changed(resource(f"kubernetes:{type_}"), field, value)]
    kubeconfig = '{"clusters": [{"cluster": {"insecure-skip-tls-verify": true}}]}'
    yield "any cluster", [resource("pulumi:providers:kubernetes", kubeconfig=kubeconfig)]
    for host in ("metadata.google.internal", "a.pets.svc.cluster.local"):
        yield f"entry {host}", [istio("ServiceEntry", "networking", hosts=[host], resolution="DNS")]
    registry = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    for values in each(
        {"meshConfig": {**registry, "enableAutoMtls": False}},
        {"meshConfig": {**registry, "accessLogFile": ""}},
        {"meshConfig": {**registry, "accessLogFile": "/dev/null"}},
        {"meshConfig": {**registry, "caCertificates": [{"pem": "a"}]}},
        {"meshConfig": {**registry, "meshMTLS": {"minProtocolVersion": "TLSV1_0"}}},
        {"meshConfig": {**registry, "defaultConfig": {"interceptionMode": "NONE"}}},
        {"meshConfig": {**registry, "defaultConfig": {"proxyMetadata": {"ANY": "a"}}}},
        {"meshConfig": registry, "global": {"proxy": {"privileged": True}}},
        {"meshConfig": {**registry, "rootNamespace": "pets"}},
        {"meshConfig": {**registry, "extensionProviders": [_OPEN_WHEN_DOWN]}},
        {"meshConfig": registry, "sidecarInjectorWebhook": {"neverInjectSelector": [{}]}},
        {"meshConfig": registry, "sidecarInjectorWebhook": {"templates": {"a": "b"}}},
        {"meshConfig": registry, "global": {"proxy": {"excludeIPRanges": "0.0.0.0/0"}}},
        {"meshConfig": registry, "global": {"proxy": {"excludeOutboundPorts": "443"}}},
        {"meshConfig": registry, "global": {"proxy": {"autoInject": "disabled"}}},
        {"meshConfig": registry, "global": {"tag": "latest"}},
        {"meshConfig": registry, "global": {"jwtPolicy": "first-party-jwt"}},
        {"meshConfig": registry, "global": {"proxy": {"enableCoreDump": True}}},
        {"meshConfig": registry, "env": {"PILOT_SKIP_VALIDATE_TRUST_DOMAIN": "true"}},
        {"meshConfig": registry, "env": {"ENABLE_AUTO_SNI": "false"}},
        {"meshConfig": registry, "base": {"validationFailurePolicy": "Ignore"}},
    ):
        yield f"istiod {values}", [_release(values, chart="istiod")]
    yield "no access log", [istio("Telemetry", "telemetry", accessLogging=[{"disabled": True}])]
    yield (
        "keys in clear",
        [istio("RequestAuthentication", "security", jwtRules=[{"jwksUri": "http://a.com"}])],
    )


def _routes() -> Variants:
    for weights in ((10, 10), (90, 20), (0, 0), (150, -50), (60, None)):
        route = [{"destination": {"host": "a"}, "weight": weight} for weight in weights]
        yield (
            f"weights {weights}",
            [istio("VirtualService", "networking", hosts=["a"], http=[{"route": route}])],
        )
    route = [{"destination": {"host": "a", "subset": "v9"}}]
    yield "no such subset", [istio("VirtualService", "networking", http=[{"route": route}])]
    for origin in ({"exact": "*"}, {"regex": ".*"}, {"prefix": "https://"}):
        http = [{"corsPolicy": {"allowOrigins": [origin]}}]
        yield f"origins {origin}", [istio("VirtualService", "networking", http=http)]
    public = {"hosts": ["*"], "gateways": ["istio-ingress/petmesh"]}
    yield "public hosts", [istio("VirtualService", "networking", **public)]


def _filters() -> Variants:
    def patched(**patch: Any) -> dict[str, Any]:  # noqa: ANN401 (data)
        return {"configPatches": [{"applyTo": "HTTP_FILTER", "patch": patch}]}

    chosen = {"workloadSelector": {"labels": {"app": "a"}}}

    def noted(**namespace: str) -> dict[str, Any]:
        rule = {"header": "x-who", "on_header_present": {"key": "sub", **namespace}}
        return {
            "name": "envoy.filters.http.header_to_metadata",
            "typed_config": {"request_rules": [rule]},
        }

    limit = {"name": "envoy.filters.http.local_ratelimit"}
    for spec in (
        patched(operation="INSERT_BEFORE", value=limit),
        {**chosen, **patched(operation="REMOVE", value={"name": "envoy.filters.http.rbac"})},
        {**chosen, **patched(operation="REMOVE")},
        {**chosen, **patched(operation="REPLACE", value=limit)},
        *(
            {**chosen, **patched(operation="INSERT_FIRST", value={"name": name})}
            for name in (
                "envoy.filters.http.lua",
                "envoy.filters.http.wasm",
                "envoy.filters.http.ext_proc",
                "envoy.filters.http.rbac",
                "envoy.filters.network.tcp_proxy",
            )
        ),
        *(
            {**chosen, **patched(operation="INSERT_BEFORE", value=noted(**namespace))}
            for namespace in (
                {"metadata_namespace": "envoy.filters.http.jwt_authn"},
                {"metadataNamespace": "envoy.lb"},
                {"metadata_namespace": "istio_authn"},
            )
        ),
        {
            **chosen,
            **patched(
                operation="MERGE",
                value={
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {"http_filters": [{"name": "envoy.filters.http.lua"}]},
                },
            ),
        },
    ):
        yield f"EnvoyFilter {spec}", [istio("EnvoyFilter", "networking", **spec)]


def callers() -> Variants:
    def policy(rule: Mapping[str, Any], namespace: str = "pets") -> list[Resource]:
        given = istio("AuthorizationPolicy", "security", rules=[rule])
        return [changed(given, "metadata.namespace", namespace)]

    for source in each(
        {},
        {"principals": ["*"]},
        {"principals": ["cluster.local/*"]},
        {"principals": ["*/sa/petservice"]},
        {"principals": ["cluster.local/ns/pets/sa/*"]},
        {"namespaces": ["*"]},
        {"namespaces": ["pets*"]},
        {"serviceAccounts": ["*"]},
        {"ipBlocks": ["0.0.0.0/0"]},
        {"ipBlocks": ["::/0"]},
        {"ipBlocks": ["10.0.0.0/7"]},
        {"remoteIpBlocks": ["0.0.0.0/1"]},
        {"notPrincipals": ["cluster.local/ns/a/sa/b"]},
        {"notNamespaces": ["a"]},
        {"notIpBlocks": ["192.0.2.0/24"]},
        {"notRequestPrincipals": ["*"]},
    ):
        yield f"source {source}", policy({"from": [{"source": source}]})
    for rule in each(
        {},
        {"from": []},
        {"to": [{"operation": {"methods": ["GET"]}}]},
        {"when": [{"key": "request.headers[x-any]", "values": ["*"]}]},
        {"when": [{"key": "source.principal", "values": ["*"]}]},
        {"when": [{"key": "source.ip", "values": ["0.0.0.0/0"]}]},
        {"when": [{"key": "source.namespace", "notValues": ["a"]}]},
    ):
        yield f"rule {rule}", policy(rule)
    for operation in each(
        {},
        {"methods": ["*"]},
        {"methods": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
        {"methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]},
        *({"paths": [path]} for path in ("*", "/*", "/**", "/{**}", "{**}", "/{*}/{**}", "/{*}")),
        {"hosts": ["*"]},
        {"ports": ["80"]},
        {"notPaths": ["/admin"]},
        {"notMethods": ["TRACE"]},
    ):
        rule = {"to": [{"operation": operation}]}
        yield f"at the ingress {operation}", policy(rule, "istio-ingress")
    token = {"from": [{"source": {"requestPrincipals": ["*"]}}]}
    yield "any token for everything at the ingress", policy(token, "istio-ingress")
