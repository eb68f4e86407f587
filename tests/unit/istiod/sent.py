"""What istiod would send where it agrees with the translation: the same in istiod's own shape."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from petmesh.envoy.proxy import ProxyFiles
from petmesh.istiod.addresses import Addresses
from tests.istiod.proxy import HCM, TCP, Proxy, of_files
from tests.unit.manifests.topologies import Laid

Json = dict[str, Any]


@dataclass(frozen=True)
class Shaped:
    """A translated configuration in the shape of istiod's."""

    laid: Laid
    addresses: Addresses

    def proxy(self, files: ProxyFiles) -> Proxy:
        ours = copy.deepcopy(of_files(files))
        calls = list(_calls(ours.routes["http_proxy"]))
        listeners = [*(_listener(*each) for each in calls), _inbound(ours)]
        return Proxy(
            ours.clusters,
            {name: [self._end(each) for each in ends] for name, ends in ours.endpoints.items()},
            {each["name"]: each for each in listeners},
            {
                **ours.routes,
                **{str(port): _route(port, hosts) for port, hosts in calls},
            },
        )

    def _end(self, end: Json) -> Json:
        here = end["endpoint"]["address"]["socket_address"]["port_value"]
        for pod in self.laid.pods:
            for target, port in pod.container_ports.items():
                if port == here:
                    address = {"address": self.addresses.of(pod.name), "port_value": target}
                    return {**end, "endpoint": {"address": {"socket_address": address}}}
        return end


def _calls(route: Json) -> Iterator[tuple[int, list[Json]]]:
    """Each port, and the virtual hosts whose domains are at it."""
    ports: dict[int, list[Json]] = {}
    for host in route["virtual_hosts"]:
        at: dict[int, list[str]] = {}
        for domain in host["domains"]:
            name, _, port = domain.partition(":")
            if domain != "*":
                at.setdefault(int(port or 80), []).append(f"{name}:{port or 80}")
        for port, domains in at.items():
            ports.setdefault(port, []).append({**host, "domains": domains})
    yield from ports.items()


def _route(port: int, hosts: list[Json]) -> Json:
    return {"name": str(port), "virtual_hosts": hosts}


def _listener(port: int, hosts: list[Json]) -> Json:
    action = hosts[0]["routes"][0]
    if "connect_matcher" in action["match"]:
        last = {"name": TCP, "typed_config": action["route"]}
    else:
        last = {"name": HCM, "typed_config": {"rds": {"route_config_name": str(port)}}}
    return {
        "name": f"0.0.0.0_{port}",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},  # noqa: S104
        "filter_chains": [{"filters": [last]}],
    }


def _inbound(ours: Proxy) -> Json:
    """The one listener of what comes in, with each port's chains."""
    chains: list[Json] = []
    for name, listener in ours.listeners.items():
        kind, _, port = name.rpartition("_")
        if kind == "inbound":
            chains += [
                {
                    **each,
                    "filter_chain_match": {
                        **each.get("filter_chain_match", {}),
                        "destination_port": int(port),
                    },
                }
                for each in listener["filter_chains"]
            ]
    return {
        "name": "virtualInbound",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15006}},  # noqa: S104
        "filter_chains": chains,
    }
