"""The gateways of a run, each an Envoy without a process of its own."""

from collections.abc import Container, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from petmesh.envoy.control_plane import Translation
from petmesh.envoy.process import EnvoyProcess
from petmesh.envoy.proxy import ProxyFiles
from petmesh.envoy.routes import HTTP_PORT
from petmesh.envoy.topology import GatewayPod, Topology
from petmesh.host.ports import Ports
from petmesh.mesh.mesh import GatewayProxy, Mesh
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.envoys import Envoys
from petmesh.rehearsal.known import check_known
from petmesh.rehearsal.origin import served_ports


@dataclass
class LiveGateway:
    """A running gateway."""

    proxy: GatewayPod
    envoy: EnvoyProcess


class Gateways:
    """Plans, starts and stops gateways.

    Args:
        envoys: starts theirs.
        ports: allocates what they open.
        certificates: issues their identities.
        port: the ingress's port; None for any free port.
        control_plane: configures them.

    Attributes:
        live: the running gateways by name.
    """

    def __init__(
        self,
        envoys: Envoys,
        ports: Ports,
        certificates: Certificates,
        port: int | None,
        control_plane: Translation,
    ) -> None:
        self._control_plane = control_plane
        self.live: dict[str, LiveGateway] = {}
        self._envoys = envoys
        self._ports = ports
        self._certificates = certificates
        self._port = port
        self._opened: dict[tuple[str, int], int] = {}

    def find(self, name: str) -> LiveGateway:
        """Return a running gateway.

        Raises:
            ProcessError: there is none of that name.
        """
        check_known("gateway", name, self.live)
        return self.live[name]

    def plan(self, mesh: Mesh) -> dict[str, GatewayPod]:
        """Return a mesh's gateways by name, whether they run yet or not."""
        return {
            each.name: GatewayPod(
                name=each.name,
                namespace=each.namespace,
                labels=each.labels,
                identity=self._certificates.identity(mesh, each.namespace, each.service_account),
                ports=self._open(mesh, each),
                takes_http10=each.takes_http10,
                most_connections=each.most_connections,
            )
            for each in mesh.gateway_proxies
        }

    async def start(
        self, mesh: Mesh, topology: Topology, planned: Mapping[str, GatewayPod]
    ) -> list[EnvoyProcess]:
        """Start the planned gateways that don't run yet.

        Returns:
            Their Envoys, which may not be ready yet.

        Raises:
            ProcessError: one can't be started.
        """
        fresh: list[EnvoyProcess] = []
        for name, proxy in planned.items():
            live = self.live.get(name)
            if live and live.proxy.most_connections != proxy.most_connections:
                # Envoy reads the limit at its start: in a cluster new pods replace the old.
                await self._envoys.stop(self.live.pop(name).envoy)
            if name not in self.live:
                files = self._files(mesh, topology, proxy)
                envoy = await self._envoys.start(name, files)
                self.live[name] = LiveGateway(proxy, envoy)
                fresh.append(envoy)
        return fresh

    def changes(
        self,
        mesh: Mesh,
        topology: Topology,
        planned: Mapping[str, GatewayPod],
        fresh: Container[EnvoyProcess],
    ) -> dict[str, Coroutine[Any, Any, tuple[str, ...]]]:
        """Return coroutines that apply a mesh to the gateways that already ran, by gateway."""
        changes: dict[str, Coroutine[Any, Any, tuple[str, ...]]] = {}
        for name, live in self.live.items():
            if live.envoy not in fresh and name in planned:
                live.proxy = planned[name]
                files = self._files(mesh, topology, live.proxy)
                changes[name] = live.envoy.apply(files)
        return changes

    async def stop_others(self, planned: Container[str]) -> None:
        """Stop the gateways that aren't planned any more."""
        for name in [name for name in self.live if name not in planned]:
            await self._envoys.stop(self.live.pop(name).envoy)

    def _files(self, mesh: Mesh, topology: Topology, proxy: GatewayPod) -> ProxyFiles:
        paths = self._envoys.paths(proxy.name)
        return self._control_plane.gateway_files(mesh, topology, proxy, *paths)

    def _open(self, mesh: Mesh, proxy: GatewayProxy) -> dict[int, int]:
        """Return the port of this machine for each that Gateways open; it never changes."""
        is_ingress = proxy in mesh.outer_gateways[:1]
        served = served_ports(mesh, proxy.labels) or ([HTTP_PORT] if is_ingress else [])
        for number in served:
            if (proxy.name, number) not in self._opened:
                is_first = not any(name == proxy.name for name, _ in self._opened)
                fixed = self._port if is_ingress and is_first else None
                self._opened[proxy.name, number] = fixed or self._ports.take()
        return {number: self._opened[proxy.name, number] for number in served}
