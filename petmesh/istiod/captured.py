"""The calls that a sidecar captures in a cluster, as the routes of the HTTP proxy that it is here.

istiod's own HTTP proxy (`proxyHttpPort`) heeds no port: neither that of a call, nor a route's
condition on it, and it takes no CONNECT. So its routes are made of those that istiod has for each
port.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from petmesh.envoy.names import Json, cluster_parts
from petmesh.envoy.routes import HTTP_PORT
from petmesh.envoy.tunnels import tunnel_routes
from petmesh.istiod.ads import Sent
from petmesh.istiod.cluster import virtual_address
from petmesh.mesh.mesh import Mesh

HTTP_PROXY: Final = "http_proxy"
_VIRTUAL: Final = "virtual"
_NONE: Final[Json] = {"virtual_hosts": []}
_BLOCKED: Final = ("BlackHoleCluster", "PassthroughCluster")
_ALL: Final = "*"


def captured(sent: Sent, mesh: Mesh, namespace: str) -> Json:
    """Return the routes of a sidecar's HTTP proxy.

    Args:
        sent: what istiod sent the sidecar.
        mesh: the declared objects, for the names of addresses.
        namespace: of the sidecar's pod.
    """
    names = _names(mesh, namespace)
    found: dict[str, Json] = {}
    for listener in sent.listeners:
        at: Json = listener["address"]["socket_address"]
        if not listener["name"].startswith(_VIRTUAL):
            for host in _hosts(sent, listener, names.get(at["address"], ())):
                for domain in host.pop("domains"):
                    port = at["port_value"]
                    called = domain if port == HTTP_PORT else f"{domain}:{port}"
                    found.setdefault(called, host)
    last = [e for e in sent.routes[HTTP_PROXY]["virtual_hosts"] if e["domains"] == [_ALL]]
    made = [{**host, "name": called, "domains": [called]} for called, host in found.items()]
    return {"name": HTTP_PROXY, "virtual_hosts": [*made, *last]}


def _names(mesh: Mesh, namespace: str) -> dict[str, tuple[str, ...]]:
    """Return the names that a virtual address has to the callers of a namespace."""
    held: dict[str, tuple[str, ...]] = {}
    for number, service in enumerate(mesh.services):
        name, own = service.metadata.name, service.metadata.namespace
        short = (name,) if own == namespace else ()
        full = mesh.service_host(service)
        held[virtual_address(number)] = (full, f"{name}.{own}.svc", f"{name}.{own}", *short)
    for entry in mesh.service_entries:
        held |= dict.fromkeys(entry.spec.addresses, tuple(entry.spec.hosts))
    return held


def _hosts(sent: Sent, listener: Json, names: Iterable[str]) -> Iterator[Json]:
    """Yield the virtual hosts of a listener, whose domains are without a port."""
    chains = [*listener.get("filter_chains", ()), listener.get("default_filter_chain")]
    for chain in filter(None, chains):
        config: Json = chain["filters"][-1]["typed_config"]
        match: Mapping[str, Any] = chain.get("filter_chain_match", {})
        if "rds" in config:
            name = config["rds"]["route_config_name"]
            route = sent.routes[name] if name != HTTP_PROXY else _NONE
            for host in route["virtual_hosts"]:
                if host["domains"] != [_ALL]:
                    yield {**host, "domains": [each.partition(":")[0] for each in host["domains"]]}
                elif names:
                    yield {**host, "domains": list(names)}
        elif config.get("cluster") not in _BLOCKED and not _is_http(config):
            target = {key: config[key] for key in _TARGETS if key in config}
            domains = match.get("server_names") or list(names) or _of_cluster(target)
            yield {"domains": domains, "routes": list(tunnel_routes(target))}


_TARGETS: Final = ("cluster", "weighted_clusters")


def _is_http(config: Json) -> bool:
    return "http_filters" in config


def _of_cluster(target: Json) -> list[str]:
    clusters = cast("list[Json]", target.get("weighted_clusters", {}).get("clusters", ()))
    held = target.get("cluster") or clusters[0]["name"]
    return [cluster_parts(held)[0]]
