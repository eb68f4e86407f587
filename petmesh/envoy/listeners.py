"""Listeners: the ports on which a proxy accepts connections."""

from pathlib import Path

from petmesh.envoy.mtls_mode import mtls_mode
from petmesh.envoy.names import HCM, Json, file_source, inbound_cluster_name, selects, typed
from petmesh.envoy.rbac import authorization_filters
from petmesh.envoy.routes import OUTBOUND, gateway_servers
from petmesh.envoy.tls import gateway_tls, mutual_tls_server
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.envoy.tracing import trace_sampling
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.envoy_filter import ConnectionManagerPatch, HttpFilterPatch
from petmesh.mesh.fields import RefusedError
from petmesh.mesh.mesh import Mesh

_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
}
_TLS_INSPECTOR = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"),
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
# A gateway closes a connection whose TLS handshake takes longer: a client that stops in the middle
# of it would hold the connection. istiod sets no such timeout on a sidecar's inbound listener.
# defaultGatewayTransportSocketConnectTimeout in
# https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/listener.go
HANDSHAKE_TIMEOUT = "15s"
_MINIMUM = {"TLS_AUTO": "TLSv1_2", "TLSV1_2": "TLSv1_2", "TLSV1_3": "TLSv1_3"}


def outbound_listener(mesh: Mesh, pod: Pod, routes: Path) -> Json:
    """Return the listener of a sidecar as its pod's HTTP proxy; its routes come from a file."""
    manager = (
        _manager(mesh, "outbound")
        | _routes_from(OUTBOUND, routes)
        | trace_sampling(mesh, pod.workload, is_gateway=False)
    )
    return _listener("outbound", pod.outbound_port, [_chain(manager)])


def inbound_listener(mesh: Mesh, topology: Topology, pod: Pod, port: int) -> Json:
    """Return the listener of a port of a pod's container, with its TLS and authorization."""
    manager = _manager(mesh, f"inbound_{port}") | {
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
        "route_config": _inbound_routes(port),
        "http_filters": [*authorization_filters(mesh, pod.namespace, pod.labels, port), _ROUTER],
        **trace_sampling(mesh, pod.workload, is_gateway=False),
    }
    accepted = mtls_mode(mesh, pod.namespace, pod.labels, port)
    here = pod.inbound(port)
    socket = mutual_tls_server(
        pod.identity,
        topology.trust,
        mesh.config.trust_domain,
        _MINIMUM[mesh.config.mesh_mtls.min_protocol_version],
    )
    secure = _chain(manager) | {"transport_socket": socket}
    if accepted == "STRICT":
        return _listener(f"inbound_{port}", here, [secure])
    if accepted == "DISABLE":
        return _listener(f"inbound_{port}", here, [_chain(manager)])
    secure["filter_chain_match"] = {"transport_protocol": "tls"}
    plain = _chain(manager) | {"filter_chain_match": {"transport_protocol": "raw_buffer"}}
    return _listener(f"inbound_{port}", here, [secure, plain]) | {
        "listener_filters": [_TLS_INSPECTOR]
    }


def gateway_listener(
    mesh: Mesh, topology: Topology, proxy: GatewayPod, port: int, routes: Path
) -> Json:
    """Return the listener of a gateway's port: plain, or with TLS for its server's hosts."""
    manager = (
        _manager(mesh, f"gateway_{port}")
        | _routes_from(f"http.{port}", routes)
        | {
            "use_remote_address": True,
            "forward_client_cert_details": "SANITIZE_SET",
            "set_current_client_cert_details": {
                "subject": True,
                "cert": True,
                "dns": True,
                "uri": True,
            },
            "http_filters": [
                *authorization_filters(mesh, proxy.namespace, proxy.labels, port),
                *_patches(mesh, proxy, HttpFilterPatch),
                _ROUTER,
            ],
        }
        | trace_sampling(mesh, proxy.name, is_gateway=True)
        | ({"http_protocol_options": {"accept_http_10": True}} if proxy.takes_http10 else {})
    )
    for settings in _patches(mesh, proxy, ConnectionManagerPatch):
        manager |= settings["typed_config"]
    name, here = f"gateway_{port}", proxy.ports[port]
    secure = [s for s in gateway_servers(mesh, proxy.labels, port) if s.tls.mode]
    if not secure:
        return _listener(name, here, [_chain(manager)])
    if len(secure) > 1:
        raise RefusedError(
            f"{len(secure)} servers end TLS at port {port}: the rehearsal knows what to do with one"
        )
    [server] = secure
    minimum = _MINIMUM[server.tls.min_protocol_version]
    if server.tls.mode == "ISTIO_MUTUAL":
        socket = mutual_tls_server(
            proxy.identity, topology.trust, mesh.config.trust_domain, minimum
        )
    else:
        socket = gateway_tls(topology.certificates[server.tls.credential_name], minimum)
    hosts = [host.rpartition("/")[2] for host in server.hosts]
    chain = _chain(manager) | {
        "transport_socket": socket,
        "transport_socket_connect_timeout": HANDSHAKE_TIMEOUT,
    }
    if "*" not in hosts:
        chain["filter_chain_match"] = {"server_names": hosts}
    return _listener(name, here, [chain]) | {"listener_filters": [_TLS_INSPECTOR]}


def _patches(
    mesh: Mesh, proxy: GatewayPod, kind: type[HttpFilterPatch | ConnectionManagerPatch]
) -> list[Json]:
    """Return the patches of one kind in a gateway's EnvoyFilters, in Envoy's own form."""
    return [
        patch.patch.value.model_dump(by_alias=True, mode="json", exclude_unset=True)
        for declared in mesh.envoy_filters
        if declared.metadata.namespace == proxy.namespace
        and selects(declared.spec.workload_selector.labels, proxy.labels)
        for patch in declared.spec.config_patches
        if isinstance(patch, kind)
    ]


def _manager(mesh: Mesh, stat_prefix: str) -> Json:
    return typed(
        HCM,
        stat_prefix=stat_prefix,
        server_name="istio-envoy",
        use_remote_address=False,
        stream_idle_timeout="0s",
        upgrade_configs=[{"upgrade_type": "websocket"}],
        http_filters=[_ROUTER],
        **_NORMALIZATION[mesh.config.path_normalization.normalization],
    )


def _routes_from(name: str, file: Path) -> Json:
    """Return the route source: a file that Envoy reloads when another is moved onto it."""
    return {"rds": {"route_config_name": name, "config_source": file_source(file)}}


def _inbound_routes(port: int) -> Json:
    """Return the route to the pod's process; a connection closed before use is retried."""
    action = {
        "cluster": inbound_cluster_name(port),
        "timeout": "0s",
        "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
        "retry_policy": {"retry_on": "reset-before-request", "num_retries": 2},
    }
    host = {
        "name": f"inbound|http|{port}",
        "domains": ["*"],
        "routes": [{"name": "default", "match": {"prefix": "/"}, "route": action}],
    }
    return {
        "name": inbound_cluster_name(port),
        "virtual_hosts": [host],
        "validate_clusters": False,
    }


def _chain(manager: Json) -> Json:
    name = "envoy.filters.network.http_connection_manager"
    return {"filters": [{"name": name, "typed_config": manager}]}


def _listener(name: str, port: int, chains: list[Json]) -> Json:
    return {
        "name": name,
        "address": {"socket_address": {"address": LOOPBACK, "port_value": port}},
        "filter_chains": chains,
    }
