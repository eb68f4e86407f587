"""Connections that aren't HTTP: a sidecar or gateway passes them on, whole.

A process of this machine asks its sidecar for one by CONNECT, as clients ask an HTTP proxy for TLS.
Routes of TLS and TCP are chosen by the name and port that it asks for, which in a cluster are the
connection's server name (SNI) and destination.
"""

from collections.abc import Iterator, Sequence

from petmesh.envoy.callers import Caller, holds_for
from petmesh.envoy.decisions import decided_by
from petmesh.envoy.names import MESH_GATEWAY, Json, cluster_name, full_host
from petmesh.envoy.route_action import destination_cluster
from petmesh.mesh.istio.virtual_service import (
    ConnectionMatch,
    RouteDestination,
    TcpRoute,
    TlsMatchAttributes,
    TlsRoute,
    VirtualService,
)
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import Spoken, spoken

_CONNECT: list[Json] = [{"upgrade_type": "CONNECT", "connect_config": {}}]
_TUNNELLED: tuple[Spoken, ...] = ("TCP", "TLS")


def tunnel_hosts(mesh: Mesh, caller: Caller) -> Iterator[Json]:
    """Yield a virtual host for each port that doesn't speak HTTP."""
    for host, port, names in _hosts(mesh, caller.namespace):
        target, decided = _target(mesh, caller, host, port)
        found = {"metadata": decided} if decided else {}
        yield {
            "name": f"{host}:{port}",
            "domains": [f"{name}:{port}" for name in names if not name.startswith("*")]
            or [f"*{host.removeprefix('*')}"],
            "routes": [{**route, **found} for route in tunnel_routes(target)],
        }


def tunnel_routes(target: Json) -> tuple[Json, Json]:
    """Return the routes by which a process's connections are passed on.

    Args:
        target: the cluster, or clusters with their weights, in Envoy's form.
    """
    action: Json = {**target, "timeout": "0s"}
    asked: Json = {**action, "upgrade_configs": _CONNECT}
    return (
        {"name": "connect", "match": {"connect_matcher": {}}, "route": asked},
        # A client that speaks HTTP there is passed on as any other.
        {"name": "default", "match": {"prefix": "/"}, "route": action},
    )


def l4_routes(
    caller: Caller, virtual_service: VirtualService, port: int
) -> Iterator[tuple[TcpRoute | TlsRoute, ConnectionMatch | None, str]]:
    """Yield each route of connections that holds for a caller, its match, and where it is."""
    namespace = virtual_service.metadata.namespace
    kinds: tuple[tuple[str, Sequence[TcpRoute | TlsRoute]], ...] = (
        ("tls", virtual_service.spec.tls),
        ("tcp", virtual_service.spec.tcp),
    )
    for protocol, routes in kinds:
        for index, route in enumerate(routes):
            matches: Sequence[ConnectionMatch | None] = route.match or (None,)
            for number, match in enumerate(matches):
                if holds_for(match, caller, namespace, port):
                    part = virtual_service.part(index, number if match else None, protocol)
                    yield route, match, part


def names_server(match: ConnectionMatch | None, host: str) -> bool:
    """Return whether a match is for a server's name; one of TCP is for any."""
    return not isinstance(match, TlsMatchAttributes) or any(
        name == host or (name.startswith("*") and host.endswith(name[1:]))
        for name in match.sni_hosts
    )


def _hosts(mesh: Mesh, namespace: str) -> Iterator[tuple[str, int, list[str]]]:
    for service in mesh.services:
        host = mesh.service_host(service)
        name, own = host.split(".")[:2]
        names = [host, f"{name}.{own}.svc", f"{name}.{own}"]
        for port in service.spec.ports:
            if spoken(port) in _TUNNELLED:
                yield host, port.port, [*names, name] if own == namespace else names
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            for port in entry.spec.ports:
                if port.spoken in _TUNNELLED:
                    yield host, port.number, [host]


def _target(mesh: Mesh, caller: Caller, host: str, port: int) -> tuple[Json, Json | None]:
    """Return where connections to a host go, and the object that says so."""
    for each in mesh.virtual_services:
        namespace = each.metadata.namespace
        hosts = {full_host(name, namespace) for name in each.spec.hosts}
        own = MESH_GATEWAY in each.spec.gateways
        if not {host, "*"} & hosts:
            continue
        for route, match, part in l4_routes(caller, each, port):
            for_mesh = MESH_GATEWAY in match.gateways if match and match.gateways else own
            if for_mesh and names_server(match, host):
                decided = decided_by(each.kind, each.metadata, part)
                return clusters_of(mesh, route.route, namespace, port), decided
    return {"cluster": cluster_name(host, port)}, None


def clusters_of(mesh: Mesh, route: Sequence[RouteDestination], namespace: str, port: int) -> Json:
    """Return the one cluster of a route's connections, or its weighted ones."""
    names = [destination_cluster(mesh, each.destination, namespace, port) for each in route]
    if len(names) == 1:
        return {"cluster": names[0]}
    return {
        "weighted_clusters": {
            "clusters": [
                {"name": name, "weight": each.weight}
                for name, each in zip(names, route, strict=True)
                if each.weight
            ]
        }
    }
