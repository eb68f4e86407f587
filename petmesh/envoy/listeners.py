"""Listeners of sidecars: their process's HTTP proxy, and the ports of the pod."""

from pathlib import Path

from petmesh.envoy.clusters import Served
from petmesh.envoy.jwt_authn import token_filters
from petmesh.envoy.managers import (
    TLS_INSPECTOR,
    chain,
    http_filters,
    listener,
    manager,
    routes_from,
    tcp_chain,
)
from petmesh.envoy.mtls_mode import mtls_mode
from petmesh.envoy.names import Json, inbound_cluster_name
from petmesh.envoy.rbac import authorization_filters, connection_filters
from petmesh.envoy.routes import OUTBOUND
from petmesh.envoy.tls import MESH_ALPN, MINIMUM, mutual_tls_server
from petmesh.envoy.topology import Pod, Topology
from petmesh.envoy.tracing import trace_sampling
from petmesh.mesh.mesh import Mesh

_IN_THE_CLEAR: Json = {"filter_chain_match": {"transport_protocol": "raw_buffer"}}
_OF_THE_MESH: Json = {
    "filter_chain_match": {"transport_protocol": "tls", "application_protocols": [MESH_ALPN]}
}


def outbound_listener(mesh: Mesh, pod: Pod, routes: Path) -> Json:
    """Return the listener of a sidecar as its pod's HTTP proxy; its routes come from a file."""
    config = (
        manager(mesh, "outbound")
        | routes_from(OUTBOUND, routes)
        | trace_sampling(mesh, pod.workload, is_gateway=False)
        | {"http_filters": http_filters([])}
    )
    config["upgrade_configs"] = [*config["upgrade_configs"], {"upgrade_type": "CONNECT"}]
    return listener("outbound", pod.outbound_port, [chain(config)])


def inbound_listener(mesh: Mesh, topology: Topology, pod: Pod, port: int, served: Served) -> Json:
    """Return the listener of a port of a pod's container, with its TLS and authorization."""
    passing = tcp_chain(
        f"inbound_{port}",
        {"cluster": inbound_cluster_name(port)},
        connection_filters(mesh, pod.namespace, pod.labels, port),
    )
    speaks_http = served.speaks in ("HTTP", "HTTP2")
    serving = _requests(mesh, topology, pod, port, served) if speaks_http else passing
    accepted = mtls_mode(mesh, pod.namespace, pod.labels, port)
    here = pod.inbound(port)
    socket = mutual_tls_server(
        pod.identity,
        topology.trust,
        mesh.config.trust_domain,
        MINIMUM[mesh.config.mesh_mtls.min_protocol_version],
    )
    secure = serving | {"transport_socket": socket}
    if accepted == "STRICT":
        return listener(f"inbound_{port}", here, [secure])
    if accepted == "DISABLE" and not served.detected:
        return listener(f"inbound_{port}", here, [serving])
    chains = [serving | _IN_THE_CLEAR]
    if served.detected or not speaks_http:
        # A process's own TLS is passed on.
        chains.append(passing | {"filter_chain_match": {"transport_protocol": "tls"}})
    if accepted == "PERMISSIVE":
        chains.insert(0, secure | _OF_THE_MESH)
    return listener(f"inbound_{port}", here, chains) | TLS_INSPECTOR


def _requests(mesh: Mesh, topology: Topology, pod: Pod, port: int, served: Served) -> Json:
    filters = [
        *token_filters(mesh, pod.namespace, pod.labels, topology.jwks),
        *authorization_filters(mesh, pod.namespace, pod.labels, port),
    ]
    config = manager(mesh, f"inbound_{port}") | {
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
        "route_config": _inbound_routes(port, served),
        "http_filters": http_filters(filters, routed=False),
        **trace_sampling(mesh, pod.workload, is_gateway=False),
    }
    return chain(config)


def _inbound_routes(port: int, served: Served) -> Json:
    """Return the route to the pod's process; a connection closed before use is retried.

    Not so for gRPC, whose streams don't bear it.
    """
    action: Json = {
        "cluster": inbound_cluster_name(port),
        "timeout": "0s",
        "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
    }
    if not served.grpc:
        action["retry_policy"] = {"retry_on": "reset-before-request", "num_retries": 2}
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
