"""Routes: the virtual hosts of a sidecar's outbound proxy and of gateways."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from petmesh.envoy.callers import Caller, gateway, holds_for
from petmesh.envoy.delegates import routes_of
from petmesh.envoy.destination_rules import hash_policies
from petmesh.envoy.match import is_catch_all, route_match
from petmesh.envoy.names import MESH_GATEWAY, Json, cluster_name, full_host, selects
from petmesh.envoy.route_action import retry_policy, translate
from petmesh.envoy.topology import GatewayPod
from petmesh.envoy.tunnels import tunnel_hosts
from petmesh.mesh.istio.networking import Gateway, GatewayServer
from petmesh.mesh.istio.virtual_service import VirtualService
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken

OUTBOUND = "http_proxy"
HTTP_PORT = 80
_REQUESTS = ("HTTP", "HTTP2")


def outbound_routes(mesh: Mesh, caller: Caller) -> Json:
    """Return a sidecar's routes as an HTTP proxy: every known host, and 502 for any other.

    Connections to ports that don't speak HTTP are asked for by CONNECT.

    Args:
        mesh: the objects that are visible to the pod.
        caller: its sidecar; services of its namespace have short names.
    """
    hosts: list[Json] = []
    known: set[tuple[str, int]] = set()
    for host, number, names in _http_hosts(mesh, caller.namespace):
        known.add((host, number))
        routes = _routes_of_host(mesh, caller, host, number)
        hosts.append(_virtual_host(host, number, _domains(names, number), routes))
    hosts.extend(_routed_alone(mesh, caller, known))
    hosts.extend(tunnel_hosts(mesh, caller))
    hosts.append(
        {
            "name": "block_all",
            "domains": ["*"],
            "routes": [
                {
                    "name": "block_all",
                    "match": {"prefix": "/"},
                    "direct_response": {"status": HTTPStatus.BAD_GATEWAY.value},
                }
            ],
            "include_request_attempt_count": True,
        }
    )
    return _route_configuration(OUTBOUND, _without_duplicates(hosts))


def gateway_routes(
    mesh: Mesh, proxy: GatewayPod, port: int, server: GatewayServer | None = None
) -> Json:
    """Return the routes of one port of a gateway: the exposed hosts, and 404 for any other.

    Args:
        mesh: the objects that are visible to the gateway.
        proxy: the gateway pod.
        port: the declared port.
        server: the one server that ends TLS there; None for all that speak plain HTTP.
    """
    caller = gateway(mesh, proxy)
    by_host: dict[str, list[Json]] = {}
    redirected: set[str] = set()
    for declared, each in _servers(mesh, proxy.labels, port):
        if not each.port.speaks_http or (each != server if server else each.tls.mode):
            continue
        for virtual_service in mesh.virtual_services:
            if not _bound(virtual_service, declared):
                continue
            routes = _routes(mesh, caller, virtual_service, port, secure=bool(each.tls.mode))
            for host in _shared_hosts(each.hosts, virtual_service, declared):
                by_host.setdefault(host, []).extend(routes)
                if each.tls.https_redirect:
                    redirected.add(host)
        if each.tls.https_redirect:
            # A server that only redirects needs no route.
            for host in each.hosts:
                by_host.setdefault(host.rpartition("/")[2], [])
                redirected.add(host.rpartition("/")[2])
    hosts = [
        _virtual_host(host, port, [host], _catch_all_last(routes or _NOT_FOUND))
        | ({"require_tls": "ALL"} if host in redirected else {})
        for host, routes in by_host.items()
    ]
    if not hosts:
        hosts = [{"name": f"blackhole:{port}", "domains": ["*"]}]
    name = routes_name(port, server)
    return _route_configuration(name, hosts) | {"ignore_port_in_host_matching": True}


def routes_name(port: int, server: GatewayServer | None = None) -> str:
    """Return the name of the routes of a gateway's port, or of one of its servers with TLS."""
    if server is None:
        return f"http.{port}"
    hosts = "_".join(host.replace("/", "_").replace("*", "any") for host in server.hosts)
    return f"https.{port}.{server.name or hosts}"[:100]


def gateway_servers(
    mesh: Mesh, labels: Mapping[str, str], port: int | None = None
) -> list[GatewayServer]:
    """Return the servers of a gateway pod with these labels, at one port or at all."""
    return [server for _, server in _servers(mesh, labels, port)]


_NOT_FOUND: list[Json] = [
    {
        "name": "not_found",
        "match": {"prefix": "/"},
        "direct_response": {"status": HTTPStatus.NOT_FOUND.value},
    }
]


def _catch_all_last(routes: list[Json]) -> list[Json]:
    return sorted(routes, key=lambda route: is_catch_all(route["match"]))


def _servers(
    mesh: Mesh, labels: Mapping[str, str], port: int | None
) -> Iterator[tuple[Gateway, GatewayServer]]:
    for declared in mesh.gateways:
        if selects(declared.spec.selector, labels):
            for server in declared.spec.servers:
                if port in (None, server.port.number):
                    yield declared, server


def _route_configuration(name: str, hosts: list[Json]) -> Json:
    return {
        "name": name,
        "virtual_hosts": hosts,
        # A request whose route names a cluster that doesn't exist gets 503, as in a cluster.
        "validate_clusters": False,
    }


def _virtual_host(host: str, port: int, domains: list[str], routes: list[Json]) -> Json:
    return {
        "name": f"{host}:{port}",
        "domains": domains,
        "routes": routes,
        "include_request_attempt_count": True,
    }


def _domains(names: list[str], port: int) -> list[str]:
    """Return the domains of names at a port; port 80 may be omitted."""
    without = names if port == HTTP_PORT else []
    # Envoy knows no pattern with a wildcard and a port.
    return [*without, *(f"{name}:{port}" for name in names if not name.startswith("*"))]


def _without_duplicates(hosts: list[Json]) -> list[Json]:
    """Return virtual hosts whose domains the earlier ones don't have, as istiod drops them."""
    taken: set[str] = set()
    kept: list[Json] = []
    for host in hosts:
        domains = [each for each in host["domains"] if each not in taken]
        taken |= set(domains)
        if domains:
            kept.append({**host, "domains": domains})
    return kept


def _http_hosts(mesh: Mesh, namespace: str) -> Iterator[tuple[str, int, list[str]]]:
    """Yield each host that speaks HTTP at a port, and every name that it has for a pod."""
    for service in mesh.services:
        host = mesh.service_host(service)
        for port in service.spec.ports:
            if spoken(port) in _REQUESTS:
                yield host, port.port, _service_names(host, namespace)
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            for port in entry.spec.ports:
                if port.spoken in _REQUESTS:
                    yield host, port.number, [host, f"{host}."]


def _service_names(host: str, namespace: str) -> list[str]:
    """Return every form of a service's name that a pod of a namespace may use."""
    service, own_namespace = host.split(".")[:2]
    names = [host, f"{host}.", f"{service}.{own_namespace}.svc", f"{service}.{own_namespace}"]
    return [*names, service] if own_namespace == namespace else names


def _routes_of_host(mesh: Mesh, caller: Caller, host: str, port: int) -> list[Json]:
    virtual_service = _of_host(mesh, host)
    routes = _routes(mesh, caller, virtual_service, port) if virtual_service else []
    if routes:
        return routes
    action: Json = {"cluster": cluster_name(host, port), "timeout": "0s"}
    hashed = hash_policies(mesh, host, caller.namespace, port)
    if hashed:
        action["hash_policy"] = hashed
    policy = retry_policy(mesh.config.default_http_retry_policy)
    if policy:
        action["retry_policy"] = policy
    return [{"name": "default", "match": route_match(None), "route": action}]


def _of_host(mesh: Mesh, host: str) -> VirtualService | None:
    """Return the VirtualService of a host: its own, else that of the longest wildcard."""
    best: tuple[int, VirtualService] | None = None
    for each in _of_the_mesh(mesh):
        for name in each.spec.hosts:
            pattern = full_host(name, each.metadata.namespace)
            rank = 1000 if pattern == host else len(pattern) if covers(pattern, host) else 0
            if rank and (best is None or rank > best[0]):
                best = (rank, each)
    return best[1] if best else None


def _of_the_mesh(mesh: Mesh) -> Iterator[VirtualService]:
    for each in mesh.virtual_services:
        gateways = set(each.spec.gateways)
        gateways |= {name for route in each.spec.http for m in route.match for name in m.gateways}
        if MESH_GATEWAY in gateways:
            yield each


def _routed_alone(mesh: Mesh, caller: Caller, known: set[tuple[str, int]]) -> Iterator[Json]:
    """Yield the hosts that a VirtualService has and no Service or ServiceEntry.

    They are routed at the ports of its other hosts, and at port 80 where any host is known there.
    """
    for each in _of_the_mesh(mesh):
        hosts = {full_host(name, each.metadata.namespace) for name in each.spec.hosts} - {"*"}
        found = {
            (pattern, port) for pattern in hosts for host, port in known if covers(pattern, host)
        }
        ports = {port for _, port in found}
        if any(port == HTTP_PORT for _, port in known):
            ports.add(HTTP_PORT)
        for port in sorted(ports):
            routes = _routes(mesh, caller, each, port) if each.spec.http else []
            for host in sorted(hosts - {pattern for pattern, at in found if at == port}):
                if routes:
                    yield _virtual_host(host, port, _domains([host], port), routes)


def _bound(virtual_service: VirtualService, gateway_: Gateway) -> bool:
    own = virtual_service.metadata.namespace
    named = {*virtual_service.spec.gateways}
    for route in virtual_service.spec.http:
        named |= {name for match in route.match for name in match.gateways}
    names = {name if "/" in name else f"{own}/{name}" for name in named}
    return f"{gateway_.metadata.namespace}/{gateway_.metadata.name}" in names


def _shared_hosts(
    served: Iterable[str], virtual_service: VirtualService, gateway_: Gateway
) -> Iterator[str]:
    """Yield the hosts that both name; of a wildcard and a name that it covers, the name."""
    own = virtual_service.metadata.namespace
    for server_host in served:
        scope, _, pattern = server_host.rpartition("/")
        if (gateway_.metadata.namespace if scope == "." else scope) not in ("", "*", own):
            continue
        for name in virtual_service.spec.hosts:
            host = full_host(name, own)
            if covers(pattern, host):
                yield host
            elif covers(host, pattern):
                yield pattern


def covers(pattern: str, host: str) -> bool:
    """Return whether a host, or a name in place of its wildcard, is that of a pattern."""
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def _routes(
    mesh: Mesh,
    caller: Caller,
    virtual_service: VirtualService,
    port: int,
    *,
    secure: bool = False,
) -> list[Json]:
    routes: list[Json] = []
    for routed in routes_of(mesh, virtual_service):
        namespace = routed.owner.metadata.namespace
        if not holds_for(routed.match, caller, namespace, port):
            continue
        routes.append(translate(mesh, routed, port, caller, secure=secure))
        if is_catch_all(routes[-1]["match"]):
            break
    return routes
