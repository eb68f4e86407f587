"""Routes: the virtual hosts of a sidecar's outbound proxy and of gateways."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus

from petmesh.envoy.decisions import decided_by
from petmesh.envoy.match import is_catch_all, route_match
from petmesh.envoy.names import (
    MESH_GATEWAY,
    Json,
    cluster_name,
    duration,
    full_host,
    selects,
    typed,
)
from petmesh.envoy.topology import GatewayPod
from petmesh.mesh.istio.networking import (
    Destination,
    Gateway,
    GatewayServer,
    HttpMatchRequest,
    HttpRetry,
    HttpRoute,
    VirtualService,
)
from petmesh.mesh.mesh import Mesh

OUTBOUND = "http_proxy"
HTTP_PORT = 80
# istiod's default retry policy.
_DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_DEFAULT_RETRIES = 2
_PREVIOUS_HOSTS = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
}


def outbound_routes(mesh: Mesh, namespace: str) -> Json:
    """Return a sidecar's routes as an HTTP proxy: every known host, and 502 for any other.

    Args:
        mesh: the declared objects.
        namespace: the pod's namespace; its services have short names.
    """
    hosts: list[Json] = []
    for service in mesh.services:
        host = mesh.service_host(service)
        domains = _service_names(host, namespace)
        for port in service.spec.ports:
            routes = _routes_of_host(mesh, host, port.port)
            hosts.append(_virtual_host(host, port.port, domains, routes))
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            for port in entry.spec.ports:
                routes = _routes_of_host(mesh, host, port.number)
                hosts.append(_virtual_host(host, port.number, [host, f"{host}."], routes))
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
    return _route_configuration(OUTBOUND, hosts)


def gateway_routes(mesh: Mesh, proxy: GatewayPod, port: int) -> Json:
    """Return the routes of one port of a gateway: the exposed hosts, and 404 for any other."""
    by_host: dict[str, list[Json]] = {}
    redirected: set[str] = set()
    for gateway in mesh.gateways:
        if not selects(gateway.spec.selector, proxy.labels):
            continue
        for server in gateway.spec.servers:
            if server.port.number != port:
                continue
            for virtual_service in mesh.virtual_services:
                if not _bound(virtual_service, gateway):
                    continue
                routes = _routes(mesh, virtual_service, port)
                for host in _shared_hosts(server.hosts, virtual_service):
                    by_host.setdefault(host, []).extend(routes)
                    if server.tls.https_redirect:
                        redirected.add(host)
    hosts = [
        _virtual_host(
            host,
            port,
            [host],
            [
                route
                for catch_all in (False, True)
                for route in routes
                if is_catch_all(route["match"]) == catch_all
            ],
            plain=True,
        )
        | ({"require_tls": "ALL"} if host in redirected else {})
        for host, routes in by_host.items()
    ]
    if not hosts:
        hosts = [{"name": f"blackhole:{port}", "domains": ["*"]}]
    return _route_configuration(f"http.{port}", hosts) | {"ignore_port_in_host_matching": True}


def gateway_servers(
    mesh: Mesh, labels: Mapping[str, str], port: int | None = None
) -> list[GatewayServer]:
    """Return the servers of a gateway pod with these labels, at one port or at all."""
    return [
        server
        for gateway in mesh.gateways
        if selects(gateway.spec.selector, labels)
        for server in gateway.spec.servers
        if port in (None, server.port.number)
    ]


def _route_configuration(name: str, hosts: list[Json]) -> Json:
    return {
        "name": name,
        "virtual_hosts": hosts,
        # A request whose route names a cluster that doesn't exist gets 503, as in a cluster.
        "validate_clusters": False,
    }


def _virtual_host(
    host: str, port: int, names: Sequence[str], routes: list[Json], *, plain: bool = False
) -> Json:
    """Return the virtual host of a host by name and port; port 80 may be omitted."""
    with_port = [] if plain else [f"{name}:{port}" for name in names]
    without = list(names) if plain or port == HTTP_PORT else []
    return {
        "name": f"{host}:{port}",
        "domains": [*without, *with_port],
        "routes": routes,
        "include_request_attempt_count": True,
    }


def _service_names(host: str, namespace: str) -> list[str]:
    """Return every form of a service's name that a pod of a namespace may use."""
    service, own_namespace = host.split(".")[:2]
    names = [host, f"{host}.", f"{service}.{own_namespace}.svc", f"{service}.{own_namespace}"]
    return [*names, service] if own_namespace == namespace else names


def _routes_of_host(mesh: Mesh, host: str, port: int) -> list[Json]:
    for virtual_service in mesh.virtual_services:
        namespace = virtual_service.metadata.namespace
        hosts = {full_host(name, namespace) for name in virtual_service.spec.hosts}
        if host in hosts and MESH_GATEWAY in virtual_service.spec.gateways:
            return _routes(mesh, virtual_service, port)
    action: Json = {"cluster": cluster_name(host, port), "timeout": "0s"}
    policy = retry_policy(mesh.config.default_http_retry_policy)
    if policy:
        action["retry_policy"] = policy
    return [{"name": "default", "match": route_match(None), "route": action}]


def _bound(virtual_service: VirtualService, gateway: Gateway) -> bool:
    own = virtual_service.metadata.namespace
    names = {name if "/" in name else f"{own}/{name}" for name in virtual_service.spec.gateways}
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}" in names


def _shared_hosts(served: Iterable[str], virtual_service: VirtualService) -> Iterator[str]:
    """Yield the hosts that both name; of a wildcard and a name that it covers, the name."""
    for server_host in served:
        scope, _, pattern = server_host.rpartition("/")
        own = virtual_service.metadata.namespace
        if scope not in ("", "*", ".", own):
            continue
        for host in virtual_service.spec.hosts:
            if _covers(pattern, host):
                yield host
            elif _covers(host, pattern):
                yield pattern


def _covers(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def _routes(mesh: Mesh, virtual_service: VirtualService, port: int) -> list[Json]:
    routes: list[Json] = []
    for index, route in enumerate(virtual_service.spec.http):
        for number, match in enumerate(route.match or (None,)):
            translated = _route(mesh, virtual_service, route, match, port)
            part = f"http[{index}]" + (f".match[{number}]" if match else "")
            decided = decided_by("VirtualService", virtual_service.metadata, part)
            routes.append(translated | {"metadata": decided})
            if is_catch_all(routes[-1]["match"]):
                return routes
    return routes


def _route(
    mesh: Mesh,
    virtual_service: VirtualService,
    route: HttpRoute,
    match: HttpMatchRequest | None,
    port: int,
) -> Json:
    namespace = virtual_service.metadata.namespace
    name = route.name + (f".{match.name}" if match and match.name else "")
    action: Json = {"timeout": duration(route.timeout or 0.0)}
    if len(route.route) == 1:
        action["cluster"] = _cluster(mesh, route.route[0].destination, namespace, port)
    else:
        # istiod drops destinations of weight 0; the total is the sum of the others.
        action["weighted_clusters"] = {
            "clusters": [
                {
                    "name": _cluster(mesh, weighted.destination, namespace, port),
                    "weight": weighted.weight,
                }
                for weighted in route.route
                if weighted.weight
            ]
        }
    if route.mirror:
        percent = route.mirror_percentage.value if route.mirror_percentage else 100.0
        fraction = {"numerator": round(percent * 10_000), "denominator": "MILLION"}
        action["request_mirror_policies"] = [
            {
                "cluster": _cluster(mesh, route.mirror, namespace, port),
                "runtime_fraction": {"default_value": fraction},
                "disable_shadow_host_suffix_append": True,
            }
        ]
    policy = retry_policy(route.retries or mesh.config.default_http_retry_policy)
    if policy:
        action["retry_policy"] = policy
    translated: Json = {"name": name, "match": route_match(match), "route": action}
    if route.headers and route.headers.request:
        translated["request_headers_to_remove"] = list(route.headers.request.remove)
    if route.headers and route.headers.response:
        translated["response_headers_to_add"] = [
            {
                "header": {"key": key, "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
            for key, value in route.headers.response.set.items()
        ]
    return translated


def _cluster(mesh: Mesh, destination: Destination, namespace: str, listened: int) -> str:
    """Return a destination's cluster; its port is declared, the Service's only, or the called."""
    host = full_host(destination.host, namespace)
    if destination.port:
        return cluster_name(host, destination.port.number, destination.subset)
    ports = [
        [port.port for port in service.spec.ports]
        for service in mesh.services
        if mesh.service_host(service) == host
    ]
    port = ports[0][0] if ports and len(ports[0]) == 1 else listened
    return cluster_name(host, port, destination.subset)


def retry_policy(retries: HttpRetry | None) -> Json | None:
    """Return Envoy's form of a retry policy or of istiod's default; None if retries are off."""
    policy: Json = {
        "num_retries": _DEFAULT_RETRIES,
        "retry_on": _DEFAULT_RETRY_ON,
        "host_selection_retry_max_attempts": "5",
        "retry_host_predicate": [_PREVIOUS_HOSTS],
    }
    if retries is None:
        return policy
    if retries.attempts <= 0:
        return None
    policy["num_retries"] = retries.attempts
    if retries.retry_on:
        conditions = [part.strip() for part in retries.retry_on.split(",") if part.strip()]
        codes = [int(part) for part in conditions if part.isdigit()]
        names = [part for part in conditions if not part.isdigit()]
        if codes and "retriable-status-codes" not in names:
            names.append("retriable-status-codes")
        policy["retry_on"] = ",".join(names)
        if codes:
            policy["retriable_status_codes"] = codes
    if retries.per_try_timeout is not None:
        policy["per_try_timeout"] = duration(retries.per_try_timeout)
    if retries.retry_ignore_previous_hosts is False:
        del policy["retry_host_predicate"]
    if retries.backoff is not None:
        policy["retry_back_off"] = {"base_interval": duration(retries.backoff)}
    return policy
