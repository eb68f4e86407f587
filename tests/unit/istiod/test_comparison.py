"""The comparison of istiod's configuration with the translation: what agrees, and what doesn't."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from petmesh.envoy.proxy import ProxyFiles
from petmesh.istiod.addresses import Addresses
from tests.istiod.compare import Comparer, Difference
from tests.istiod.plain import without
from tests.istiod.proxy import Proxy
from tests.unit.envoy.laid import WEB, http, istio, laid
from tests.unit.istiod.sent import Shaped

ROUTES = """[
{match: [{uri: {prefix: /slow}, headers: {user: {exact: ann}}}],
 fault: {delay: {percentage: {value: 10}, fixedDelay: 2s}, abort: {percentage: {value: 20}, httpStatus: 503}},
 headers: {request: {set: {a: b}, remove: [c]}, response: {add: {d: e}}},
 rewrite: {uri: /quick}, corsPolicy: {allowOrigins: [{exact: 'https://a.com'}]},
 mirror: {host: web, port: {number: 80}}, mirrorPercentage: {value: 50},
 timeout: 3s, retries: {attempts: 4, perTryTimeout: 1s, retryOn: 5xx},
 route: [{destination: {host: web, port: {number: 80}, subset: v1}, weight: 90},
         {destination: {host: web, port: {number: 80}, subset: v2}, weight: 10}]},
{match: [{uri: {exact: /old}}], redirect: {uri: /new, redirectCode: 308}},
{route: [{destination: {host: web, port: {number: 80}}}]}]"""  # noqa: E501 (one line reads best)
OBJECTS = (
    http(ROUTES),
    istio(
        "DestinationRule",
        "web",
        "{host: web, subsets: [{name: v1, labels: {version: v1}},"
        " {name: v2, labels: {version: v2}}],"
        " trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, loadBalancer: {simple: RANDOM},"
        " connectionPool: {tcp: {maxConnections: 9, connectTimeout: 3s},"
        " http: {http1MaxPendingRequests: 8}}, outlierDetection: {consecutive5xxErrors: 6}}}",
    ),
    istio("PeerAuthentication", "default", "{mtls: {mode: STRICT}}", "security"),
    istio(
        "RequestAuthentication",
        "tokens",
        "{jwtRules: [{issuer: a, jwksUri: 'https://a.com/keys', audiences: [shop]}]}",
        "security",
    ),
    istio(
        "AuthorizationPolicy",
        "web",
        "{rules: [{from: [{source: {principals: [cluster.local/ns/default/sa/client]}}],"
        " to: [{operation: {methods: [GET], paths: [/slow]}}]}]}",
        "security",
    ),
)


class Sides:
    """Both sides of one proxy, of which istiod's may be changed."""

    def __init__(self, folder: Path, workload: str) -> None:
        held = laid(folder, *OBJECTS)
        self._shaped = Shaped(held, Addresses())
        self._files: ProxyFiles = held.sidecar(workload)
        self.theirs = self._shaped.proxy(self._files)

    def differences(self, theirs: Proxy) -> list[Difference]:
        comparer = Comparer(self._shaped.laid, self._shaped.addresses)
        comparer.compare(self._files.name, theirs, self._files)
        assert comparer.result.calls
        assert comparer.result.clusters
        return comparer.result.differences


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sides]:
    folder = tmp_path_factory.mktemp("mesh")
    held = {name: Sides(folder, name) for name in ("client", "web")}
    return held.__getitem__


@pytest.mark.parametrize("workload", ["client", "web"])
def test_what_means_the_same_has_no_difference(
    sides: Callable[[str], Sides], workload: str
) -> None:
    assert sides(workload).differences(sides(workload).theirs) == []


ROUTED = [
    ("a destination", "name", f"outbound|80|v1|{WEB}", f"outbound|80|v3|{WEB}"),
    ("weights", "weight", 90, 80),
    ("a timeout", "timeout", 3.0, 4.0),
    ("no timeout", "timeout", 3.0, None),
    ("the number of retries", "num_retries", 4, 5),
    ("each try's timeout", "per_try_timeout", 1.0, 2.0),
    ("what is tried again", "retry_on", "5xx", "reset"),
    ("a delay", "fixed_delay", 2.0, 3.0),
    ("an abort", "http_status", 503, 500),
    ("a header of requests", "key", "a", "z"),
    ("a removed header", "request_headers_to_remove", ["c"], ["z"]),
    ("a header of responses", "key", "d", "z"),
    ("a path that matches", "prefix", "/slow", "/other"),
    ("a header that matches", "exact", "ann", "bob"),
    ("a rewritten path", "prefix_rewrite", "/quick", "/other"),
    ("a redirect", "path_redirect", "/new", "/other"),
    ("a mirror", "cluster", f"outbound|80||{WEB}", f"outbound|9090||{WEB}"),
    ("an origin", "exact", "https://a.com", "https://b.com"),
]


@pytest.mark.parametrize(("what", "key", "value", "other"), ROUTED, ids=[e[0] for e in ROUTED])
def test_a_difference_of_routes_is_found(
    sides: Callable[[str], Sides], what: str, key: str, value: object, other: object
) -> None:
    held = sides("client")
    routes = changed(held.theirs.routes, key, value, other)
    found = held.differences(replace(held.theirs, routes=routes))
    assert f"call of {WEB}:80" in {each.subject for each in found}, what


CLUSTERED = [
    ("connections", "max_connections", 9, 10),
    ("pending requests", "max_pending_requests", 8, 9),
    ("a timeout of connections", "connect_timeout", 3.0, 4.0),
    ("ejection", "consecutive_5xx", 6, 7),
    ("balancing", "lb_policy", "RANDOM", "ROUND_ROBIN"),
    ("the server name of TLS", "sni", f"outbound_.80_._.{WEB}", "other"),
    ("whom TLS accepts", "exact", "spiffe://cluster.local/ns/default/sa/web", "spiffe://other"),
]


@pytest.mark.parametrize(
    ("what", "key", "value", "other"), CLUSTERED, ids=[e[0] for e in CLUSTERED]
)
def test_a_difference_of_a_cluster_is_found(
    sides: Callable[[str], Sides], what: str, key: str, value: object, other: object
) -> None:
    held = sides("client")
    name = f"outbound|80||{WEB}"
    cluster = changed(held.theirs.clusters[name], key, value, other)
    theirs = replace(held.theirs, clusters={**held.theirs.clusters, name: cluster})
    assert {each.subject for each in held.differences(theirs)} == {f"cluster {name}"}, what


def test_a_call_in_the_clear_is_found(sides: Callable[[str], Sides]) -> None:
    held, name = sides("client"), f"outbound|80||{WEB}"
    cluster = {
        key: value
        for key, value in held.theirs.clusters[name].items()
        if not key.startswith("transport_socket")
    }
    theirs = replace(held.theirs, clusters={**held.theirs.clusters, name: cluster})
    assert [each.istiod for each in held.differences(theirs)] == ["plain"]


def test_a_host_that_one_side_alone_knows_is_found(sides: Callable[[str], Sides]) -> None:
    held, name = sides("client"), f"outbound|80||{WEB}"
    fewer = {key: value for key, value in held.theirs.clusters.items() if key != name}
    [found] = held.differences(replace(held.theirs, clusters=fewer))
    assert (found.subject, found.istiod, found.rehearsal) == (
        f"cluster {name}",
        "unknown",
        "known",
    )
    fewer = {key: value for key, value in held.theirs.listeners.items() if key != "0.0.0.0_80"}
    found_calls = held.differences(replace(held.theirs, listeners=fewer))
    assert f"call of {WEB}:80" in {each.subject for each in found_calls}


def test_a_pod_that_one_side_alone_leads_to_is_found(sides: Callable[[str], Sides]) -> None:
    held, name = sides("client"), f"outbound|80||{WEB}"
    theirs = replace(held.theirs, endpoints={**held.theirs.endpoints, name: []})
    assert [each.path for each in held.differences(theirs)] == ["endpoints.web-0:8080"]


LET_IN = [
    ("the caller", "exact", "spiffe://cluster.local/ns/default/sa/client", "spiffe://other"),
    ("the method", "exact", "GET", "POST"),
    ("the path", "exact", "/slow", "/other"),
    ("the policy's action", "action", "ALLOW", "DENY"),
    ("the token's audience", "audiences", ["shop"], ["other"]),
    ("the token's issuer", "issuer", "a", "b"),
    ("whether a certificate is asked for", "require_client_certificate", True, False),
    ("a path's normalization", "normalize_path", True, False),
]


@pytest.mark.parametrize(("what", "key", "value", "other"), LET_IN, ids=[e[0] for e in LET_IN])
def test_a_difference_of_who_is_let_in_is_found(
    sides: Callable[[str], Sides], what: str, key: str, value: object, other: object
) -> None:
    held = sides("web")
    listeners = changed(held.theirs.listeners, key, value, other)
    found = held.differences(replace(held.theirs, listeners=listeners))
    assert "port 8080" in {each.subject for each in found}, what


def test_a_filter_that_is_missing_is_found(sides: Callable[[str], Sides]) -> None:
    held = sides("web")
    listeners: Any = copy.deepcopy(held.theirs.listeners)
    for chain in listeners["virtualInbound"]["filter_chains"]:
        config = chain["filters"][-1]["typed_config"]
        kept = [e for e in config.get("http_filters", ()) if ".rbac" not in e["name"]]
        config["http_filters"] = kept
    found = held.differences(replace(held.theirs, listeners=listeners))
    assert "port 8080" in {each.subject for each in found}


def test_a_zero_differs_from_a_field_that_is_not_set() -> None:
    assert without({"a": 0, "b": 0.0, "c": False, "d": {}, "e": "HUNDRED"}, frozenset()) == {
        "a": 0,
        "b": 0.0,
    }


def changed(held: Any, key: str, value: object, other: object) -> Any:  # noqa: ANN401 (JSON)
    """A copy in which a field's value is another wherever it is there; None removes it."""
    result = copy.deepcopy(held)
    assert _change(result, key, value, other), f"no {key} is {value}"
    return result


def _change(held: object, key: str, value: object, other: object) -> int:
    if isinstance(held, list):
        return sum(_change(each, key, value, other) for each in cast("list[object]", held))
    if not isinstance(held, dict):
        return 0
    message = cast("dict[str, object]", held)
    inner = sum(_change(each, key, value, other) for each in message.values())
    if message.get(key) != value:
        return inner
    if other is None:
        del message[key]
    else:
        message[key] = other
    return inner + 1
