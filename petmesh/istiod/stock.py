"""What istiod sent a proxy, as files of an Envoy of this machine.

An Envoy without Istio's own extensions takes it once these are left out: statistics, the
exchange of metadata between proxies, and the choice of ALPN. No request is decided by them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from petmesh.envoy.managers import TLS_INSPECTOR
from petmesh.envoy.names import Json, file_source
from petmesh.envoy.proxy import ProxyFiles, bootstrap, logging, most_connections, routes_file
from petmesh.envoy.topology import GatewayPod, Identity, Pod
from petmesh.istiod.ads import Sent
from petmesh.istiod.captured import HTTP_PROXY, captured
from petmesh.istiod.places import Places
from petmesh.mesh.mesh import Mesh

HTTP_PROXY_PORT: Final = 15002
_ISTIOS: Final = ("istio", "stats.PluginConfig", "envoy.filters.http.peer_metadata", "alpn")
_KINDS: Final = {
    "virtual-service": "VirtualService",
    "virtualservice": "VirtualService",
}


def sidecar_of(  # noqa: PLR0913, PLR0917
    sent: Sent, mesh: Mesh, places: Places, pod: Pod, folder: Path, socket: Path
) -> ProxyFiles:
    """Return the files of a pod's sidecar.

    Args:
        sent: what istiod sent it.
        mesh: the declared objects, for the access log.
        places: where pods and gateways are.
        pod: the sidecar's pod.
        folder: for the files.
        socket: of its administration interface.
    """
    listeners = [
        each
        for port, chains in _inbound(sent)
        if port in pod.container_ports
        for each in _listener(
            places,
            f"inbound_{port}",
            pod.inbound(port),
            _at_ports(chains, pod.container_ports),
            pod.identity,
        )
    ]
    own = next(each for each in sent.listeners if _port(each) == HTTP_PROXY_PORT)
    chains = _with_connect(own["filter_chains"])
    listeners += _listener(places, "outbound", pod.outbound_port, chains, pod.identity)
    routes = {**sent.routes, HTTP_PROXY: captured(sent, mesh, pod.namespace)}
    sent = replace(sent, routes=routes)
    return _files(sent, mesh, places, pod, listeners, folder, socket)


def gateway_of(  # noqa: PLR0913, PLR0917
    sent: Sent, mesh: Mesh, places: Places, proxy: GatewayPod, folder: Path, socket: Path
) -> ProxyFiles:
    """Return the files of a gateway; the arguments are those of a sidecar."""
    listeners = [
        made
        for each in sent.listeners
        if _port(each) in proxy.ports
        for made in _listener(
            places,
            f"gateway_{_port(each)}",
            proxy.ports[_port(each)],
            _at_ports(each["filter_chains"], proxy.ports),
            proxy.identity,
        )
    ]
    return _files(sent, mesh, places, proxy, listeners, folder, socket)


def _files(  # noqa: PLR0913, PLR0917
    sent: Sent,
    mesh: Mesh,
    places: Places,
    proxy: Pod | GatewayPod,
    listeners: list[Json],
    folder: Path,
    socket: Path,
) -> ProxyFiles:
    pod = proxy if isinstance(proxy, Pod) else None
    clusters = [
        places.certificates(without_istios(made), proxy.identity)
        for each in sent.clusters
        if (made := places.cluster(each, _ends(sent, each), pod))
    ]
    held = set(_asked(listeners))
    routes = {name: _decided(route) for name, route in sent.routes.items() if name in held}
    located = cast("list[Json]", _located(listeners, folder))
    base = bootstrap(proxy.name, pod.workload if pod else proxy.name, folder, socket)
    return ProxyFiles(
        proxy.name,
        base if isinstance(proxy, Pod) else base | most_connections(proxy),
        tuple(clusters),
        logging(located, mesh, places.topology, folder),
        routes,
    )


def _with_connect(chains: list[Json]) -> list[Json]:
    """Return the filter chain of the HTTP proxy, which takes CONNECT too."""
    [chain] = chains
    *before, manager = chain["filters"]
    config: Json = manager["typed_config"]
    upgrades = [*config.get("upgrade_configs", ()), {"upgrade_type": "CONNECT"}]
    taking = {**manager, "typed_config": {**config, "upgrade_configs": upgrades}}
    return [{**chain, "filters": [*before, taking]}]


def _inbound(sent: Sent) -> Iterator[tuple[int, list[Json]]]:
    """Yield the ports of a pod, and the filter chains of each."""
    ports: dict[int, list[Json]] = {}
    for each in sent.listeners:
        if each["name"] == "virtualInbound":
            for chain in each["filter_chains"]:
                match: Json = chain.get("filter_chain_match", {})
                port = match.get("destination_port")
                if port:
                    rest = {k: v for k, v in match.items() if k != "destination_port"}
                    ports.setdefault(port, []).append({**chain, "filter_chain_match": rest})
    yield from ports.items()


def _listener(
    places: Places, name: str, port: int, chains: list[Json], identity: Identity
) -> Iterator[Json]:
    held = places.certificates(without_istios(chains), identity)
    made = places.listener({"name": name, "filter_chains": held}, port)
    text = json.dumps(held)
    if '"transport_protocol"' in text or '"server_names"' in text:
        made |= TLS_INSPECTOR
    yield made


def _at_ports(held: Any, ports: Mapping[int, int]) -> Any:  # noqa: ANN401 (JSON)
    """Return a message whose conditions on the called port name those of this machine."""
    if isinstance(held, list):
        return [_at_ports(each, ports) for each in cast("list[object]", held)]
    if not isinstance(held, dict):
        return held
    message = {key: _at_ports(each, ports) for key, each in cast("Json", held).items()}
    called = message.get("destination_port")
    # No port is 0.
    return message if called is None else {**message, "destination_port": ports.get(called, 0)}


def _ends(sent: Sent, cluster: Json) -> list[Json]:
    held = sent.endpoints.get(cluster["name"]) or cluster.get("load_assignment", {})
    return [
        end for locality in held.get("endpoints", ()) for end in locality.get("lb_endpoints", ())
    ]


def without_istios(held: object) -> Any:  # noqa: ANN401 (JSON)
    """Return a message without Istio's extensions, tracing, and istiod's own access logs."""
    if isinstance(held, list):
        items = cast("list[object]", held)
        return [without_istios(each) for each in items if not _is_istios(each)]
    if isinstance(held, dict):
        message = cast("Json", held)
        return {
            key: without_istios(value)
            for key, value in message.items()
            if key not in ("access_log", "tracing")
        }
    return held


def _is_istios(held: object) -> bool:
    """Return whether an item of a list of filters is an extension of Istio's."""
    if not isinstance(held, dict):
        return False
    message = cast("Json", held)
    config: Json = message.get("typed_config") or {}
    if "config_discovery" in message:
        return True
    names = (message.get("name", ""), config.get("@type", ""), config.get("type_url", ""))
    return bool(config) and any(part in str(name) for name in names for part in _ISTIOS)


def _asked(held: object) -> Iterator[str]:
    if isinstance(held, dict):
        message = cast("Json", held)
        if "route_config_name" in message:
            yield str(message["route_config_name"])
        for each in message.values():
            yield from _asked(each)
    elif isinstance(held, list):
        for each in cast("list[object]", held):
            yield from _asked(each)


def _located(held: object, folder: Path) -> Any:  # noqa: ANN401 (JSON)
    """Return listeners whose routes come from files."""
    if isinstance(held, list):
        return [_located(each, folder) for each in cast("list[object]", held)]
    if isinstance(held, dict):
        message = {k: _located(v, folder) for k, v in cast("Json", held).items()}
        if "route_config_name" in message:
            file = routes_file(folder, message["route_config_name"])
            message["config_source"] = file_source(file)
        return message
    return held


def _decided(route: Json) -> Json:
    """Return routes that say which object declares them, as the translation's do."""
    hosts = [
        {**host, "routes": [_told(each) for each in host.get("routes", ())]}
        for host in route.get("virtual_hosts", ())
    ]
    return {**route, "virtual_hosts": hosts}


def _told(route: Json) -> Json:
    held: Json = route.get("metadata", {}).get("filter_metadata", {})
    parts = str(held.get("istio", {}).get("config", "")).split("/")
    if len(parts) < 5:  # noqa: PLR2004 (/apis/GROUP/VERSION/namespaces/NAMESPACE/KIND/NAME)
        return route
    *_, namespace, kind, name = parts
    told = {"object": f"{_KINDS.get(kind, kind)} {namespace}/{name}", "part": route.get("name", "")}
    return {**route, "metadata": {"filter_metadata": {**held, "petmesh": told}}}


def _port(listener: Json) -> int:
    address: Json = listener.get("address", {}).get("socket_address", {})
    return int(address.get("port_value", 0))
