"""istiod as the control plane of a rehearsal, instead of the translation."""

from collections.abc import Iterable
from pathlib import Path

from petmesh.envoy.control_plane import Translation
from petmesh.envoy.proxy import ProxyFiles
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.host.processes import Processes
from petmesh.istiod.addresses import Addresses
from petmesh.istiod.ads import Node, Sent
from petmesh.istiod.changes import changes
from petmesh.istiod.cluster import cluster_objects
from petmesh.istiod.objects import istio_objects, mesh_config_of, own_labels
from petmesh.istiod.places import Places
from petmesh.istiod.server import Istiod
from petmesh.istiod.stock import HTTP_PROXY_PORT, gateway_of, sidecar_of
from petmesh.mesh.istio import RELEASE
from petmesh.mesh.mesh import Mesh


class IstiodControlPlane(Translation):
    """Asks istiod for the configuration of each proxy; a pod without a sidecar is translated.

    Args:
        binary: istiod's executable.
        folder: for its files.
        other: another istiod's executable, to compare with; None for none.
    """

    names_parts = False

    def __init__(self, binary: Path, folder: Path, other: Path | None = None) -> None:
        self._binary = binary
        self._folder = folder
        self._other = other
        self._processes = Processes()
        self._addresses = Addresses()
        self._sent: dict[str, Sent] = {}
        self._places: Places | None = None

    async def prepare(self, mesh: Mesh, topology: Topology, gateways: Iterable[GatewayPod]) -> None:
        """Ask istiod about a mesh.

        Raises:
            ProcessError: it ended, or didn't answer.
        """
        places = Places(topology, self._addresses, tuple(gateways))
        sent = await self._ask(self._binary, mesh, places)
        if self._other:
            self.changes = changes(sent, await self._ask(self._other, mesh, places))
        self._sent, self._places = sent, places

    async def _ask(self, binary: Path, mesh: Mesh, places: Places) -> dict[str, Sent]:
        topology = places.topology
        cluster = cluster_objects(mesh, topology, places.gateways, self._addresses)
        config = mesh_config_of(mesh) | {"proxyHttpPort": HTTP_PROXY_PORT}
        istiod = Istiod(binary, self._folder)
        try:
            declared = istio_objects(mesh, topology.jwks)
            await istiod.start(self._processes, declared, cluster, config)
            return {
                each.name: await istiod.ask(node_of(each, self._addresses), RELEASE)
                for each in (*topology.pods, *places.gateways)
                if isinstance(each, GatewayPod) or each.in_mesh
            }
        finally:
            await istiod.stop(self._processes)

    def sidecar_files(
        self, mesh: Mesh, topology: Topology, pod: Pod, folder: Path, socket: Path
    ) -> ProxyFiles:
        """Return the configuration of a pod's sidecar."""
        if self._places is None or pod.name not in self._sent:
            return super().sidecar_files(mesh, topology, pod, folder, socket)
        return sidecar_of(self._sent[pod.name], mesh, self._places, pod, folder, socket)

    def gateway_files(
        self, mesh: Mesh, topology: Topology, proxy: GatewayPod, folder: Path, socket: Path
    ) -> ProxyFiles:
        """Return the configuration of a gateway's proxy."""
        if self._places is None or proxy.name not in self._sent:
            return super().gateway_files(mesh, topology, proxy, folder, socket)
        return gateway_of(self._sent[proxy.name], mesh, self._places, proxy, folder, socket)


def node_of(each: Pod | GatewayPod, addresses: Addresses) -> Node:
    """Return a proxy as istiod knows it."""
    is_gateway = isinstance(each, GatewayPod)
    return Node(
        name=each.name,
        namespace=each.namespace,
        address=addresses.of(each.name),
        labels=own_labels(each.labels),
        service_account=each.identity.uri.rpartition("/")[2],
        is_gateway=is_gateway,
        metadata={"HTTP10": "1"} if isinstance(each, GatewayPod) and each.takes_http10 else {},
    )
