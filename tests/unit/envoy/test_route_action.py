"""What a route does to a request, as istiod would configure it."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.mesh.fields import RefusedError
from tests.unit.envoy.laid import WEB, client, http, istio, routes

TO_WEB = "route: [{destination: {host: web}}]"
MILLION = {"numerator": 1_000_000, "denominator": "MILLION"}


def one(folder: Path, fields: str, *more: str) -> Any:  # noqa: ANN401 (data)
    """The first route of a VirtualService whose first route has these fields."""
    return routes(client(folder, http(f"[{{{fields}}}]"), *more))[0]


def config(route: Any, name: str) -> Any:  # noqa: ANN401 (data)
    return route["typed_per_filter_config"][f"envoy.filters.http.{name}"]


def test_a_fault_is_the_filters_own_config(tmp_path: Path) -> None:
    fault = "fault: {delay: {fixedDelay: 7s, percentage: {value: 100}}, abort: {httpStatus: 500}}"
    read = config(one(tmp_path, f"{fault}, {TO_WEB}"), "fault")
    assert read["delay"] == {"fixed_delay": "7s", "percentage": MILLION}
    # Without a percentage nothing is aborted.
    assert read["abort"]["percentage"]["numerator"] == 0
    assert read["abort"]["http_status"] == 500


def test_a_fault_of_grpc_is_a_number(tmp_path: Path) -> None:
    fault = "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 0.1}}}"
    abort = config(one(tmp_path, f"{fault}, {TO_WEB}"), "fault")["abort"]
    assert abort == {
        "grpc_status": 14,
        "percentage": {"numerator": 1000, "denominator": "MILLION"},
    }


@pytest.mark.parametrize(
    ("redirect", "translated"),
    [
        ("{uri: /new}", {"response_code": "MOVED_PERMANENTLY", "path_redirect": "/new"}),
        (
            "{authority: b.example.com, scheme: https, redirectCode: 308}",
            {
                "response_code": "PERMANENT_REDIRECT",
                "host_redirect": "b.example.com",
                "scheme_redirect": "https",
            },
        ),
        ("{port: 8443}", {"response_code": "MOVED_PERMANENTLY", "port_redirect": 8443}),
        ("{port: 80}", {"response_code": "MOVED_PERMANENTLY"}),
        ("{derivePort: FROM_REQUEST_PORT, scheme: https}",
         {"response_code": "MOVED_PERMANENTLY", "scheme_redirect": "https", "port_redirect": 80}),
        ("{prefixRewrite: /new}",
         {"response_code": "MOVED_PERMANENTLY", "prefix_rewrite": "/new"}),
    ],
)  # fmt: skip
def test_a_redirect(tmp_path: Path, redirect: str, translated: dict[str, Any]) -> None:
    assert one(tmp_path, f"redirect: {redirect}")["redirect"] == translated


def test_a_direct_response(tmp_path: Path) -> None:
    route = one(tmp_path, "directResponse: {status: 503, body: {string: later}}")
    assert route["direct_response"] == {"status": 503, "body": {"inline_string": "later"}}


@pytest.mark.parametrize(
    ("rewrite", "translated"),
    [
        ("{uri: /b, authority: b}", {"prefix_rewrite": "/b", "host_rewrite_literal": "b"}),
        (
            "{uriRegexRewrite: {match: '/a/(.*)', rewrite: '/\\1'}}",
            {"regex_rewrite": {"pattern": {"regex": "/a/(.*)"}, "substitution": "/\\1"}},
        ),
    ],
)
def test_a_rewrite(tmp_path: Path, rewrite: str, translated: dict[str, Any]) -> None:
    action = one(tmp_path, f"rewrite: {rewrite}, {TO_WEB}")["route"]
    assert {key: action[key] for key in translated} == translated


def test_headers_of_a_route_and_its_only_destination_are_united(tmp_path: Path) -> None:
    headers = "headers: {request: {set: {a: '1'}, remove: [b]}, response: {add: {c: '2'}}}"
    own = "headers: {request: {add: {d: '3'}, set: {host: e}}}"
    route = one(tmp_path, f"{headers}, route: [{{destination: {{host: web}}, {own}}}]")
    assert [
        (each["header"]["key"], each["append_action"]) for each in route["request_headers_to_add"]
    ] == [("a", "OVERWRITE_IF_EXISTS_OR_ADD"), ("d", "APPEND_IF_EXISTS_OR_ADD")]
    assert route["request_headers_to_remove"] == ["b"]
    assert route["response_headers_to_add"][0]["append_action"] == "APPEND_IF_EXISTS_OR_ADD"
    assert route["route"]["host_rewrite_literal"] == "e"


def test_headers_of_one_of_several_destinations_are_its_own(tmp_path: Path) -> None:
    two = "route: [{destination: {host: web}, weight: 1, headers: {request: {set: {host: b}}}}"
    route = one(tmp_path, f"{two}, {{destination: {{host: web}}, weight: 2}}]")
    first, second = route["route"]["weighted_clusters"]["clusters"]
    assert first["host_rewrite_literal"] == "b"
    assert set(second) == {"name", "weight"}


def test_cors(tmp_path: Path) -> None:
    cors = "corsPolicy: {allowOrigins: [{prefix: a}], allowMethods: [GET, PUT], maxAge: 1m}"
    read = config(one(tmp_path, f"{cors}, {TO_WEB}"), "cors")
    assert read["allow_origin_string_match"] == [{"prefix": "a"}]
    assert (read["allow_methods"], read["max_age"]) == ("GET,PUT", "60")
    assert read["forward_not_matching_preflights"] is True


def test_each_mirror_has_its_part(tmp_path: Path) -> None:
    mirrors = "mirrors: [{destination: {host: web}, percentage: {value: 1}}, {destination: {host: web}, percentage: {value: 0}}]"  # noqa: E501
    [policy] = one(tmp_path, f"{mirrors}, {TO_WEB}")["route"]["request_mirror_policies"]
    assert policy["runtime_fraction"]["default_value"]["numerator"] == 10_000


def test_a_match_by_query_and_scheme(tmp_path: Path) -> None:
    match = "match: [{queryParams: {q: {exact: a}, r: {}}, scheme: {exact: https}}]"
    read = one(tmp_path, f"{match}, {TO_WEB}")["match"]
    assert read["query_parameters"] == [
        {"name": "q", "string_match": {"exact": "a"}},
        {"name": "r", "present_match": True},
    ]
    assert read["headers"] == [{"name": ":scheme", "string_match": {"exact": "https"}}]


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ("port: 80", True),
        ("port: 81", False),
        ("sourceLabels: {tier: test}", True),
        ("sourceLabels: {tier: prod}", False),
        ("sourceNamespace: default", True),
        ("sourceNamespace: other", False),
        ("gateways: [mesh]", True),
        ("gateways: [public]", False),
    ],
)
def test_a_match_holds_for_some_callers(tmp_path: Path, match: str, *, holds: bool) -> None:
    found = routes(client(tmp_path, http(f"[{{name: own, match: [{{{match}}}], {TO_WEB}}}]")))
    # A caller for which no route holds is led as if there were none.
    assert [each["name"] for each in found] == ["own" if holds else "default"]


def test_a_delegates_routes_meet_both_matches(tmp_path: Path) -> None:
    root = http("[{match: [{uri: {prefix: /a}}], timeout: 3s, delegate: {name: team}}]")
    spec = (
        "{http: [{match: [{uri: {exact: /a/b}, headers: {c: {exact: d}}}], "
        f"{TO_WEB}}}, {{match: [{{uri: {{prefix: /x}}}}], {TO_WEB}}}, {{{TO_WEB}}}]}}"
    )
    found = routes(client(tmp_path, root, istio("VirtualService", "team", spec)))
    assert [each["match"].get("path") or each["match"].get("prefix") for each in found] == [
        "/a/b",
        "/a",
    ]
    assert found[0]["match"]["headers"][0]["name"] == "c"
    assert found[0]["route"]["timeout"] == "3s"
    decided = found[0]["metadata"]["filter_metadata"]["petmesh"]
    assert decided == {"object": "VirtualService default/team", "part": "http[0].match[0]"}


def test_a_wildcard_host_leads_a_service_without_routes_of_its_own(tmp_path: Path) -> None:
    wild = http("[{directResponse: {status: 418}}]", hosts="['*.default.svc.cluster.local']")
    assert routes(client(tmp_path, wild))[0]["direct_response"] == {"status": 418}


def test_a_host_that_only_a_route_has_is_known_at_port_80(tmp_path: Path) -> None:
    alone = http(f"[{{{TO_WEB}}}]", hosts="[shop.example.com]")
    hosts = client(tmp_path, alone).routes["http_proxy"]["virtual_hosts"]
    [shop] = [each for each in hosts if each["name"].startswith("shop")]
    assert shop["domains"] == ["shop.example.com", "shop.example.com:80"]


def test_a_host_beside_a_service_is_known_at_the_services_ports(tmp_path: Path) -> None:
    alone = http(f"[{{{TO_WEB}}}]", hosts="[web, shop.example.com]")
    found = routes(client(tmp_path, alone), "shop.example.com", 9090)
    assert found[0]["route"]["cluster"] == f"outbound|9090||{WEB}"


def test_a_destination_without_a_port_is_at_the_called_one(tmp_path: Path) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: one}\n"
    one = service + "spec: {selector: {app: web}, ports: [{name: http, port: 8000}]}"
    found = routes(client(tmp_path, one, http("[{route: [{destination: {host: one}}]}]")))
    assert found[0]["route"]["cluster"] == "outbound|80||one.default.svc.cluster.local"


def test_a_hash_selects_the_pod_and_retries_ask_it_again(tmp_path: Path) -> None:
    spec = "{host: web, trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 5s}}}}}"  # noqa: E501
    files = client(tmp_path, istio("DestinationRule", "web", spec), http(f"[{{{TO_WEB}}}]"))
    action = routes(files)[0]["route"]
    assert action["hash_policy"] == [{"cookie": {"name": "a", "ttl": "5s"}}]
    assert "retry_host_predicate" not in action["retry_policy"]


def test_tcp_and_what_goes_to_it_by_http_are_one_tunnel(tmp_path: Path) -> None:
    spec = "{hosts: [web], tcp: [{match: [{port: 5432}], route: [{destination: {host: web, port: {number: 80}}}]}]}"  # noqa: E501
    connect, plain = routes(client(tmp_path, istio("VirtualService", "web", spec)), port=5432)
    assert connect["match"] == {"connect_matcher": {}}
    assert connect["route"]["cluster"] == f"outbound|80||{WEB}"
    assert connect["route"]["upgrade_configs"][0]["upgrade_type"] == "CONNECT"
    assert plain["route"]["cluster"] == f"outbound|80||{WEB}"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ("timeout: 0.1ms, " + TO_WEB, "timeout = 0.1ms: must be at least 1ms"),
        ("retries: {attempts: 0, retryOn: 5xx}, " + TO_WEB, "with attempts 0 there must be no"),
        ("retries: {attempts: 1, retryOn: often}, " + TO_WEB, "retryOn = often: often: must be"),
        ("mirrorPercentage: {value: 150}, mirror: {host: web}, " + TO_WEB, "less than or equal"),
        ("fault: {abort: {httpStatus: 500, percentage: {value: 101}}}, " + TO_WEB, "less than or"),
        ("match: [{uri: {regex: '('}}], " + TO_WEB, "must be a regular expression"),
        ("match: [{uri: {regex: '(?=a)'}}], " + TO_WEB, "must be a regular expression of RE2"),
        ("fault: {delay: {percentage: {value: 1}}}, " + TO_WEB, "fixedDelay: field required"),
        ("rewrite: {uri: /a, uriRegexRewrite: {match: a, rewrite: b}}, " + TO_WEB, "not both"),
        ("redirect: {uri: /a}, " + TO_WEB, "must have exactly one of route, redirect"),
        ("redirect: {uri: /a, prefixRewrite: /b}", "must have uri or prefixRewrite, not both"),
        ("match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}", "by prefix"),
        ("name: a", "must have exactly one of route, redirect"),
        ("route: [{destination: {host: web}}, {destination: {host: web}}]", "all have the weight"),
        (
            "redirect: {redirectCode: 302}",
            "must have uri, prefixRewrite, authority, scheme or port",
        ),
    ],
)
def test_what_istios_webhook_refuses_is_refused(tmp_path: Path, fields: str, refusal: str) -> None:
    with pytest.raises(RefusedError, match="VirtualService default/web") as refused:
        one(tmp_path, fields)
    assert refusal in str(refused.value)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (istio("VirtualService", "a", "{hosts: [b, b], http: [{directResponse: {status: 200}}]}"),
         "spec.hosts: b: is there twice"),
        (istio("VirtualService", "a", "{hosts: [b]}"), "must have http, tls or tcp"),
        (istio("DestinationRule", "a", "{host: web, subsets: [{name: b}, {name: b}]}"),
         "spec.subsets: b: is there twice"),
        (istio("DestinationRule", "a",
               "{host: web, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}"),
         "maxEjectionPercent = 101"),
        (istio("ServiceEntry", "a", "{hosts: ['*.b.c'], resolution: DNS}"), "a wildcard can't be"),
        (istio("ServiceEntry", "a", "{hosts: [b_c.d], resolution: DNS}"), "must be a name of DNS"),
        (istio("ServiceEntry", "a", "{hosts: [b.c], addresses: [10.0.0.x]}"), "an address of IP"),
        (istio("ServiceEntry", "a",
               "{hosts: [b.c], resolution: STATIC, endpoints: [{address: d.e}]}"),
         "d.e: the address of an endpoint must be one of IP for STATIC"),
        (istio("DestinationRule", "a", "{host: 'web .default'}"), "host = web .default: must be a"),
        (istio("DestinationRule", "a", "{host: web, exportTo: ['a/b']}"), "a/b: must be . or"),
        (istio("Gateway", "a", "{servers: [{hosts: [web], port: {number: 80, name: a,"
               " protocol: HTTP}}]}"), "web: must not be a short name"),
        (istio("Sidecar", "a", "{egress: [{hosts: [./web]}]}"), "web: must not be a short name"),
        (istio("RequestAuthentication", "a", "{jwtRules: [{issuer: a, jwks: keys}]}", "security"),
         "jwks = keys: must be a JSON Web Key Set"),
        (istio("AuthorizationPolicy", "a", "{action: DENY}", "security"), "DENY needs rules"),
        (istio("AuthorizationPolicy", "a", "{rules: [{to: [{operation: {}}]}]}", "security"),
         "operation: must not be empty"),
        (istio("AuthorizationPolicy", "a",
               "{rules: [{to: [{operation: {paths: ['/a{*}']}}]}]}", "security"),
         "must be whole segments"),
        (istio("AuthorizationPolicy", "a",
               "{rules: [{when: [{key: request.colour, values: [red]}]}]}", "security"),
         "key = request.colour: must be one of"),
        (istio("PeerAuthentication", "a",
               "{portLevelMtls: {80: {mode: STRICT}}}", "security"), "portLevelMtls needs"),
    ],
)  # fmt: skip
def test_so_is_what_it_refuses_of_other_kinds(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(RefusedError) as refused:
        client(tmp_path, text)
    assert refusal in str(refused.value)
