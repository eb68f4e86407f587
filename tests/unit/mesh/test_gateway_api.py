"""Objects of the Gateway API are converted to Istio's as istiod does it."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.match import route_match
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.istio.virtual_service import VirtualService
from petmesh.mesh.mesh import Mesh
from tests.unit.envoy.laid import MESH
from tests.unit.manifests.inputs import omitted, read


def obj(kind: str, name: str, spec: str, namespace: str = "default") -> str:
    head = f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
    return f"{head}metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}"


def gateway(listener: str = "protocol: HTTP, port: 80", cls: str = "istio") -> str:
    spec = f"{{gatewayClassName: {cls}, listeners: [{{name: a, {listener}}}]}}"
    return obj("Gateway", "public", spec)


def route(rules: str, kind: str = "HTTPRoute", parent: str = "name: public") -> str:
    return obj(kind, "r", f"{{parentRefs: [{{{parent}}}], rules: {rules}}}")


def converted(folder: Path, rules: str, kind: str = "HTTPRoute") -> VirtualService:
    [found] = read(folder, MESH, gateway(), route(rules, kind)).virtual_services
    return found


def fields(folder: Path, rule: str) -> dict[str, Any]:
    """What a rule's first route sets."""
    [http] = converted(folder, f"[{{{rule}}}]").spec.http
    return http.model_dump(by_alias=True, exclude_defaults=True)


REPLACED_PREFIX = (
    "type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, "
    "replacePrefixMatch: /b}}"
)
TO_WEB = "backendRefs: [{name: web, port: 80}]"


def test_a_gateway_has_a_pod_and_a_server_of_its_own(tmp_path: Path) -> None:
    mesh = read(tmp_path, MESH, gateway("protocol: HTTP, port: 80, hostname: '*.example.com'"))
    [proxy] = mesh.gateway_proxies
    assert (proxy.name, proxy.service_account) == ("public-istio", "public-istio")
    [server] = mesh.gateways[0].spec.servers
    assert server.hosts == ("default/*.example.com",)
    assert mesh.gateways[0].spec.selector.items() <= proxy.labels.items()


@pytest.mark.parametrize(
    ("allowed", "host"),
    [("from: Same", "default/*"), ("from: All", "*/*"),
     ("from: Selector, selector: {matchLabels: {team: a}}", "shop/*")],
)  # fmt: skip
def test_whose_routes_a_listener_takes(tmp_path: Path, allowed: str, host: str) -> None:
    shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}"
    listener = f"protocol: HTTP, port: 80, allowedRoutes: {{namespaces: {{{allowed}}}}}"
    mesh = read(tmp_path, MESH, shop, gateway(listener))
    assert mesh.gateways[0].spec.servers[0].hosts == (host,)


@pytest.mark.parametrize(
    ("tls", "mode"),
    [("certificateRefs: [{name: cert}]", "SIMPLE"), ("mode: Passthrough", "PASSTHROUGH")],
)
def test_a_listeners_tls(tmp_path: Path, tls: str, mode: str) -> None:
    mesh = read(tmp_path, MESH, gateway(f"protocol: TLS, port: 443, tls: {{{tls}}}"))
    assert mesh.gateways[0].spec.servers[0].tls.mode == mode


def test_https_without_a_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"Gateway default/public: a: .*for SIMPLE, tls must"):
        read(tmp_path, MESH, gateway("protocol: HTTPS, port: 443, tls: {}"))


def test_another_controllers_gateway_and_its_routes_are_left_out(tmp_path: Path) -> None:
    mesh = read(tmp_path, MESH, gateway(cls="gke-l7"), route(f"[{{{TO_WEB}}}]"))
    assert (mesh.gateway_proxies, mesh.virtual_services) == ((), ())
    assert {"Gateway", "HTTPRoute"} <= set(omitted(mesh))


def test_the_most_specific_match_comes_first_and_keeps_its_place_in_the_object(
    tmp_path: Path,
) -> None:
    rules = (
        f"[{{matches: [{{path: {{value: /a}}}}, {{path: {{type: Exact, value: /}}}}], {TO_WEB}}}, "
        f"{{matches: [{{path: {{value: /a/b}}}}, {{path: {{value: /a}}, method: GET}}], {TO_WEB}}}]"
    )
    found = converted(tmp_path, rules)
    assert [found.part(index, 0) for index in range(4)] == [
        "rules[0].matches[1]",
        "rules[1].matches[0]",
        "rules[1].matches[1]",
        "rules[0].matches[0]",
    ]
    assert found.kind == "HTTPRoute"


def test_a_prefix_is_one_of_whole_segments(tmp_path: Path) -> None:
    [http] = converted(tmp_path, f"[{{matches: [{{path: {{value: /a/}}}}], {TO_WEB}}}]").spec.http
    assert route_match(http.match[0])["path_separated_prefix"] == "/a"
    [every] = converted(tmp_path, f"[{{{TO_WEB}}}]").spec.http
    assert route_match(every.match[0])["prefix"] == "/"


@pytest.mark.parametrize(
    ("filter_", "translated"),
    [
        ("type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}",
         {"redirect": {"scheme": "https", "derivePort": "FROM_PROTOCOL_DEFAULT"}}),
        (REPLACED_PREFIX,
         {"redirect": {"prefixRewrite": "/b", "redirectCode": 302,
                       "derivePort": "FROM_REQUEST_PORT"}}),
        ("type: URLRewrite, urlRewrite: {hostname: b}", {"rewrite": {"authority": "b"}}),
        ("type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /b}}",
         {"rewrite": {"uriRegexRewrite": {"match": "/.*", "rewrite": "/b"}}}),
        ("type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: a, value: b}]}",
         {"headers": {"response": {"add": {"a": "b"}}}}),
    ],
)  # fmt: skip
def test_filters(tmp_path: Path, filter_: str, translated: dict[str, Any]) -> None:
    backend = "" if "Redirect" in filter_ else f", {TO_WEB}"
    found = fields(tmp_path, f"filters: [{{{filter_}}}]{backend}")
    assert {key: found[key] for key in translated} == translated


def test_a_path_is_absolute_and_no_rule_or_an_empty_rewrite_is_none(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"matches\[0\].path.* must start with /"):
        converted(tmp_path, f"[{{matches: [{{path: {{value: a}}}}], {TO_WEB}}}]")
    assert read(tmp_path, MESH, gateway(), route("[]")).virtual_services == ()
    assert "rewrite" not in fields(
        tmp_path, f"filters: [{{type: URLRewrite, urlRewrite: {{}}}}], {TO_WEB}"
    )


def test_weights_mirrors_and_timeouts(tmp_path: Path) -> None:
    mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: 5}}"
    found = fields(
        tmp_path,
        f"filters: [{mirror}], timeouts: {{request: 2s}}, retry: {{codes: [503], attempts: 2}}, "
        "backendRefs: [{name: web, port: 80, weight: 9}, {name: other, port: 80}]",
    )
    assert [each["weight"] for each in found["route"]] == [9, 1]
    assert found["mirrors"][0]["percentage"] == {"value": 5}
    assert (found["timeout"], found["retries"]) == (2, {"attempts": 2, "retryOn": "503"})


def test_without_a_backend_that_may_be_called_it_is_500(tmp_path: Path) -> None:
    assert fields(tmp_path, "name: a")["directResponse"] == {"status": 500}
    other = "backendRefs: [{name: web, namespace: shop, port: 80}]"
    assert fields(tmp_path, other)["directResponse"] == {"status": 500}


def test_a_grant_opens_another_namespaces_backend(tmp_path: Path) -> None:
    spec = (
        "{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], "
        "to: [{group: '', kind: Service}]}"
    )
    rules = "[{backendRefs: [{name: web, namespace: shop, port: 80}]}]"
    objects = (gateway(), route(rules), obj("ReferenceGrant", "g", spec, "shop"))
    [found] = read(tmp_path, MESH, *objects).virtual_services
    [http] = found.spec.http
    assert http.route[0].destination.host == "web.shop.svc.cluster.local"


def mesh_route(folder: Path) -> Mesh:
    parent = "group: '', kind: Service, name: web, port: 80"
    return read(folder, MESH, route(f"[{{{TO_WEB}}}]", parent=parent))


def test_a_services_route_is_the_meshs(tmp_path: Path) -> None:
    [found] = mesh_route(tmp_path).virtual_services
    assert found.spec.hosts == ("web.default.svc.cluster.local",)
    assert found.spec.gateways == ("mesh",)
    assert found.spec.http[0].match[0].port == 80


@pytest.mark.parametrize(
    ("method", "match"),
    [
        ("{service: a.B, method: C}", {"path": "/a.B/C"}),
        ("{service: a.B}", {"prefix": "/a.B/"}),
        ("{method: C}", {"safe_regex": {"regex": "/[^/]+/C"}}),
    ],
)
def test_a_method_of_grpc_is_a_path(tmp_path: Path, method: str, match: dict[str, Any]) -> None:
    rules = f"[{{matches: [{{method: {method}}}], {TO_WEB}}}]"
    [http] = converted(tmp_path, rules, "GRPCRoute").spec.http
    translated = route_match(http.match[0])
    assert {key: translated[key] for key in match} == match


def test_a_route_of_tls_has_hostnames(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"TLSRoute default/r: spec: must have hostnames"):
        converted(tmp_path, f"[{{{TO_WEB}}}]", "TLSRoute")


@pytest.mark.parametrize("kind", ["TCPRoute", "TLSRoute"])
def test_routes_of_connections(tmp_path: Path, kind: str) -> None:
    hosts = "hostnames: [a.example.com], parentRefs" if kind == "TLSRoute" else "parentRefs"
    text = route(f"[{{{TO_WEB}}}]", kind).replace("parentRefs", hosts)
    [found] = read(tmp_path, MESH, gateway(), text).virtual_services
    [made] = found.spec.tcp or found.spec.tls
    assert made.route[0].destination.host == "web.default.svc.cluster.local"
    assert found.part(0, 0) == "rules[0]"
