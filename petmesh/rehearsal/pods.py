"""The pods of a run, each a process of a service's source and its sidecar."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from petmesh.envoy.control_plane import Translation
from petmesh.envoy.process import EnvoyProcess
from petmesh.envoy.proxy import ProxyFiles, served_ports
from petmesh.envoy.topology import Pod, Topology
from petmesh.host.ports import LOOPBACK, Ports
from petmesh.host.processes import ProcessError, Processes, Running
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.rehearsal.certificates import Certificates
from petmesh.rehearsal.envoys import Envoys
from petmesh.rehearsal.known import check_known
from petmesh.rehearsal.launch import Launcher
from petmesh.rehearsal.settings import RehearsalSettings
from petmesh.rehearsal.source import Command, Launch, source_command

_READY_SECONDS = 20.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Template:
    """A pod's workload and additional variables; a pod of another template replaces it."""

    workload: Workload
    extra: Mapping[str, str]


@dataclass(frozen=True)
class Adjustment:
    """Changes of a workload beyond the declaration; see `Runtime.adjust`."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    replicas: int | None = None


@dataclass
class LivePod:
    """A running pod."""

    pod: Pod
    template: Template
    command: Command
    process: Running
    sidecar: EnvoyProcess

    async def wait_ready(self) -> None:
        """Wait until the declared readiness probe succeeds, or without one the port is open.

        Raises:
            ProcessError: the process ended or took too long.
        """
        probe = self.template.workload.container.readiness_probe
        asked = probe.http_get if probe and self.command.probed else None
        path = asked.path if asked else "/"
        secure = self.pod.certificate is not None and self.pod.secure_port is None
        url = f"{'https' if secure else 'http'}://{LOOPBACK}:{self.pod.app_port}{path}"
        deadline = time.monotonic() + _READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while True:
                try:
                    async with session.get(url, ssl=False) as response:
                        if asked is None or response.status < 400:  # noqa: PLR2004
                            return
                except (OSError, aiohttp.ClientError):
                    pass
                if not self.process.is_running:
                    raise self.process.failure()
                if time.monotonic() > deadline:
                    raise ProcessError(f"{self.pod.name} is not ready (log: {self.process.log})")
                await asyncio.sleep(_POLL_SECONDS)


class Pods:
    """Plans and starts pods.

    Attributes:
        live: the running pods by name.
        adjusted: adjustments of workloads, by namespace and name.
    """

    def __init__(  # noqa: PLR0913
        self,
        envoys: Envoys,
        processes: Processes,
        ports: Ports,
        certificates: Certificates,
        *,
        control_plane: Translation,
        settings: RehearsalSettings | None,
    ) -> None:
        self._settings = settings
        self._launch: Launch = Launcher(settings) if settings else source_command
        self._control_plane = control_plane
        self.live: dict[str, LivePod] = {}
        self.adjusted: dict[tuple[str, str], Adjustment] = {}
        self._envoys = envoys
        self._processes = processes
        self._ports = ports
        self._certificates = certificates
        self._created: Counter[str] = Counter()

    def find(self, name: str) -> LivePod:
        """Return a running pod.

        Raises:
            ProcessError: there is none of that name.
        """
        check_known("pod", name, self.live)
        return self.live[name]

    def compare(self, mesh: Mesh) -> tuple[list[str], list[Template]]:
        """Return the names of the pods that a mesh keeps, and a template for each missing pod."""
        kept: list[str] = []
        missing: list[Template] = []
        for workload in mesh.workloads:
            adjustment = self.adjusted.get((workload.namespace, workload.name), Adjustment())
            template = Template(replace(workload, replicas=0), dict(adjustment.environment))
            replicas = adjustment.replicas
            wanted = workload.replicas if replicas is None else replicas
            same = [name for name, live in self.live.items() if live.template == template]
            kept += same[:wanted]
            for name in same[:wanted]:
                self.live[name].pod = self._with_ports(mesh, self.live[name].pod)
            missing += [template] * (wanted - len(same))
        return kept, missing

    def plan(self, mesh: Mesh, template: Template) -> Pod:
        """Return a new pod, which doesn't run yet."""
        workload = template.workload
        settings = self._settings.of(workload) if self._settings else None
        targets = frozenset(settings.tls.ports if settings and settings.tls else ())
        number = self._created[workload.name]
        self._created[workload.name] += 1
        planned = Pod(
            name=f"{workload.name}-{number}",
            workload=workload.name,
            namespace=workload.namespace,
            labels=workload.labels,
            service_account=workload.service_account,
            identity=self._certificates.identity(
                mesh, workload.namespace, workload.service_account
            ),
            app_port=self._ports.take(),
            inbound_port=self._ports.take(),
            outbound_port=self._ports.take(),
            named_ports={p.name: p.container_port for p in workload.container.ports if p.name},
            in_mesh=workload.in_mesh,
            is_stand_in=settings is not None and settings.command is None,
            certificate=(
                self._certificates.of_process(mesh, workload, self._settings)
                if self._settings
                else None
            ),
            secure_port=self._ports.take() if targets else None,
            secure_targets=targets,
        )
        return self._with_ports(mesh, planned)

    def _with_ports(self, mesh: Mesh, pod: Pod) -> Pod:
        """Return a pod with a port of this machine for each of its container's that is served."""
        known = dict(pod.container_ports)
        for target in served_ports(mesh, pod):
            known.setdefault(target, self._ports.take() if known else pod.inbound_port)
        return replace(pod, container_ports=known)

    async def start(self, mesh: Mesh, topology: Topology, pod: Pod, template: Template) -> LivePod:
        """Start a planned pod, without waiting until it is ready or adding it to the live ones.

        Raises:
            ProcessError: its process or its sidecar can't be started.
        """
        files = self._files(mesh, topology, pod)
        command = self._launch(mesh, pod, template.workload, template.extra)
        process = await self._run(pod, template, command)
        sidecar = await self._envoys.start(pod.name, files)
        return LivePod(pod, template, command, process, sidecar)

    async def start_process(self, live: LivePod) -> None:
        """Start a pod's process again, after it ended, and wait until it is ready.

        Raises:
            ProcessError: it failed.
        """
        live.process = await self._run(live.pod, live.template, live.command)
        await live.wait_ready()

    def changes(
        self, mesh: Mesh, topology: Topology, names: Iterable[str]
    ) -> dict[str, Coroutine[Any, Any, tuple[str, ...]]]:
        """Return coroutines that apply a mesh to the sidecars of pods, by pod."""
        return {
            name: live.sidecar.apply(self._files(mesh, topology, live.pod))
            for name, live in ((name, self.live[name]) for name in names)
        }

    def _files(self, mesh: Mesh, topology: Topology, pod: Pod) -> ProxyFiles:
        paths = self._envoys.paths(pod.name)
        return self._control_plane.sidecar_files(mesh, topology, pod, *paths)

    async def _run(self, pod: Pod, template: Template, command: Command) -> Running:
        log = self._envoys.paths(pod.name)[0] / f"{template.workload.container.name}.log"
        return await self._processes.start(
            pod.name, command.arguments, command.environment, log, folder=command.folder
        )
