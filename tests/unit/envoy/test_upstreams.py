"""DestinationRules, ServiceEntries and WorkloadEntries as clusters, as istiod would make them."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.destination_rules import rule_for
from tests.unit.envoy.laid import MESH, WEB, client, cluster, istio, laid
from tests.unit.manifests.inputs import read

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def rule(name: str, spec: str, namespace: str = "default") -> str:
    text = istio("DestinationRule", name, spec)
    return text.replace(f"{{name: {name}}}", f"{{name: {name}, namespace: {namespace}}}", 1)


def found(folder: Path, *texts: str, client: str = "default") -> tuple[str, list[str]] | None:
    each = rule_for(read(folder, MESH, *texts), WEB, client, {"app": "client"})
    return each and (each.metadata.name, [subset.name for subset in each.spec.subsets])


def test_rules_of_one_host_are_merged(tmp_path: Path) -> None:
    first = rule("a", "{host: web, subsets: [{name: v1}]}")
    second = rule("b", "{host: web, subsets: [{name: v1}, {name: v2}]}")
    assert found(tmp_path, first, second) == ("a", ["v1", "v2"])


def test_the_longest_wildcard_holds_where_no_rule_names_the_host(tmp_path: Path) -> None:
    short = rule("short", "{host: '*.local'}")
    long = rule("long", "{host: '*.default.svc.cluster.local'}")
    assert found(tmp_path, short, long) == ("long", [])
    assert found(tmp_path, short, long, rule("own", "{host: web}")) == ("own", [])


def test_the_callers_namespace_comes_before_the_hosts_and_that_before_the_root(
    tmp_path: Path,
) -> None:
    root = rule("root", f"{{host: {WEB}}}", "istio-system")
    host = rule("host", "{host: '*.local'}")
    caller = rule("caller", "{host: '*.local'}", "shop")
    assert found(tmp_path, root, client="shop") == ("root", [])
    assert found(tmp_path, root, host, client="shop") == ("host", [])
    assert found(tmp_path, root, host, caller, client="shop") == ("caller", [])
    assert found(tmp_path, caller) is None


def test_a_rule_of_some_callers_is_theirs_alone(tmp_path: Path) -> None:
    own = rule("own", "{host: web, workloadSelector: {matchLabels: {app: client}}}")
    other = rule("other", "{host: web, workloadSelector: {matchLabels: {app: other}}}")
    assert found(tmp_path, rule("all", "{host: web}"), own, other) == ("own", [])
    assert found(tmp_path, rule("all", "{host: web}"), other) == ("all", [])


@pytest.mark.parametrize(
    ("selector", "is_secure"),
    [("", False), ("workloadSelector: {matchLabels: {app: client}}, ", True)],
)
def test_a_sidecar_gets_a_secret_only_by_a_rule_that_selects_its_pod(
    tmp_path: Path, selector: str, *, is_secure: bool
) -> None:
    tls = "{mode: SIMPLE, credentialName: a}"
    own = rule("own", f"{{host: web, {selector}trafficPolicy: {{tls: {tls}}}}}")
    found = cluster(client(tmp_path, own), f"outbound|80||{WEB}")
    assert ("transport_socket" in found) is is_secure


def test_a_port_that_speaks_grpc_is_called_by_http2(tmp_path: Path) -> None:
    files = client(tmp_path)
    options = cluster(files, f"outbound|9090||{WEB}")["typed_extension_protocol_options"]
    assert options[HTTP_OPTIONS]["explicit_http_config"] == {"http2_protocol_options": {}}


def test_a_subset_overrides_what_the_rule_says_for_the_port(tmp_path: Path) -> None:
    spec = (
        "{host: web, trafficPolicy: {portLevelSettings: [{port: {number: 80}, connectionPool: "
        "{tcp: {maxConnections: 5}}}]}, subsets: [{name: v1, labels: {version: v1}, trafficPolicy: "
        "{loadBalancer: {simple: RANDOM}}}, {name: v2, trafficPolicy: {portLevelSettings: "
        "[{port: {number: 80}, connectionPool: {tcp: {maxConnections: 7}}}]}}]}"
    )
    files = client(tmp_path, rule("web", spec))

    def limit(subset: str) -> int:
        breakers = cluster(files, f"outbound|80|{subset}|{WEB}")["circuit_breakers"]
        return breakers["thresholds"][0]["max_connections"]

    assert (limit(""), limit("v1"), limit("v2")) == (5, 5, 7)
    assert cluster(files, f"outbound|80|v1|{WEB}")["lb_policy"] == "RANDOM"


@pytest.mark.parametrize(
    ("hashed", "translated"),
    [
        ("httpHeaderName: a", {"lb_policy": "RING_HASH"}),
        (
            "useSourceIp: true, ringHash: {minimumRingSize: 9}",
            {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": "9"}},
        ),
        (
            "httpQueryParameterName: a, maglev: {tableSize: 65537}",
            {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": "65537"}},
        ),
    ],
)
def test_a_consistent_hash(tmp_path: Path, hashed: str, translated: dict[str, Any]) -> None:
    spec = f"{{host: web, trafficPolicy: {{loadBalancer: {{consistentHash: {{{hashed}}}}}}}}}"
    read_one = cluster(client(tmp_path, rule("web", spec)), f"outbound|80||{WEB}")
    assert {key: read_one.get(key) for key in translated} == translated


def test_http2_connections_are_kept_alive(tmp_path: Path) -> None:
    kept = "http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 30s, timeout: 5s}}"
    files = client(
        tmp_path, rule("web", f"{{host: web, trafficPolicy: {{connectionPool: {{{kept}}}}}}}")
    )
    options = cluster(files, f"outbound|80||{WEB}")["typed_extension_protocol_options"]
    assert options[HTTP_OPTIONS]["explicit_http_config"] == {
        "http2_protocol_options": {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    }


def test_a_retry_budgets_percent_is_a_number(tmp_path: Path) -> None:
    budget = "{percent: 30, minRetryConcurrency: 2, budgetInterval: 10s}"
    spec = f"{{host: web, trafficPolicy: {{retryBudget: {budget}}}}}"
    read_one = cluster(client(tmp_path, rule("web", spec)), f"outbound|80||{WEB}")
    [threshold] = read_one["circuit_breakers"]["thresholds"]
    assert threshold["retry_budget"] == {
        "budget_percent": {"value": 30},
        "min_retry_concurrency": 2,
        "budget_interval": "10s",
    }


ENTRY = "{hosts: [a.example.com], resolution: DNS, ports: [{number: %s, protocol: %s, name: a}]}"


@pytest.mark.parametrize(
    ("number", "protocol", "is_secure"),
    [(80, "HTTP", False), (443, "HTTPS", True), (443, "HTTP", True), (9000, "TLS", True)],
)
def test_a_server_outside_speaks_what_its_port_says(
    tmp_path: Path, number: int, protocol: str, *, is_secure: bool
) -> None:
    mesh = laid(tmp_path, istio("ServiceEntry", "a", ENTRY % (number, protocol)))
    read_one = cluster(mesh.sidecar("client"), f"outbound|{number}||a.example.com")
    [locality] = read_one["load_assignment"]["endpoints"]
    [endpoint] = locality["lb_endpoints"]
    port = endpoint["endpoint"]["address"]["socket_address"]["port_value"]
    servers = mesh.topology.outside if is_secure else mesh.topology.outside_plain
    assert port == servers["a.example.com"]


def test_an_entry_selects_pods_and_servers_and_subsets_of_both(tmp_path: Path) -> None:
    entry = istio(
        "ServiceEntry",
        "shop",
        "{hosts: [shop.internal], location: MESH_INTERNAL, resolution: STATIC, "
        "workloadSelector: {labels: {app: web}}, ports: [{number: 80, protocol: HTTP, name: a}]}",
    )
    server = istio("WorkloadEntry", "vm", "{address: 10.0.0.1, labels: {app: web, kind: vm}}")
    subsets = rule("shop", "{host: shop.internal, subsets: [{name: vm, labels: {kind: vm}}]}")
    files = client(tmp_path, entry, server, subsets)

    def endpoints(subset: str) -> int:
        [locality] = cluster(files, f"outbound|80|{subset}|shop.internal")["load_assignment"][
            "endpoints"
        ]
        return len(locality["lb_endpoints"])

    assert (endpoints(""), endpoints("vm")) == (2, 1)
    both = cluster(files, "outbound|80||shop.internal")
    # A pod takes mutual TLS, a server without a sidecar doesn't.
    assert [each["name"] for each in both["transport_socket_matches"]] == [
        "tlsMode-istio",
        "tlsMode-disabled",
    ]


def test_a_host_of_no_static_address_has_no_endpoint(tmp_path: Path) -> None:
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]"
    entry = istio("ServiceEntry", "a", f"{{hosts: [b.c], resolution: STATIC, {ports}}}")
    assert cluster(client(tmp_path, entry), "outbound|80||b.c")["load_assignment"] == {
        "cluster_name": "outbound|80||b.c",
        "endpoints": [],
    }


def test_names_of_an_entrys_certificates_are_verified_where_a_rule_has_none(tmp_path: Path) -> None:
    entry = istio(
        "ServiceEntry",
        "a",
        "{hosts: [b.c], resolution: DNS, subjectAltNames: [d.c, 'spiffe://e/f'],"
        " ports: [{number: 443, name: https, protocol: HTTPS}]}",
    )

    def verified(tls: str) -> list[str]:
        files = client(tmp_path, entry, rule("a", f"{{host: b.c, trafficPolicy: {{tls: {tls}}}}}"))
        socket = cluster(files, "outbound|443||b.c")["transport_socket"]["typed_config"]
        held = socket["common_tls_context"]["validation_context"]
        return [each["matcher"]["exact"] for each in held["match_typed_subject_alt_names"]]

    assert verified("{mode: SIMPLE, sni: b.c}") == ["d.c", "spiffe://e/f"]
    assert verified("{mode: SIMPLE, subjectAltNames: [g.c]}") == ["g.c"]
