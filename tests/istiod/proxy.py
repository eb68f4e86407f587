"""What a proxy does, read off Envoy's configuration of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from petmesh.envoy.proxy import ProxyFiles
from petmesh.istiod.ads import Sent
from tests.istiod.plain import Json, plain

HCM = "envoy.filters.network.http_connection_manager"
TCP = "envoy.filters.network.tcp_proxy"


@dataclass(frozen=True)
class Proxy:
    """One proxy's configuration.

    Attributes:
        endpoints: of clusters by their name.
    """

    clusters: Mapping[str, Json]
    endpoints: Mapping[str, list[Json]]
    listeners: Mapping[str, Json]
    routes: Mapping[str, Json]


def of_istiod(sent: Sent) -> Proxy:
    """What istiod sent."""
    clusters = {each["name"]: each for each in map(plain, sent.clusters)}
    endpoints = {name: _ends(plain(held)) for name, held in sent.endpoints.items()}
    for name, cluster in clusters.items():
        if "load_assignment" in cluster:
            endpoints[name] = _ends(cluster["load_assignment"])
    return Proxy(
        clusters,
        endpoints,
        {each["name"]: each for each in map(plain, sent.listeners)},
        {name: plain(held) for name, held in sent.routes.items()},
    )


def of_files(files: ProxyFiles) -> Proxy:
    """What the translation made."""
    clusters = {each["name"]: each for each in map(plain, files.clusters)}
    return Proxy(
        clusters,
        {name: _ends(each["load_assignment"]) for name, each in clusters.items()},
        {each["name"]: each for each in map(plain, files.listeners)},
        {name: plain(held) for name, held in files.routes.items()},
    )


def _ends(assignment: Json) -> list[Json]:
    return [
        end
        for locality in assignment.get("endpoints", ())
        for end in locality.get("lb_endpoints", ())
    ]


def virtual_host(route: Json, authority: str) -> Json | None:
    """The virtual host that Envoy selects for an authority, `host:port`."""
    host, _, port = authority.partition(":")
    name = host if route.get("ignore_port_in_host_matching") or not port else authority
    domains = {
        domain.lower(): each for each in route["virtual_hosts"] for domain in each["domains"]
    }
    if name in domains:
        return domains[name]
    suffixes = [d for d in domains if d != "*" and d.startswith("*") and name.endswith(d[1:])]
    prefixes = [d for d in domains if d != "*" and d.endswith("*") and name.startswith(d[:-1])]
    for found in (suffixes, prefixes):
        if found:
            return domains[max(found, key=len)]
    return domains.get("*")


def filters_of(chain: Json) -> tuple[str, Json, list[Json]]:
    """The last network filter of a chain, its config, and the filters before it."""
    *before, last = chain["filters"]
    return last["name"], last["typed_config"], before


def route_of(config: Json, routes: Mapping[str, Json]) -> Json:
    """The route configuration of an HTTP connection manager."""
    if "rds" in config:
        return routes[config["rds"]["route_config_name"]]
    held: Json = config["route_config"]
    return held


def port_of(listener: Json) -> int:
    """The port that a listener is at."""
    return int(listener["address"]["socket_address"]["port_value"])


def address_of(listener: Json) -> str:
    """The address that a listener is at."""
    return str(listener["address"]["socket_address"]["address"])


def target_of(proxy: Json) -> Json:
    """Where a TCP proxy leads connections."""
    return {key: proxy[key] for key in ("cluster", "weighted_clusters") if key in proxy}


def first(found: Iterable[Any]) -> Any:  # noqa: ANN401 (data)
    """The first, or None."""
    return next(iter(found), None)
