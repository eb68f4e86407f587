"""Parts of listeners that sidecars and gateways share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petmesh.envoy.names import HCM, Json, file_source, typed
from petmesh.envoy.route_action import CORS, FAULT
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.mesh import Mesh

_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
}
# Filters that a route's own config alone gives something to do, in istiod's order.
_ROUTED = [
    {"name": FAULT, "typed_config": typed("envoy.extensions.filters.http.fault.v3.HTTPFault")},
    {"name": CORS, "typed_config": typed("envoy.extensions.filters.http.cors.v3.Cors")},
]
_TLS = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
TLS_INSPECTOR: Json = {
    "listener_filters": [
        {"name": "envoy.filters.listener.tls_inspector", "typed_config": typed(_TLS)}
    ]
}
_NORMALIZATION: dict[str, Json] = {
    "NONE": {"normalize_path": False},
    "DEFAULT": {"normalize_path": True},
    "BASE": {"normalize_path": True},
    "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}


def manager(mesh: Mesh, stat_prefix: str) -> Json:
    """Return an HTTP connection manager without routes."""
    return typed(
        HCM,
        stat_prefix=stat_prefix,
        server_name="istio-envoy",
        use_remote_address=False,
        stream_idle_timeout="0s",
        # As Istio's own proxies have it: `Expect: 100-continue` is the called process's to answer.
        proxy_100_continue=True,
        upgrade_configs=[{"upgrade_type": "websocket"}],
        http_filters=[_ROUTER],
        **_NORMALIZATION[mesh.config.path_normalization.normalization],
    )


def http_filters(
    own: Sequence[Json], *, routed: bool = True, inserted: Sequence[Json] = ()
) -> list[Json]:
    """Return a manager's filters: its own, those that routes configure, and the router.

    Args:
        own: the first ones.
        routed: whether its routes configure filters.
        inserted: what EnvoyFilters insert before the router.
    """
    return [*own, *(_ROUTED if routed else ()), *inserted, _ROUTER]


def routes_from(name: str, file: Path) -> Json:
    """Return the route source: a file that Envoy reloads when another is moved onto it."""
    return {"rds": {"route_config_name": name, "config_source": file_source(file)}}


def chain(config: Json) -> Json:
    """Return the filter chain of an HTTP connection manager."""
    name = "envoy.filters.network.http_connection_manager"
    return {"filters": [{"name": name, "typed_config": config}]}


def tcp_chain(stat_prefix: str, target: Json, own: Sequence[Json] = ()) -> Json:
    """Return the filter chain of connections that are passed on whole.

    Args:
        stat_prefix: of its statistics.
        target: its cluster, or weighted clusters, as a route of HTTP names them.
        own: filters before it.
    """
    forwarding: dict[str, Any] = dict(target)
    proxy = typed(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix=stat_prefix,
        **forwarding,
    )
    return {"filters": [*own, {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}


def listener(name: str, port: int, chains: list[Json]) -> Json:
    """Return a listener at a port of this machine."""
    return {
        "name": name,
        "address": {"socket_address": {"address": LOOPBACK, "port_value": port}},
        "filter_chains": chains,
    }
