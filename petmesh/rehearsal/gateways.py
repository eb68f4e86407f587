"""The gateways of a run: each is an Envoy alone."""

from collections.abc import Container, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from petmesh.envoy.process import EnvoyProcess
from petmesh.envoy.proxy import gateway_files
from petmesh.envoy.routes import HTTP_PORT
from petmesh.envoy.topology import GatewayPod, Topology
from petmesh.host.ports import Ports
from petmesh.mesh.mesh import GatewayProxy, Mesh
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.envoys import Envoys
from petmesh.rehearsal.ingress import served_ports
from petmesh.rehearsal.known import check_known


@dataclass
class LiveGateway:
    """A gateway that runs."""

    proxy: GatewayPod
    envoy: EnvoyProcess


class Gateways:
    """Plans and starts gateways, and knows those that run.

    Args:
        envoys: start theirs.
        ports: for what they open.
        certificates: for their identities.
        port: where the ingress listens; None for any free port.

    Attributes:
        live: those that run, by name.
    """

    def __init__(
        self, envoys: Envoys, ports: Ports, certificates: Certificates, port: int | None
    ) -> None:
        self.live: dict[str, LiveGateway] = {}
        self._envoys = envoys
        self._ports = ports
        self._certificates = certificates
        self._port = port
        self._opened: dict[tuple[str, int], int] = {}

    def find(self, name: str) -> LiveGateway:
        """A gateway by its name.

        Raises:
            ProcessError: there is none of that name.
        """
        check_known("gateway", name, self.live)
        return self.live[name]

    def plan(self, mesh: Mesh) -> dict[str, GatewayPod]:
        """A mesh's gateways by name, whether they run yet or not."""
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
            for each in (mesh.ingress, *mesh.inner_gateways)
        }

    async def start(
        self, mesh: Mesh, topology: Topology, planned: Mapping[str, GatewayPod]
    ) -> list[EnvoyProcess]:
        """Start the planned gateways that don't run yet.

        Returns:
            Their Envoys, which aren't ready yet.

        Raises:
            ProcessError: one can't be started.
        """
        fresh: list[EnvoyProcess] = []
        for name, proxy in planned.items():
            live = self.live.get(name)
            if live and live.proxy.most_connections != proxy.most_connections:
                # Envoy takes the limit as it starts: in a cluster new pods come for the old.
                await self._envoys.stop(self.live.pop(name).envoy)
            if name not in self.live:
                files = gateway_files(mesh, topology, proxy, *self._envoys.place(name))
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
        """Has the planned gateways that already ran take what is new to them, by gateway."""
        changes: dict[str, Coroutine[Any, Any, tuple[str, ...]]] = {}
        for name, live in self.live.items():
            if live.envoy not in fresh and name in planned:
                live.proxy = planned[name]
                files = gateway_files(mesh, topology, live.proxy, *self._envoys.place(name))
                changes[name] = live.envoy.apply(files)
        return changes

    async def stop_others(self, planned: Container[str]) -> None:
        """Stop the gateways that aren't planned any more."""
        for name in [name for name in self.live if name not in planned]:
            await self._envoys.stop(self.live.pop(name).envoy)

    def _open(self, mesh: Mesh, proxy: GatewayProxy) -> dict[int, int]:
        """A port of this machine for each that gateways open; the same one each time."""
        is_ingress = proxy == mesh.ingress
        served = served_ports(mesh, proxy.labels) or ([HTTP_PORT] if is_ingress else [])
        for number in served:
            if (proxy.name, number) not in self._opened:
                asked = None
                if is_ingress and not any(name == proxy.name for name, _ in self._opened):
                    asked = self._port
                port = self._ports.take() if asked is None else asked
                self._opened[proxy.name, number] = port
        return {number: self._opened[proxy.name, number] for number in served}
