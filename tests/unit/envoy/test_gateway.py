"""The ingress's listeners, and the gateways and filters that the rehearsal refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from petmesh.envoy.gateway_listeners import gateway_port
from petmesh.envoy.proxy import gateway_files
from petmesh.envoy.routes import gateway_routes
from petmesh.envoy.topology import GatewayPod
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.gather import gather
from petmesh.mesh.mesh import Mesh
from tests.unit.mesh.meshes import (
    EGRESS,
    INGRESS,
    TOPOLOGY,
    Change,
    changed,
    mesh,
    with_change,
    with_values,
)

LIMIT = ("EnvoyFilter", "rate-limit")
GATEWAY = ("Gateway", "petmesh")
PATCH = "spec.configPatches[0]"


def listener(of: Mesh, port: int) -> Any:  # noqa: ANN401 (data)
    return gateway_port(of, TOPOLOGY, INGRESS, port, Path)[0]


def filters(of: Mesh) -> list[str]:
    [chain] = listener(of, 80)["filter_chains"]
    return [each["name"] for each in chain["filters"][0]["typed_config"]["http_filters"]]


def test_a_certificate_is_shown_to_who_asks_for_its_hosts() -> None:
    secure = listener(mesh(ingressTls="secret"), 443)
    [chain] = secure["filter_chains"]
    assert chain["filter_chain_match"] == {"server_names": ["pets.localhost"]}
    tls = chain["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    assert tls["tls_certificates"][0]["private_key"] == {"filename": "/pki/ingress.key"}
    assert secure["listener_filters"]


@pytest.mark.parametrize("gateway", [INGRESS, EGRESS])
def test_a_gateway_waits_for_a_handshake_as_long_as_istios_does(gateway: GatewayPod) -> None:
    of = mesh(ingressTls="secret", dogApiEnabled="true", egressGateway="true")
    secure = gateway_port(of, TOPOLOGY, gateway, max(gateway.ports), Path)[0]
    [chain] = secure["filter_chains"]
    assert chain["transport_socket_connect_timeout"] == "15s"


def test_a_port_that_redirects_is_plain() -> None:
    of = mesh(ingressTls="secret")
    [chain] = listener(of, 80)["filter_chains"]
    assert "transport_socket" not in chain
    [host] = gateway_routes(of, INGRESS, 80)["virtual_hosts"]
    assert host["require_tls"] == "ALL"
    [host] = gateway_routes(of, INGRESS, 443)["virtual_hosts"]
    assert "require_tls" not in host


# Authorization, and what routes alone configure.
BEFORE = ("envoy.filters.http.rbac.allow", "envoy.filters.http.fault", "envoy.filters.http.cors")


def test_the_limit_stands_right_before_the_router() -> None:
    assert filters(mesh()) == [*BEFORE, "envoy.filters.http.router"]
    assert filters(mesh(ingressRequestsPerSecond="5")) == [
        *BEFORE,
        "envoy.filters.http.local_ratelimit",
        "envoy.filters.http.router",
    ]


def test_the_limit_is_in_envoys_form_as_it_is_declared() -> None:
    [chain] = listener(mesh(ingressRequestsPerSecond="5"), 80)["filter_chains"]
    limit = chain["filters"][0]["typed_config"]["http_filters"][3]["typed_config"]
    assert limit["@type"].endswith(".LocalRateLimit")
    bucket = {"max_tokens": 5, "tokens_per_fill": 5, "fill_interval": "1s"}
    assert limit["token_bucket"] == bucket


def test_a_cookie_is_noted_as_it_is_declared() -> None:
    of = mesh(userCookie="place", ingressRequestsPerSecond="5")
    assert filters(of)[len(BEFORE) : -1] == [
        "envoy.filters.http.header_to_metadata",
        "envoy.filters.http.local_ratelimit",
    ]
    [chain] = listener(of, 80)["filter_chains"]
    noting = chain["filters"][0]["typed_config"]["http_filters"][len(BEFORE)]["typed_config"]
    known, drawn = noting["request_rules"]
    assert noting["@type"].endswith(".header_to_metadata.v3.Config")
    place = known["on_header_present"]
    assert (known["header"], place["metadata_namespace"], place["key"]) == (
        *("cookie", "petmesh.users"),
        "known",
    )
    assert drawn["on_header_present"]["regex_value_rewrite"] == {
        "pattern": {"regex": "^([0-9a-f]{3}).*$"},
        "substitution": r"\1",
    }


def test_a_rule_that_the_rehearsal_cannot_apply_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        changed("EnvoyFilter", "users", put(*CONFIG, "response_rules", value=[]), userCookie="a")
    assert "typed_config.response_rules: not known to the rehearsal" in str(refused.value)


def elsewhere(inputs: Any) -> None:  # noqa: ANN401 (data)
    inputs["metadata"]["namespace"] = "pets"


def others(inputs: Any) -> None:  # noqa: ANN401 (data)
    inputs["spec"]["workloadSelector"]["labels"]["istio"] = "egressgateway"


@pytest.mark.parametrize("change", [elsewhere, others])
def test_a_filter_for_other_pods_is_not_the_ingresss(change: Change) -> None:
    assert filters(changed(*LIMIT, change, ingressRequestsPerSecond="5")) == [
        *BEFORE,
        "envoy.filters.http.router",
    ]


def put(*path: str | int, value: object) -> Change:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        for part in path[:-1]:
            inputs = inputs[part]
        inputs[path[-1]] = value

    return change


IN_PATCH = ("spec", "configPatches", 0)
CONFIG = (*IN_PATCH, "patch", "value", "typed_config")


def test_a_variable_of_a_gateways_pods_that_may_mean_something_is_refused_by_name() -> None:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["values"]["env"] |= {"ISTIO_META_HTTP10": "1"}

    with pytest.raises(RefusedError, match=r"values: env\.ISTIO_META_HTTP10: not known to the reh"):
        gather(with_values("istio-ingressgateway", change))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (put(*IN_PATCH, "applyTo", value="CLUSTER"), "applyTo = CLUSTER: input should be"),
        (
            put(*IN_PATCH, "match", "context", value="SIDECAR_INBOUND"),
            "match.context = SIDECAR_INBOUND: input should be 'GATEWAY'",
        ),
        (
            put(*IN_PATCH, "match", "listener", "portNumber", value=80),
            "match.listener.portNumber: not known to the rehearsal",
        ),
        (
            put(*IN_PATCH, "patch", "operation", value="INSERT_FIRST"),
            "patch.operation = INSERT_FIRST: input should be 'INSERT_BEFORE'",
        ),
        (
            put(*IN_PATCH, "patch", "value", "name", value="envoy.filters.http.lua"),
            "patch.value.name = envoy.filters.http.lua: input should be",
        ),
        (
            put(*CONFIG, "@type", value="type.googleapis.com/udpa.type.v1.TypedStruct"),
            "patch.value.typed_config.@type = ",
        ),
        (
            put(*CONFIG, "descriptors", value=[]),
            "patch.value.typed_config.descriptors: not known to the rehearsal",
        ),
        (
            put(*CONFIG, "token_bucket", "max_tokens", value=0),
            "patch.value.typed_config.token_bucket.max_tokens = 0: input should be greater",
        ),
    ],
)
def test_any_other_envoy_filter_is_refused_by_name(change: Change, refusal: str) -> None:
    with pytest.raises(RefusedError) as refused:
        gather(with_change(*LIMIT, change, ingressRequestsPerSecond="5"))
    assert str(refused.value).startswith(f"EnvoyFilter istio-ingress/rate-limit: {PATCH}.{refusal}")


EDGE = ("EnvoyFilter", "edge")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (
            put(*IN_PATCH, "patch", "operation", value="REPLACE"),
            "patch.operation = REPLACE: input should be 'MERGE'",
        ),
        (
            put(*IN_PATCH, "match", "listener", "filterChain", "filter", "subFilter", value={}),
            "match.listener.filterChain.filter.subFilter: not known to the rehearsal",
        ),
        (
            put(*CONFIG, "request_timeout", value="20"),
            "patch.value.typed_config.request_timeout = 20: string should match",
        ),
        (
            put(*CONFIG, "proxy_100_continue", value=True),
            "patch.value.typed_config.proxy_100_continue: not known to the rehearsal",
        ),
        (
            put(*CONFIG, "early_header_mutation_extensions", 0, "name", value="other"),
            "patch.value.typed_config.early_header_mutation_extensions[0].name = other: input",
        ),
    ],
)
def test_any_other_setting_of_the_edge_is_refused_by_name(change: Change, refusal: str) -> None:
    with pytest.raises(RefusedError) as refused:
        gather(with_change(*EDGE, change))
    assert str(refused.value).startswith(f"EnvoyFilter istio-ingress/edge: {PATCH}.{refusal}")


def manager(of: Mesh, of_gateway: GatewayPod = INGRESS) -> Any:  # noqa: ANN401 (data)
    [chain] = gateway_port(of, TOPOLOGY, of_gateway, 80, Path)[0]["filter_chains"]
    return chain["filters"][0]["typed_config"]


def test_the_edge_is_in_envoys_form_as_it_is_declared() -> None:
    assert manager(mesh())["request_headers_timeout"] == "10s"
    assert manager(mesh())["strip_trailing_host_dot"] is True
    assert manager(mesh())["stat_prefix"] == "gateway_80"
    assert "request_timeout" not in manager(replace(mesh(), envoy_filters=()))


@pytest.mark.parametrize("taken", [True, False])
def test_http_1_0_is_taken_where_the_gateways_pods_say_so(*, taken: bool) -> None:
    asked = replace(INGRESS, takes_http10=taken)
    protocol = manager(mesh(), asked).get("http_protocol_options", {})
    assert protocol.get("accept_http_10", False) is taken
    assert mesh().ingress.takes_http10


def test_the_pods_limit_is_in_their_bootstrap() -> None:
    place = Path("/proxy"), Path("/proxy.sock")
    limit = mesh(ingressConnections="7").ingress.most_connections
    limited = replace(INGRESS, most_connections=limit)
    files = gateway_files(mesh(ingressConnections="7"), TOPOLOGY, limited, *place)
    [monitor] = files.bootstrap["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] == 7
    assert "overload_manager" not in gateway_files(mesh(), TOPOLOGY, INGRESS, *place).bootstrap


@pytest.mark.parametrize(
    ("annotations", "refusal"),
    [
        ({"example.com/own": "x"}, "example.com/own: not known to the rehearsal"),
        (
            {"proxy.istio.io/config": "concurrency: 4"},
            "proxy.istio.io/config.concurrency: not known to the rehearsal",
        ),
        (
            {"proxy.istio.io/config": '{"proxyMetadata": {"ISTIO_META_HTTP10": "yes"}}'},
            "proxy.istio.io/config.proxyMetadata.ISTIO_META_HTTP10 = yes: input should be",
        ),
        (
            {
                "proxy.istio.io/config": "proxyMetadata: "
                "{ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: none}"
            },
            "proxy.istio.io/config.proxyMetadata.ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS = ",
        ),
        ({"proxy.istio.io/config": "{"}, "proxy.istio.io/config = {: must be YAML or JSON"),
    ],
)
def test_any_other_configuration_of_a_gateways_pods_is_refused_by_name(
    annotations: dict[str, str], refusal: str
) -> None:
    def change(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["values"]["podAnnotations"] = annotations

    with pytest.raises(RefusedError) as refused:
        gather(with_values("istio-ingressgateway", change))
    assert f"values: podAnnotations.{refusal}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (
            put("spec", "servers", 1, "tls", value={}),
            "spec.servers[1]: for HTTPS, tls must have mode and credentialName",
        ),
        (
            put("spec", "servers", 1, "tls", "mode", value="TLS"),
            "tls.mode = TLS: input should be",
        ),
        (
            put("spec", "servers", 1, "tls", "mode", value="ISTIO_MUTUAL"),
            "spec.servers[1]: for ISTIO_MUTUAL, tls must have no credentialName",
        ),
        (
            put("spec", "servers", 1, "tls", "colour", value=[]),
            "tls.colour: not known to the rehearsal",
        ),
        (
            put("spec", "servers", 0, "tls", "credentialName", value="other"),
            "spec.servers[0]: for HTTP, tls can have httpsRedirect alone",
        ),
        (put("spec", "servers", 0, "port", "protocol", value="IPX"), "port.protocol = IPX"),
    ],
)
def test_any_other_server_is_refused_by_name(change: Change, refusal: str) -> None:
    with pytest.raises(RefusedError) as refused:
        gather(with_change(*GATEWAY, change, ingressTls="secret"))
    assert refusal in str(refused.value)


def test_each_server_with_tls_at_a_port_has_a_chain_for_its_own_hosts() -> None:
    def add(inputs: Any) -> None:  # noqa: ANN401 (data)
        first = inputs["spec"]["servers"][1]
        second = {"hosts": ["more.example.com"], "port": {**first["port"], "name": "more"}}
        inputs["spec"]["servers"].append({**first, **second})

    chains = listener(changed(*GATEWAY, add, ingressTls="secret"), 443)["filter_chains"]
    names = [chain["filter_chain_match"]["server_names"] for chain in chains]
    assert names[1] == ["more.example.com"]
    assert names[0] != names[1]
