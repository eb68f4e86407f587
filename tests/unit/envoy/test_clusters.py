"""Clusters and the policies of destination rules, as istiod would make them."""

from typing import Any

import pytest

from petmesh.envoy.callers import sidecar
from petmesh.envoy.clusters import Served, inbound_cluster, outbound_clusters
from petmesh.envoy.listeners import inbound_listener
from petmesh.mesh.mesh import Mesh
from tests.unit.mesh.meshes import (
    DETAILS,
    DOG_API,
    PETS,
    PODS,
    TOPOLOGY,
    changed,
    identity,
    mesh,
)

UNLIMITED = 4294967295
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(of: Mesh, name: str) -> Any:  # noqa: ANN401 (data)
    clusters = outbound_clusters(of, TOPOLOGY, sidecar(PODS[0]), identity("petservice"))
    (found,) = (c for c in clusters if c["name"] == name)
    return found


def ports(of: Any) -> list[int]:  # noqa: ANN401 (data)
    return [
        endpoint["endpoint"]["address"]["socket_address"]["port_value"]
        for group in of["load_assignment"]["endpoints"]
        for endpoint in group["lb_endpoints"]
    ]


def traffic_policy(of: str, **policy: object) -> Mesh:
    def replace(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["trafficPolicy"] = policy

    return changed("DestinationRule", of, replace)


def test_a_subset_has_the_pods_with_its_labels_and_the_service_all() -> None:
    assert ports(cluster(mesh(), f"outbound|9081|v1|{DETAILS}")) == [2001]
    assert ports(cluster(mesh(), f"outbound|9081|v2|{DETAILS}")) == [3001]
    assert ports(cluster(mesh(), f"outbound|9081||{DETAILS}")) == [2001, 3001]


def test_a_subset_without_pods_is_empty() -> None:
    def add(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["subsets"].append({"name": "v9", "labels": {"version": "v9"}})

    assert (
        ports(
            cluster(
                changed("DestinationRule", "petdetailsservice", add), f"outbound|9081|v9|{DETAILS}"
            )
        )
        == []
    )


def test_what_is_not_declared_is_unlimited() -> None:
    bare = cluster(traffic_policy("petdetailsservice"), f"outbound|9081||{DETAILS}")
    assert bare["circuit_breakers"]["thresholds"] == [
        {
            "max_connections": UNLIMITED,
            "max_pending_requests": UNLIMITED,
            "max_requests": UNLIMITED,
            "max_retries": UNLIMITED,
            "track_remaining": True,
        }
    ]
    assert bare["connect_timeout"] == "10s"
    assert bare["lb_policy"] == "LEAST_REQUEST"
    assert "outlier_detection" not in bare


def test_connection_limits() -> None:
    limited = cluster(
        traffic_policy(
            "petdetailsservice",
            connectionPool={
                "tcp": {"maxConnections": 3, "connectTimeout": "1s"},
                "http": {
                    "http1MaxPendingRequests": 4,
                    "http2MaxRequests": 5,
                    "maxRetries": 6,
                    "maxRequestsPerConnection": 7,
                    "idleTimeout": "1m",
                },
            },
        ),
        f"outbound|9081|v1|{DETAILS}",
    )
    (threshold,) = limited["circuit_breakers"]["thresholds"]
    assert threshold["max_connections"] == 3
    assert threshold["max_pending_requests"] == 4
    assert threshold["max_requests"] == 5
    assert threshold["max_retries"] == 6
    assert limited["connect_timeout"] == "1s"
    common = limited["typed_extension_protocol_options"][OPTIONS]["common_http_protocol_options"]
    assert common == {"idle_timeout": "60s", "max_requests_per_connection": 7}


def test_outlier_detection_enforces_what_is_declared_and_never_the_success_rate() -> None:
    detecting = cluster(
        traffic_policy(
            "petdetailsservice",
            outlierDetection={
                "consecutive5xxErrors": 3,
                "consecutiveGatewayErrors": 0,
                "interval": "5s",
                "baseEjectionTime": "30s",
                "maxEjectionPercent": 100,
            },
        ),
        f"outbound|9081|v2|{DETAILS}",
    )
    assert detecting["outlier_detection"] == {
        "enforcing_success_rate": 0,
        "consecutive_5xx": 3,
        "enforcing_consecutive_5xx": 100,
        "consecutive_gateway_failure": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "interval": "5s",
        "base_ejection_time": "30s",
        "max_ejection_percent": 100,
    }
    assert detecting["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_a_subsets_policy_wins_by_block() -> None:
    def own_balancer(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["subsets"][0]["trafficPolicy"] = {"loadBalancer": {"simple": "ROUND_ROBIN"}}

    of = changed("DestinationRule", "petdetailsservice", own_balancer)
    own, other = (cluster(of, f"outbound|9081|{v}|{DETAILS}") for v in ("v1", "v2"))
    assert (own["lb_policy"], other["lb_policy"]) == ("ROUND_ROBIN", "LEAST_REQUEST")
    assert own["outlier_detection"] == other["outlier_detection"]


def test_a_ports_own_policy_replaces_the_whole() -> None:
    of = traffic_policy(
        "petdetailsservice",
        outlierDetection={"consecutive5xxErrors": 3},
        portLevelSettings=[{"port": {"number": 9081}, "loadBalancer": {"simple": "RANDOM"}}],
    )
    own = cluster(of, f"outbound|9081||{DETAILS}")
    assert own["lb_policy"] == "RANDOM"
    assert "outlier_detection" not in own


def test_workloads_speak_mutual_tls_to_the_identities_of_the_pods() -> None:
    socket = cluster(mesh(), f"outbound|9080||{PETS}")["transport_socket"]["typed_config"]
    assert socket["sni"] == f"outbound_.9080_._.{PETS}"
    common = socket["common_tls_context"]
    assert common["validation_context"]["match_typed_subject_alt_names"] == [
        {
            "san_type": "URI",
            "matcher": {"exact": "spiffe://cluster.local/ns/pets/sa/petservice"},
        }
    ]
    assert common["tls_certificates"][0]["certificate_chain"] == {"filename": "/pki/petservice.pem"}


def test_tls_to_the_outside_checks_the_hosts_name() -> None:
    outside = cluster(mesh(dogApiEnabled="true"), f"outbound|80||{DOG_API}")
    socket = outside["transport_socket"]["typed_config"]
    assert socket["sni"] == DOG_API
    validation = socket["common_tls_context"]["validation_context"]
    assert validation["trusted_ca"] == {"filename": "/pki/outside.pem"}
    assert validation["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": DOG_API}}
    ]
    assert ports(outside) == [9999]


def test_a_destination_rules_limits_hold_at_the_called_pod_too_but_not_its_ejection() -> None:
    of = mesh()
    inbound = inbound_cluster(of, PODS[1], Served(DETAILS, 9081, "HTTP"), 9081)
    (limits,) = inbound["circuit_breakers"]["thresholds"]
    outbound = cluster(of, f"outbound|9081||{DETAILS}")["circuit_breakers"]["thresholds"]
    assert [limits] == outbound
    assert "outlier_detection" not in inbound
    assert ports(inbound) == [2000]


def listener(of: Mesh) -> Any:  # noqa: ANN401 (data)
    return inbound_listener(of, TOPOLOGY, PODS[0], 9080, Served(PETS, 9080, "HTTP"))


def with_mode(mode: str) -> Mesh:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["mtls"]["mode"] = mode

    return changed("PeerAuthentication", "default", change)


def test_strict_mutual_tls_takes_nothing_else() -> None:
    (chain,) = listener(mesh())["filter_chains"]
    tls = chain["transport_socket"]["typed_config"]
    assert tls["require_client_certificate"] is True
    assert "transport_socket_connect_timeout" not in chain
    assert "filter_chain_match" not in chain


def test_permissive_mutual_tls_takes_plain_text_too() -> None:
    of = with_mode("PERMISSIVE")
    chains = listener(of)["filter_chains"]
    assert [chain["filter_chain_match"] for chain in chains] == [
        {"transport_protocol": "tls", "application_protocols": ["istio"]},
        {"transport_protocol": "raw_buffer"},
    ]
    assert "transport_socket" in cluster(of, f"outbound|9080||{PETS}")


@pytest.mark.parametrize(
    ("mode", "served", "expected"),
    [
        ("PERMISSIVE", Served(PETS, 9080, "TLS"), ["mesh", "plain", "tls"]),
        ("PERMISSIVE", Served(PETS, 9080, "TCP"), ["mesh", "plain", "tls"]),
        ("PERMISSIVE", Served(PETS, 9080, "HTTP", detected=True), ["mesh", "plain", "tls"]),
        ("PERMISSIVE", Served(PETS, 9080, "HTTP"), ["mesh", "plain"]),
        ("DISABLE", Served(PETS, 9080, "HTTP", detected=True), ["plain", "tls"]),
        ("DISABLE", Served(PETS, 9080, "TLS"), ["any"]),
        ("STRICT", Served(PETS, 9080, "TLS"), ["any"]),
    ],
)
def test_a_processs_own_tls_is_passed_on_unless_the_port_says_http(
    mode: str, served: Served, expected: list[str]
) -> None:
    made = inbound_listener(with_mode(mode), TOPOLOGY, PODS[0], 9080, served)
    found: list[str] = []
    for chain in made["filter_chains"]:
        match = chain.get("filter_chain_match", {})
        how = {"raw_buffer": "plain", "tls": "tls", None: "any"}[match.get("transport_protocol")]
        found.append("mesh" if match.get("application_protocols") else how)
        if how == "tls" and "mesh" not in found[-1]:
            assert "transport_socket" not in chain
            assert "tcp_proxy" in chain["filters"][-1]["name"]
    assert found == expected
    caller = cluster(with_mode("PERMISSIVE"), f"outbound|9080||{PETS}")["transport_socket"]
    assert caller["typed_config"]["common_tls_context"]["alpn_protocols"] == ["istio"]


def test_disabled_mutual_tls_is_plain_on_both_sides() -> None:
    of = with_mode("DISABLE")
    (chain,) = listener(of)["filter_chains"]
    assert "transport_socket" not in chain
    assert "transport_socket" not in cluster(of, f"outbound|9080||{PETS}")
