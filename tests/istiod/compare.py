"""Compares what istiod would send each proxy of a mesh with the translation."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petmesh.envoy.proxy import ProxyFiles, served_ports
from petmesh.envoy.topology import GatewayPod, Pod
from petmesh.host.processes import ProcessError, Processes
from petmesh.istiod.addresses import Addresses
from petmesh.istiod.ads import Sent
from petmesh.istiod.cluster import cluster_objects, virtual_address
from petmesh.istiod.control_plane import node_of
from petmesh.istiod.objects import istio_objects, mesh_config_of
from petmesh.istiod.server import Istiod
from petmesh.mesh.istio import RELEASE
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken
from tests.istiod import meaning
from tests.istiod.plain import Json, differences
from tests.istiod.proxy import Proxy, of_files, of_istiod, port_of
from tests.unit.manifests.topologies import Laid

_REFUSED = "configuration is invalid"
_UNKNOWN = ("nobody.example.com", "nothing.default.svc.cluster.local")


@dataclass(frozen=True)
class Difference:
    """One difference: of which proxy, about what, where, and both sides."""

    proxy: str
    subject: str
    path: str
    istiod: object
    rehearsal: object

    def __str__(self) -> str:
        sides = f"istiod {self.istiod}, rehearsal {self.rehearsal}"
        return f"{self.proxy}: {self.subject}: {self.path}: {sides}"


@dataclass
class Comparison:
    """The differences, and how many things were compared."""

    differences: list[Difference] = field(default_factory=list[Difference])
    proxies: int = 0
    calls: int = 0
    clusters: int = 0
    ports: int = 0


def compare(mesh: Mesh, binary: Path) -> Comparison:
    """Ask istiod about a mesh, and compare; an object that istiod refuses is a difference."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return asyncio.run(_compare(mesh, binary, Path(folder)))
        except ProcessError as error:
            refused = re.search(rf"{_REFUSED}: (.*?) / ", str(error))
            if refused is None:
                raise
            return Comparison([Difference("istiod", "objects", "", refused.group(1), "taken")])


async def _compare(mesh: Mesh, binary: Path, folder: Path) -> Comparison:
    laid = Laid(mesh, folder)
    addresses = Addresses()
    cluster = cluster_objects(mesh, laid.topology, laid.gateways, addresses)
    processes = Processes()
    istiod = Istiod(binary, folder / "istiod")
    try:
        await istiod.start(processes, istio_objects(mesh), cluster, mesh_config_of(mesh))
        sent: dict[str, Sent] = {}
        for each in (*laid.pods, *laid.gateways):
            if not isinstance(each, Pod) or each.in_mesh:
                sent[each.name] = await istiod.ask(node_of(each, addresses), RELEASE)
    finally:
        await istiod.stop(processes)
    comparer = Comparer(laid, addresses)
    made = {files.name: files for files in laid.all()}
    for name, held in sent.items():
        comparer.compare(name, of_istiod(held), made[name])
    return comparer.result


class Comparer:
    """Compares what istiod sent each proxy with the files of the translation."""

    def __init__(self, laid: Laid, addresses: Addresses) -> None:
        self.result = Comparison()
        self._laid = laid
        self._mesh = laid.mesh
        self._addresses = addresses
        self._own_ports = dict(_ends(laid))
        self._virtual_addresses = {
            self._mesh.service_host(service): virtual_address(number)
            for number, service in enumerate(self._mesh.services)
        }
        for entry in self._mesh.service_entries:
            if entry.spec.addresses:
                held = dict.fromkeys(entry.spec.hosts, entry.spec.addresses[0])
                self._virtual_addresses.update(held)

    def compare(self, name: str, theirs: Proxy, files: ProxyFiles) -> None:
        self.result.proxies += 1
        ours = of_files(files)
        self._clusters(name, theirs, ours)
        pod = next((each for each in self._laid.pods if each.name == name), None)
        if pod:
            self._outbound(pod, theirs, ours)
            self._inbound(pod, theirs, ours)
        else:
            proxy = next(each for each in self._laid.gateways if each.name == name)
            self._gateway(proxy, theirs, ours)

    def _note(self, proxy: str, subject: str, theirs: object, ours: object) -> None:
        self.result.differences += [
            Difference(proxy, subject, *each) for each in differences(theirs, ours)
        ]

    def _clusters(self, name: str, theirs: Proxy, ours: Proxy) -> None:
        known = [{c for c in side.clusters if c.startswith("outbound")} for side in (theirs, ours)]
        for each in sorted(known[0] ^ known[1]):
            there = "known" if each in known[0] else "unknown"
            here = "known" if each in known[1] else "unknown"
            self.result.differences.append(Difference(name, f"cluster {each}", "", there, here))
        for each in sorted(known[0] & known[1]):
            self.result.clusters += 1
            there = meaning.cluster(theirs, each, self._their_end)
            here = meaning.cluster(ours, each, self._our_end)
            self._note(name, f"cluster {each}", there, here)

    def _their_end(self, end: Json) -> str:
        address: Json = end["endpoint"]["address"].get("socket_address", {})
        name = self._addresses.name(address.get("address", ""))
        return f"{name}:{address['port_value']}" if name else str(address.get("address"))

    def _our_end(self, end: Json) -> str:
        return self._own_ports[end["endpoint"]["address"]["socket_address"]["port_value"]]

    def _outbound(self, pod: Pod, theirs: Proxy, ours: Proxy) -> None:
        for host, full, port in self._called(pod.namespace):
            self.result.calls += 1
            address = self._virtual_addresses.get(full)
            there = meaning.outbound_of_istiod(theirs, host, port, address)
            here = meaning.outbound_of_files(ours, host, port)
            self._note(pod.name, f"call of {host}:{port}", there, here)

    def _called(self, namespace: str) -> Iterator[tuple[str, str, int]]:
        """Each host and port that could be called; with short names, and some of nothing."""
        known = [*self._services(namespace), *self._entries()]
        yield from known
        seen = {(full, port) for _, full, port in known}
        for each in self._mesh.virtual_services:
            for host in each.spec.hosts:
                if (host, 80) not in seen and "mesh" in each.spec.gateways:
                    yield host.replace("*", "any"), host, 80
        for host in _UNKNOWN:
            yield host, host, 80

    def _services(self, namespace: str) -> Iterator[tuple[str, str, int]]:
        for service in self._mesh.services:
            full = self._mesh.service_host(service)
            short = [service.metadata.name] if service.metadata.namespace == namespace else []
            middle = f"{service.metadata.name}.{service.metadata.namespace}"
            for port in service.spec.ports:
                if spoken(port) != "UDP":
                    for host in (full, middle, f"{middle}.svc", *short):
                        yield host, full, port.port
            yield full, full, 4321

    def _entries(self) -> Iterator[tuple[str, str, int]]:
        for entry in self._mesh.service_entries:
            for host in entry.spec.hosts:
                for port in entry.spec.ports:
                    yield host.replace("*", "any"), host, port.number

    def _inbound(self, pod: Pod, theirs: Proxy, ours: Proxy) -> None:
        for port in served_ports(self._mesh, pod):
            self.result.ports += 1
            there = meaning.inbound_of_istiod(theirs, port)
            here = meaning.inbound_of_files(ours, port)
            self._note(pod.name, f"port {port}", there, here)
            name = f"inbound|{port}||"
            if name in theirs.clusters and name in ours.clusters:
                one, other = (meaning.limits(side.clusters[name]) for side in (theirs, ours))
                self._note(pod.name, f"cluster {name}", one, other)

    def _gateway(self, proxy: GatewayPod, theirs: Proxy, ours: Proxy) -> None:
        hosts = {
            host.rpartition("/")[2].replace("*", "any")
            for gateway in self._mesh.gateways
            for server in gateway.spec.servers
            for host in server.hosts
        }
        hosts |= {h.replace("*", "any") for v in self._mesh.virtual_services for h in v.spec.hosts}
        for port in proxy.ports:
            self.result.ports += 1
            there = next((e for e in theirs.listeners.values() if port_of(e) == port), None)
            here = ours.listeners.get(f"gateway_{port}")
            authorities = sorted({*hosts, *_UNKNOWN})
            self._note(
                proxy.name,
                f"port {port}",
                meaning.gateway_of(theirs, there, authorities, port),
                meaning.gateway_of(ours, here, authorities, port),
            )


def _ends(laid: Laid) -> Iterator[tuple[int, str]]:
    for pod in laid.pods:
        for target, here in pod.container_ports.items():
            yield here, f"{pod.name}:{target}"
    for gateway in laid.gateways:
        for number, here in gateway.ports.items():
            yield here, f"{gateway.name}:{number}"
    for stubs in (laid.topology.outside, laid.topology.outside_plain):
        for name, here in stubs.items():
            yield here, name.rpartition("@")[2]


def shown(found: list[Difference]) -> dict[str, Any]:
    """Differences by what they are about, most first."""
    counts: dict[str, Any] = {}
    for each in found:
        counts.setdefault(f"{each.subject}: {each.path}", each)
    return counts
