"""Runs a mesh on this machine, and applies changes of its declaration."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from petmesh.envoy.admin import EndpointCount, Stats
from petmesh.envoy.control_plane import Translation
from petmesh.envoy.process import EnvoyProcess, envoy_path
from petmesh.envoy.topology import GatewayPod, Pod, Topology, stub_names
from petmesh.host.concurrency import together
from petmesh.host.pki import Leaf
from petmesh.host.ports import Ports, is_free
from petmesh.host.processes import Processes
from petmesh.host.tokens import TokenIssuer
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.entrances import Entrance, entrances
from petmesh.rehearsal.envoys import Envoys
from petmesh.rehearsal.faults import Faults
from petmesh.rehearsal.gateways import Gateways
from petmesh.rehearsal.known import check_known, one_workload
from petmesh.rehearsal.metrics import VersionMetrics, version_metrics
from petmesh.rehearsal.origin import Origin, ingress_origin, redirecting_port
from petmesh.rehearsal.pods import Adjustment, Pods
from petmesh.rehearsal.settings import RehearsalSettings
from petmesh.rehearsal.stub_hosts import StubHosts
from petmesh.rehearsal.terminating import Terminating


class PortInUseError(Exception):
    """The port that was chosen for the ingress isn't available."""


@dataclass(frozen=True)
class Change:
    """The effect of applying a mesh.

    Attributes:
        files: Envoy files that changed, by proxy.
        started, stopped: pods.
        seconds: until the last Envoy had applied it.
    """

    files: Mapping[str, tuple[str, ...]]
    started: tuple[str, ...]
    stopped: tuple[str, ...]
    seconds: float


class Runtime:
    """A mesh of processes on loopback.

    Args:
        folder: for logs and Envoy's files.
        port: the ingress's port; None for any free port.
        settings: the content of rehearsal.yaml; without it, processes are services of this
            checkout's source.
        logs_decisions: whether proxies log which route and rule decided each request.
        control_plane: configures the proxies; by default the translation.

    Attributes:
        control_plane: configures the proxies.
        stub_hosts: in place of the outside hosts.
        faults: injects faults into pods.
        tokens: issues tokens in place of the issuers whose keys are named by URI.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        settings: RehearsalSettings | None = None,
        logs_decisions: bool = False,
        control_plane: Translation | None = None,
    ) -> None:
        self.folder = folder
        self.control_plane = control_plane or Translation()
        self._logs_decisions = logs_decisions
        self._port = port
        self._processes = Processes()
        self._certificates = Certificates(folder / "pki")
        self._envoys = Envoys(folder, self._processes)
        ports = Ports()
        self._pods = Pods(
            self._envoys,
            self._processes,
            ports,
            self._certificates,
            control_plane=self.control_plane,
            settings=settings,
        )
        self._gateways = Gateways(self._envoys, ports, self._certificates, port, self.control_plane)
        self.stub_hosts = StubHosts(self._certificates.outside, ports)
        self.faults = Faults(self._pods)
        self.tokens = TokenIssuer()
        self._terminating = Terminating(self._envoys, self._processes, self.faults)
        self._mesh: Mesh | None = None

    async def start(self, mesh: Mesh) -> Change:
        """Start a mesh and wait until all of it is ready.

        Raises:
            PortInUseError: the ingress's port is taken.
            ProcessError: a process failed; the text says which and why.
        """
        envoy_path()
        if self._port is not None and not is_free(self._port):
            raise PortInUseError(f"port {self._port} is in use or not allowed: choose another")
        return await self.apply(mesh)

    async def apply(self, mesh: Mesh) -> Change:
        """Apply another mesh to what runs, and wait until every Envoy has applied it.

        Pods whose Deployment didn't change keep running. New pods are ready before a route leads to
        them; old pods get SIGTERM only after no route does, and aren't waited for.

        Raises:
            ProcessError: a process failed or an Envoy rejected a file.
        """
        begun = time.monotonic()
        await self.stub_hosts.start(
            {
                name: entry.spec.subject_alt_names
                for entry in mesh.service_entries
                for host in entry.spec.hosts
                for name, _ in stub_names(mesh, entry, host)
            }
        )
        kept, missing = self._pods.compare(mesh)
        old = [name for name in self._pods.live if name not in kept]
        new = [(self._pods.plan(mesh, template), template) for template in missing]
        gateways = self._gateways.plan(mesh)
        topology = Topology(
            pods=(*(self._pods.live[name].pod for name in kept), *(pod for pod, _ in new)),
            trust=self.trust,
            outside_trust=self._certificates.outside_trust,
            gateways=tuple(gateways[each.name] for each in mesh.inner_gateways),
            outside=dict(self.stub_hosts.addresses),
            outside_plain=dict(self.stub_hosts.plain_addresses),
            certificates=self._certificates.of_gateways(mesh),
            logs_decisions=self._logs_decisions,
            jwks=self.tokens.jwks,
            authorities=self._certificates.authorities(mesh),
            nobody=self._certificates.nobody,
        )
        await self.control_plane.prepare(mesh, topology, gateways.values())
        started = await together(*(self._pods.start(mesh, topology, *each) for each in new))
        fresh = [
            *(live.sidecar for live in started),
            *await self._gateways.start(mesh, topology, gateways),
        ]
        await together(
            *(live.wait_ready() for live in started), *(envoy.wait_ready() for envoy in fresh)
        )
        self._pods.live.update({live.pod.name: live for live in started})
        applied = {
            **self._pods.changes(mesh, topology, kept),
            **self._gateways.changes(mesh, topology, gateways, fresh),
        }
        files = dict(zip(applied, await together(*applied.values()), strict=True))
        await self._gateways.stop_others(gateways)
        for name in old:
            self._terminating.begin(self._pods.live.pop(name))
        self._mesh = mesh
        return Change(
            {name: changed for name, changed in files.items() if changed},
            tuple(live.pod.name for live in started),
            tuple(old),
            time.monotonic() - begun,
        )

    async def adjust(
        self,
        workload: str,
        *,
        environment: Mapping[str, str] | None = None,
        replicas: int | None = None,
    ) -> Change:
        """Change a workload beyond its declaration: to inject faults, or as an autoscaler does.

        Args:
            workload: a Deployment's name, or namespace/name.
            environment: its pods' additional variables; None removes those set before.
            replicas: the number of its pods; None for the declared one.

        Raises:
            ProcessError: there is no such workload, or more than one.
        """
        found = self._workload(workload)
        self._pods.adjusted[found.namespace, found.name] = Adjustment(environment or {}, replicas)
        return await self.apply(self.mesh)

    async def replace(self, pod: str) -> Change:
        """Replace a pod: the old one is deleted once the new one is ready."""
        live = self._pods.find(pod)
        del self._pods.live[pod]
        change = await self.apply(self.mesh)
        self._terminating.begin(live)
        return change

    async def delete(self, pod: str) -> Change:
        """Delete a pod; a new one replaces it.

        In a cluster nothing orders the end of a pod's process and the update of its callers. Here
        the callers' Envoys are updated late: when the new pod is ready.
        """
        self._terminating.begin(self._pods.find(pod))
        del self._pods.live[pod]
        return await self.apply(self.mesh)

    async def ended(self) -> tuple[str, ...]:
        """Wait until every deleted pod has ended.

        Returns:
            Those of all so far whose process didn't end by itself with status 0.
        """
        return await self._terminating.ended()

    async def stop(self) -> None:
        """Stop everything."""
        await self._terminating.cancel()
        await self.faults.stop()
        await self._envoys.close()
        await self._processes.stop()
        await self.stub_hosts.stop()
        self._envoys.remove_sockets()

    @property
    def mesh(self) -> Mesh:
        """The applied mesh."""
        if self._mesh is None:
            raise RuntimeError("the runtime was not started")
        return self._mesh

    @property
    def trust(self) -> Path:
        """The certificate of the authority that workloads trust."""
        return self._certificates.mesh.certificate

    @property
    def outside_trust(self) -> Path:
        """The certificates of the authorities that sidecars and pods trust for outside hosts."""
        return self._certificates.outside_trust

    def client_certificate(self, name: str) -> Leaf:
        """Return a certificate for a caller from outside, which gateways that ask for one trust."""
        return self._certificates.client(name)

    @property
    def port(self) -> int:
        """The ingress's port on this machine."""
        return self.origin.port

    @property
    def origin(self) -> Origin:
        """The ingress's origin, with the first host that it serves."""
        authority = self._certificates.public.certificate
        return ingress_origin(self.mesh, self._ingress, authority)

    @property
    def redirecting(self) -> Origin | None:
        """The origin at which the ingress redirects to HTTPS; None if it doesn't."""
        port = redirecting_port(self.mesh, self._ingress)
        return None if port is None else Origin(self.origin.host, port)

    @property
    def inner_gateways(self) -> tuple[GatewayPod, ...]:
        """The gateways that only callers inside the mesh connect to."""
        return tuple(self._gateways.live[each.name].proxy for each in self.mesh.inner_gateways)

    @property
    def entrances(self) -> tuple[Entrance, ...]:
        """The ports at which gateways accept callers from outside."""
        authority = self._certificates.public.certificate
        proxies = [self._gateways.live[each.name].proxy for each in self.mesh.outer_gateways]
        return entrances(self.mesh, proxies, authority, self.outside_trust)

    def gateway(self, name: str) -> GatewayPod:
        """Return a running gateway.

        Raises:
            ProcessError: there is none of that name.
        """
        return self._gateways.find(name).proxy

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Every running pod."""
        return tuple(live.pod for live in self._pods.live.values())

    @property
    def url(self) -> str:
        """The ingress's URL; its host need not resolve to this machine."""
        return self.origin.url

    def pods_of(self, workload: str) -> tuple[Pod, ...]:
        """Return a Deployment's pods.

        Args:
            workload: its name, or namespace/name.

        Raises:
            ProcessError: there is no such workload, or more than one.
        """
        found = self._workload(workload)
        return tuple(
            pod
            for pod in self.pods
            if (pod.namespace, pod.workload) == (found.namespace, found.name)
        )

    def process_ids(self) -> dict[str, int]:
        """Return the process id of every running process and Envoy, by name."""
        pods, gateways = self._pods.live.items(), self._gateways.live.items()
        return {
            **{name: live.process.pid for name, live in pods},
            **{f"Envoy of {name}": live.sidecar.running.pid for name, live in pods},
            **{name: live.envoy.running.pid for name, live in gateways},
        }

    def check(self) -> None:
        """Check that every Envoy still runs.

        Raises:
            ProcessError: one ended.
        """
        for envoy in self._live_envoys():
            if not envoy.running.is_running:
                raise envoy.running.failure()

    async def version_metrics(self, host: str) -> dict[str, VersionMetrics]:
        """Return the metrics of each version of a service, from all its callers' Envoys.

        Args:
            host: the service's fully qualified name, or an outside host. Requests to no version in
                particular are counted under the empty name.

        Raises:
            ProcessError: the mesh has no such host.
        """
        outside = (name for entry in self.mesh.service_entries for name in entry.spec.hosts)
        services = (self.mesh.service_host(service) for service in self.mesh.services)
        check_known("host", host, (*services, *outside))
        return await version_metrics([envoy.admin for envoy in self._live_envoys()], host)

    async def endpoint_counts(self) -> dict[str, list[EndpointCount]]:
        """Return what every proxy counts of the endpoints that it calls, by pod or gateway."""
        admins = {name: live.sidecar.admin for name, live in self._pods.live.items()}
        admins |= {name: live.envoy.admin for name, live in self._gateways.live.items()}
        counts = await asyncio.gather(*(admin.endpoints() for admin in admins.values()))
        return dict(zip(admins, counts, strict=True))

    async def sidecar_stats(self, pod: str, pattern: str) -> Stats:
        """Return statistics of a pod's Envoy.

        Args:
            pod: its name.
            pattern: an RE2 pattern that matches a part of the statistics' names.
        """
        return await self._pods.find(pod).sidecar.admin.stats(pattern)

    async def gateway_stats(self, gateway: str, pattern: str) -> Stats:
        """Return statistics of a gateway's Envoy.

        Args:
            gateway: its name.
            pattern: an RE2 pattern that matches a part of the statistics' names.
        """
        return await self._gateways.find(gateway).envoy.admin.stats(pattern)

    @property
    def _ingress(self) -> GatewayPod:
        return self._gateways.live[self.mesh.ingress.name].proxy

    def _workload(self, name: str) -> Workload:
        return one_workload(self.mesh.workloads, name)

    def _live_envoys(self) -> list[EnvoyProcess]:
        sidecars = [live.sidecar for live in self._pods.live.values()]
        return [*sidecars, *(live.envoy for live in self._gateways.live.values())]
