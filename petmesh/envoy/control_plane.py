"""What configures the proxies of a rehearsal: the translation, or another control plane."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from petmesh.envoy.proxy import ProxyFiles, gateway_files, sidecar_files
from petmesh.envoy.topology import GatewayPod, Pod, Topology
from petmesh.mesh.mesh import Mesh


class Translation:
    """Translates the declared objects; others override it.

    Attributes:
        names_parts: whether each decision names the part of an object that it comes of.
        changes: what another release would change, a line each; None where none is compared.
    """

    names_parts: ClassVar[bool] = True
    changes: Sequence[object] | None = None

    async def prepare(self, mesh: Mesh, topology: Topology, gateways: Iterable[GatewayPod]) -> None:
        """Learn of a mesh before the files of its proxies are asked for.

        Args:
            mesh: the declared objects.
            topology: of its pods.
            gateways: every gateway.
        """

    def sidecar_files(
        self, mesh: Mesh, topology: Topology, pod: Pod, folder: Path, socket: Path
    ) -> ProxyFiles:
        """Return the configuration of a pod's sidecar."""
        return sidecar_files(mesh, topology, pod, folder, socket)

    def gateway_files(
        self, mesh: Mesh, topology: Topology, proxy: GatewayPod, folder: Path, socket: Path
    ) -> ProxyFiles:
        """Return the configuration of a gateway's proxy."""
        return gateway_files(mesh, topology, proxy, folder, socket)
