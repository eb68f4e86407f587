"""Listeners of gateways: requests and connections from outside, in the clear or by TLS."""

from collections.abc import Callable, Iterator
from pathlib import Path

from petmesh.envoy.callers import gateway
from petmesh.envoy.decisions import decided_by
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
from petmesh.envoy.names import Json, selects, sni_name
from petmesh.envoy.rbac import authorization_filters, connection_filters
from petmesh.envoy.routes import covers, gateway_routes, gateway_servers, routes_name
from petmesh.envoy.tls import MINIMUM, gateway_tls, mutual_tls_gateway
from petmesh.envoy.topology import GatewayPod, Topology
from petmesh.envoy.tracing import trace_sampling
from petmesh.envoy.tunnels import clusters_of, l4_routes
from petmesh.mesh.envoy_filter import ConnectionManagerPatch, HttpFilterPatch
from petmesh.mesh.istio.networking import GatewayServer
from petmesh.mesh.istio.virtual_service import TlsMatchAttributes
from petmesh.mesh.mesh import Mesh

# A gateway closes a connection whose TLS handshake takes longer: a client that stops in the middle
# of it would hold the connection. istiod sets no such timeout on a sidecar's inbound listener.
# defaultGatewayTransportSocketConnectTimeout in
# https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/listener.go
HANDSHAKE_TIMEOUT = "15s"


def gateway_port(
    mesh: Mesh,
    topology: Topology,
    proxy: GatewayPod,
    port: int,
    file: Callable[[str], Path],
) -> tuple[Json, list[Json]]:
    """Return the listener of a gateway's port, and the routes of its requests.

    Args:
        mesh: the objects that are visible to the gateway.
        topology: certificates, and the gateway's identity.
        proxy: the gateway pod.
        port: the declared port.
        file: returns the file of a route configuration by name.
    """
    chains: list[Json] = []
    routes: list[Json] = []
    inspects = False
    servers = gateway_servers(mesh, proxy.labels, port)
    if not servers or any(s.port.speaks_http and not s.tls.mode for s in servers):
        routes.append(gateway_routes(mesh, proxy, port))
        chains.append(_requests(mesh, topology, proxy, port, file(routes_name(port)), ""))
    for server in servers:
        if server.tls.passes or not server.port.speaks_http:
            found = list(_connections(mesh, topology, proxy, server))
            chains.extend(found)
            inspects = inspects or bool(server.tls.mode)
        elif server.tls.mode:
            name = routes_name(port, server)
            routes.append(gateway_routes(mesh, proxy, port, server))
            config = _requests(mesh, topology, proxy, port, file(name), name)
            chains.append(config | _terminated(topology, proxy, server))
            inspects = True
    made = listener(f"gateway_{port}", proxy.ports[port], _distinct(chains))
    return made | (TLS_INSPECTOR if inspects else {}), routes


def _requests(  # noqa: PLR0913, PLR0917
    mesh: Mesh, topology: Topology, proxy: GatewayPod, port: int, file: Path, name: str
) -> Json:
    filters = [
        *token_filters(mesh, proxy.namespace, proxy.labels, topology.jwks, chooses_route=True),
        *authorization_filters(mesh, proxy.namespace, proxy.labels, port),
    ]
    inserted = _patches(mesh, proxy, HttpFilterPatch)
    config = (
        manager(mesh, f"gateway_{port}")
        | routes_from(name or routes_name(port), file)
        | {
            "use_remote_address": True,
            "forward_client_cert_details": "SANITIZE_SET",
            "set_current_client_cert_details": {
                "subject": True,
                "cert": True,
                "dns": True,
                "uri": True,
            },
            "http_filters": http_filters(filters, inserted=inserted),
        }
        | trace_sampling(mesh, proxy.name, is_gateway=True)
        | ({"http_protocol_options": {"accept_http_10": True}} if proxy.takes_http10 else {})
    )
    for settings in _patches(mesh, proxy, ConnectionManagerPatch):
        config |= settings["typed_config"]
    return chain(config)


def _terminated(topology: Topology, proxy: GatewayPod, server: GatewayServer) -> Json:
    """Return the TLS of a filter chain, and the names that it is for."""
    minimum = MINIMUM[server.tls.min_protocol_version]
    if server.tls.mode == "ISTIO_MUTUAL":
        socket = mutual_tls_gateway(proxy.identity, topology.trust, minimum)
    else:
        certificate = topology.certificates[server.tls.certificate]
        clients = topology.outside_trust if "MUTUAL" in server.tls.mode else None
        socket = gateway_tls(certificate, server.tls, clients)
    hosts = [host.rpartition("/")[2] for host in server.hosts]
    return {
        "transport_socket": socket,
        "transport_socket_connect_timeout": HANDSHAKE_TIMEOUT,
        **_named(hosts),
    }


def _named(hosts: list[str]) -> Json:
    return {} if "*" in hosts else {"filter_chain_match": {"server_names": hosts}}


def _connections(
    mesh: Mesh, topology: Topology, proxy: GatewayPod, server: GatewayServer
) -> Iterator[Json]:
    """Yield the filter chains of a server's connections: by name where TLS passes."""
    port = server.port.number
    own = connection_filters(mesh, proxy.namespace, proxy.labels, port)
    if server.tls.mode == "AUTO_PASSTHROUGH":
        yield from _by_sni(mesh, own)
        return
    caller = gateway(mesh, proxy)
    for each in mesh.virtual_services:
        namespace = each.metadata.namespace
        gateways = {name if "/" in name else f"{namespace}/{name}" for name in each.spec.gateways}
        if not gateways & caller.gateways:
            continue
        for route, match, part in l4_routes(caller, each, port):
            target = clusters_of(mesh, route.route, namespace, port)
            made = tcp_chain(f"gateway_{port}", target, own)
            made["metadata"] = decided_by(each.kind, each.metadata, part)
            if isinstance(match, TlsMatchAttributes) != server.tls.passes:
                continue
            if isinstance(match, TlsMatchAttributes):
                made |= _named([n for n in match.sni_hosts if _serves(server, n)] or ["none"])
            elif server.tls.mode:
                made |= _terminated(topology, proxy, server)
            yield made


def _by_sni(mesh: Mesh, own: list[Json]) -> Iterator[Json]:
    """Yield a chain for each cluster's own server name, as between clusters of one mesh."""
    for service in mesh.services:
        host = mesh.service_host(service)
        for port in service.spec.ports:
            name = sni_name(host, port.port)
            yield tcp_chain("passthrough", {"cluster": name}, own) | _named([name])


def _serves(server: GatewayServer, name: str) -> bool:
    hosts = [host.rpartition("/")[2] for host in server.hosts]
    return any(covers(host, name) or covers(name, host) for host in hosts)


def _distinct(chains: list[Json]) -> list[Json]:
    """Return the chains whose match no earlier one has: Envoy takes none twice."""
    kept: list[Json] = []
    matches: list[object] = []
    for each in chains:
        match = each.get("filter_chain_match")
        if match not in matches:
            matches.append(match)
            kept.append(each)
    return kept


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
