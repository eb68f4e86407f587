"""Keeps a mesh running on this machine, and changes it to what is declared next."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from petmesh.envoy.admin import Admin, Stats
from petmesh.envoy.names import spiffe
from petmesh.envoy.process import EnvoyProcess, envoy_path
from petmesh.envoy.proxy import gateway_files, sidecar_files
from petmesh.envoy.routes import HTTP_PORT, gateway_servers
from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology
from petmesh.host.concurrency import together
from petmesh.host.pki import Authority, Leaf
from petmesh.host.ports import LOOPBACK, Ports, is_free
from petmesh.host.processes import ProcessError, Processes, Running, kill
from petmesh.mesh.kubernetes import Container
from petmesh.mesh.mesh import GatewayProxy, Mesh, Workload
from petmesh.project import ROOT, project
from petmesh.rehearsal.faulty import Conversation, FaultyServer
from petmesh.rehearsal.metrics import VersionMetrics, version_metrics
from petmesh.rehearsal.origin import Origin
from petmesh.rehearsal.stub_hosts import StandIns

APPS = ROOT / project().sources
RUNS = ROOT / "build" / "rehearsal"
_KEPT_RUNS = 5
_OWNER = "pid"
_READY_SECONDS = 20.0
_POLL_SECONDS = 0.02


class PortInUseError(Exception):
    """The ingress can't have the port that was asked for."""


@dataclass(frozen=True)
class Change:
    """What it took to put a mesh in force.

    Attributes:
        files: Envoy files that changed, by proxy.
        started, stopped: pods.
        seconds: until the last Envoy had it in force.
    """

    files: Mapping[str, tuple[str, ...]]
    started: tuple[str, ...]
    stopped: tuple[str, ...]
    seconds: float


class Runtime:
    """A mesh of processes on loopback.

    Every pod is a process of a service's source and an Envoy; a gateway is an Envoy alone.

    Args:
        folder: where logs and Envoy's files go.
        port: where the ingress listens; None for any free port.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self._ports = Ports()
        self._port = port
        self._processes = Processes()
        # A socket's path may have 107 bytes at most, which the folder's may exceed.
        self._sockets = Path(tempfile.mkdtemp(prefix="petmesh-"))
        self._authority = Authority("rehearsal: mesh", folder / "pki" / "mesh")
        self._outside = Authority("rehearsal: outside", folder / "pki" / "outside")
        self._public = Authority("rehearsal: ingress", folder / "pki" / "ingress")
        self._certificates: dict[tuple[str, ...], Leaf] = {}
        self._gateway_ports: dict[tuple[str, int], int] = {}
        self.stand_ins = StandIns(self._outside, self._ports)
        self._identities: dict[str, Identity] = {}
        self._pods: dict[str, _LivePod] = {}
        self._faulty: dict[str, FaultyServer] = {}
        self._envoys: list[EnvoyProcess] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._unfinished: list[str] = []
        self._created: Counter[str] = Counter()
        self._gateways: dict[str, _LiveGateway] = {}
        self._environment: dict[str, Mapping[str, str]] = {}
        self._replicas: dict[str, int] = {}
        self._mesh: Mesh | None = None

    async def start(self, mesh: Mesh) -> Change:
        """Start everything and wait until all of it is ready.

        Raises:
            PortInUseError: the ingress's port is taken.
            ProcessError: a process failed; the text says which and why.
        """
        envoy_path()
        if self._port is not None and not is_free(self._port):
            raise PortInUseError(f"port {self._port} is in use or not allowed: choose another")
        return await self.apply(mesh)

    async def apply(self, mesh: Mesh) -> Change:
        """Change what runs to another mesh, and wait until it is in force everywhere.

        Pods whose deployment didn't change go on running. New ones are ready before any route
        leads to them; old ones are told to stop only after none does, and aren't waited for.

        Raises:
            ProcessError: a process failed or an Envoy refused a file.
        """
        begun = time.monotonic()
        hosts = [host for entry in mesh.service_entries for host in entry.spec.hosts]
        await self.stand_ins.start(hosts)
        kept, missing = self._compare(mesh)
        old = {name: live for name, live in self._pods.items() if name not in kept}
        new = [self._plan_pod(mesh, template) for template in missing]
        pods = (*(self._pods[name].pod for name in kept), *(pod for pod, _ in new))
        gateways = self._plan_gateways(mesh)
        topology = Topology(
            pods=pods,
            trust=self._authority.certificate,
            outside_trust=self._outside.certificate,
            gateways=tuple(gateways[each.name] for each in mesh.inner_gateways),
            outside=dict(self.stand_ins.addresses),
            certificates=self._certify(mesh),
        )
        started = await together(
            *(self._start_pod(mesh, topology, pod, template) for pod, template in new)
        )
        fresh: list[EnvoyProcess] = [live.sidecar for live in started]
        for name, gateway in gateways.items():
            live = self._gateways.get(name)
            if live and live.proxy.most_connections != gateway.most_connections:
                # Envoy takes the limit as it starts: in a cluster new pods come for the old.
                await self._stop_envoy(self._gateways.pop(name).envoy)
            if name not in self._gateways:
                fresh.append(await self._start_gateway(mesh, topology, gateway))
        await together(
            *(self._wait_process(live) for live in started),
            *(envoy.wait_ready() for envoy in fresh),
        )
        self._pods.update({live.pod.name: live for live in started})
        files = await self._reconfigure(mesh, topology, gateways, fresh)
        for name in self._gateways.keys() - gateways.keys():
            await self._stop_envoy(self._gateways.pop(name).envoy)
        for name, live in old.items():
            del self._pods[name]
            self._retire(live)
        self._mesh = mesh
        return Change(
            files,
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
        """Change a workload beyond what is declared: to inject faults, or as an autoscaler does.

        Args:
            workload: a deployment's name.
            environment: variables that its pods get besides the declared ones; none takes back
                what was set before.
            replicas: how many pods it has; None is what is declared.

        Raises:
            ProcessError: there is no such workload.
        """
        self._check_workload(workload)
        self._environment[workload] = environment or {}
        if replicas is None:
            self._replicas.pop(workload, None)
        else:
            self._replicas[workload] = replicas
        return await self.apply(self.mesh)

    def crash(self, pod: str) -> None:
        """Kill a pod's process; its sidecar stays, as when a container crashes."""
        kill(self._live(pod).process)

    async def impair(self, pod: str, converse: Conversation, body: bytes) -> None:
        """Have a pod's process answer wrongly from now on; its sidecar stays.

        Args:
            pod: its name.
            converse: the fault.
            body: of a sound answer of the process.
        """
        live = self._live(pod)
        self.crash(pod)
        await live.process.process.wait()
        self._faulty[pod] = FaultyServer(converse, body)
        await self._faulty[pod].start(live.pod.app_port)

    async def restart(self, pod: str) -> None:
        """Start a pod's process again where it was, as a kubelet does, and wait until it is ready.

        Raises:
            ProcessError: it failed.
        """
        live = self._live(pod)
        self.crash(pod)
        await live.process.process.wait()
        await self._mend(pod)
        live.process = await self._start_process(self.mesh, live.pod, live.template)
        await self._wait_process(live)

    async def replace(self, pod: str) -> Change:
        """Put a new pod in the place of one: the old one is deleted once the new one is ready."""
        live = self._live(pod)
        del self._pods[pod]
        change = await self.apply(self.mesh)
        self._retire(live)
        return change

    async def delete(self, pod: str) -> Change:
        """Delete a pod; a new one takes its place.

        In a cluster nothing orders the end of a pod's process after the news of it. Here the
        callers' Envoys hear of it late: when the new pod is ready.
        """
        live = self._live(pod)
        del self._pods[pod]
        self._retire(live)
        return await self.apply(self.mesh)

    async def ended(self) -> tuple[str, ...]:
        """Wait until every pod that was taken away has ended.

        Returns:
            Those of all so far whose process didn't end by itself, with status 0.
        """
        await asyncio.gather(*self._leaving)
        return tuple(self._unfinished)

    async def stop(self) -> None:
        """Stop everything."""
        for leaving in self._leaving:
            leaving.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for pod in tuple(self._faulty):
            await self._mend(pod)
        for envoy in self._envoys:
            await envoy.admin.close()
        await self._processes.stop()
        await self.stand_ins.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    @property
    def mesh(self) -> Mesh:
        """The mesh that is in force."""
        if self._mesh is None:
            raise RuntimeError("the runtime was not started")
        return self._mesh

    @property
    def trust(self) -> Path:
        """The certificate of the authority that the mesh's workloads trust."""
        return self._authority.certificate

    @property
    def port(self) -> int:
        """The port on this machine where the ingress answers."""
        return self.origin.port

    @property
    def origin(self) -> Origin:
        """The ingress by the first name that it answers to."""
        ingress = self._live_ingress
        main = next(iter(ingress.ports))
        servers = gateway_servers(self.mesh, ingress.labels, main)
        trust = self._public.certificate if any(s.tls.mode for s in servers) else None
        return Origin(_public_host(self.mesh), ingress.ports[main], trust)

    @property
    def redirecting(self) -> Origin | None:
        """Where the ingress redirects to HTTPS; None where it doesn't."""
        ingress = self._live_ingress
        for server in gateway_servers(self.mesh, ingress.labels):
            if server.tls.https_redirect:
                return Origin(self.origin.host, ingress.ports[server.port.number])
        return None

    @property
    def inner_gateways(self) -> tuple[GatewayPod, ...]:
        """The gateways that are called from within the mesh alone."""
        return tuple(self._gateways[each.name].proxy for each in self.mesh.inner_gateways)

    @property
    def _live_ingress(self) -> GatewayPod:
        return self._gateways[self.mesh.ingress.name].proxy

    @property
    def url(self) -> str:
        """The ingress's address by that name, which leads here only where it says so itself."""
        return self.origin.url

    def pods_of(self, workload: str) -> tuple[Pod, ...]:
        """A deployment's pods.

        Raises:
            ProcessError: there is no such workload.
        """
        self._check_workload(workload)
        return tuple(live.pod for live in self._pods.values() if live.pod.workload == workload)

    def process_ids(self) -> dict[str, int]:
        """The process id of every process and Envoy that runs."""
        ids = {name: live.process.pid for name, live in self._pods.items()}
        ids |= {f"Envoy of {n}": live.sidecar.running.pid for n, live in self._pods.items()}
        return ids | {name: live.envoy.running.pid for name, live in self._gateways.items()}

    def check(self) -> None:
        """See that every Envoy still runs.

        Raises:
            ProcessError: one ended.
        """
        envoys = [live.sidecar for live in self._pods.values()]
        for envoy in [*envoys, *(live.envoy for live in self._gateways.values())]:
            if not envoy.running.is_running:
                raise envoy.running.failure()

    async def version_metrics(self, host: str) -> dict[str, VersionMetrics]:
        """How each version of a service does, as all its callers' Envoys count it.

        Args:
            host: the service's name in the whole cluster, or an outside host. What goes to no
                version in particular is counted under the empty name.

        Raises:
            ProcessError: there is no such host in the mesh.
        """
        outside = (name for entry in self.mesh.service_entries for name in entry.spec.hosts)
        services = (self.mesh.service_host(service) for service in self.mesh.services)
        _check_known("host", host, (*services, *outside))
        return await version_metrics(self._admins(), host)

    async def sidecar_stats(self, pod: str, pattern: str) -> Stats:
        """Statistics of a pod's Envoy.

        Args:
            pod: its name.
            pattern: an RE2 pattern that the statistics' names contain.
        """
        return await self._live(pod).sidecar.admin.stats(pattern)

    async def gateway_stats(self, gateway: str, pattern: str) -> Stats:
        """Statistics of a gateway's Envoy.

        Args:
            gateway: its name.
            pattern: an RE2 pattern that the statistics' names contain.
        """
        _check_known("gateway", gateway, self._gateways)
        return await self._gateways[gateway].envoy.admin.stats(pattern)

    def _check_workload(self, workload: str) -> None:
        _check_known("workload", workload, (each.name for each in self.mesh.workloads))

    def _live(self, pod: str) -> "_LivePod":
        _check_known("pod", pod, self._pods)
        return self._pods[pod]

    def _admins(self) -> list[Admin]:
        admins = [live.sidecar.admin for live in self._pods.values()]
        return [*admins, *(live.envoy.admin for live in self._gateways.values())]

    def _compare(self, mesh: Mesh) -> tuple[list[str], list["_Template"]]:
        """The names of the pods that stay, and a template for each pod that is missing."""
        kept: list[str] = []
        missing: list[_Template] = []
        for workload in mesh.workloads:
            extra = dict(self._environment.get(workload.name, {}))
            template = _Template(replace(workload, replicas=0), extra)
            wanted = self._replicas.get(workload.name, workload.replicas)
            same = [name for name, live in self._pods.items() if live.template == template]
            kept += same[:wanted]
            missing += [template] * (wanted - len(same))
        return kept, missing

    def _plan_pod(self, mesh: Mesh, template: "_Template") -> tuple[Pod, "_Template"]:
        workload = template.workload
        number = self._created[workload.name]
        self._created[workload.name] += 1
        pod = Pod(
            name=f"{workload.name}-{number}",
            workload=workload.name,
            namespace=workload.namespace,
            labels=workload.labels,
            service_account=workload.service_account,
            identity=self._identity(mesh, workload.namespace, workload.service_account),
            app_port=self._ports.take(),
            inbound_port=self._ports.take(),
            outbound_port=self._ports.take(),
        )
        return pod, template

    def _identity(self, mesh: Mesh, namespace: str, service_account: str) -> Identity:
        uri = spiffe(mesh.config.trust_domain, namespace, service_account)
        if uri not in self._identities:
            leaf = self._authority.issue_identity(uri)
            self._identities[uri] = Identity(uri, leaf.certificate, leaf.key)
        return self._identities[uri]

    async def _start_pod(
        self, mesh: Mesh, topology: Topology, pod: Pod, template: "_Template"
    ) -> "_LivePod":
        folder, socket = self._place(pod.name)
        envoy = EnvoyProcess(sidecar_files(mesh, topology, pod, folder, socket), folder, socket)
        self._envoys.append(envoy)
        process = await self._start_process(mesh, pod, template)
        await envoy.start(self._processes)
        return _LivePod(pod, template, process, envoy)

    async def _start_process(self, mesh: Mesh, pod: Pod, template: "_Template") -> Running:
        container = template.workload.container
        if not (APPS / container.name).is_dir():
            raise ProcessError(
                f"{pod.name}: container {container.name}: "
                f"there is no folder of that name in {project().sources}/"
            )
        command = [*container.command, *container.args] or ["python", "-m", container.name]
        if command[0] in ("python", "python3"):
            command[0] = sys.executable
        environment = {
            "PYTHONPATH": str(APPS),
            **declared_environment(mesh, pod, container),
            **template.extra,
            "HOST": LOOPBACK,
            "PORT": str(pod.app_port),
            "HTTP_PROXY": pod.forward_proxy,
        }
        log = self._place(pod.name)[0] / f"{container.name}.log"
        return await self._processes.start(pod.name, command, environment, log)

    def _plan_gateways(self, mesh: Mesh) -> dict[str, GatewayPod]:
        return {
            each.name: GatewayPod(
                name=each.name,
                namespace=each.namespace,
                labels=each.labels,
                identity=self._identity(mesh, each.namespace, each.service_account),
                ports=self._open(mesh, each),
                takes_http10=each.takes_http10,
                most_connections=each.most_connections,
            )
            for each in (mesh.ingress, *mesh.inner_gateways)
        }

    async def _start_gateway(
        self, mesh: Mesh, topology: Topology, proxy: GatewayPod
    ) -> EnvoyProcess:
        folder, socket = self._place(proxy.name)
        envoy = EnvoyProcess(gateway_files(mesh, topology, proxy, folder, socket), folder, socket)
        self._envoys.append(envoy)
        await envoy.start(self._processes)
        self._gateways[proxy.name] = _LiveGateway(proxy, envoy)
        return envoy

    def _open(self, mesh: Mesh, proxy: GatewayProxy) -> dict[int, int]:
        """A port of this machine for each that gateways open; the same one each time."""
        is_ingress = proxy == mesh.ingress
        served = _served(mesh, proxy.labels) or ([HTTP_PORT] if is_ingress else [])
        for number in served:
            if (proxy.name, number) not in self._gateway_ports:
                asked = None
                if is_ingress and not any(name == proxy.name for name, _ in self._gateway_ports):
                    asked = self._port
                port = self._ports.take() if asked is None else asked
                self._gateway_ports[proxy.name, number] = port
        return {number: self._gateway_ports[proxy.name, number] for number in served}

    def _certify(self, mesh: Mesh) -> dict[str, Leaf]:
        """A certificate in the place of each Secret that a gateway takes one from.

        It is for the names that cert-manager is to certify, or, where another is to fill the
        Secret, for the server's hosts.
        """
        certified: dict[str, Leaf] = {}
        for proxy in mesh.gateway_proxies:
            issued = {
                each.spec.secret_name: each.spec.dns_names
                for each in mesh.certificates
                if each.metadata.namespace == proxy.namespace
            }
            for server in gateway_servers(mesh, proxy.labels):
                secret = server.tls.credential_name
                hosts = tuple(host.rpartition("/")[2] for host in server.hosts)
                names = issued.get(secret, hosts)
                if secret and names not in self._certificates:
                    self._certificates[names] = self._public.issue_host(*names)
                if secret:
                    certified[secret] = self._certificates[names]
        return certified

    async def _wait_process(self, live: "_LivePod") -> None:
        """Wait until the declared readiness probe succeeds, or at least the port is open."""
        probe = live.template.workload.container.readiness_probe
        path = probe.http_get.path if probe else "/"
        url = f"http://{LOOPBACK}:{live.pod.app_port}{path}"
        deadline = time.monotonic() + _READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while True:
                try:
                    async with session.get(url) as response:
                        if probe is None or response.status < 400:  # noqa: PLR2004
                            return
                except (OSError, aiohttp.ClientError):
                    pass
                if not live.process.is_running:
                    raise live.process.failure()
                if time.monotonic() > deadline:
                    raise ProcessError(f"{live.pod.name} is not ready (log: {live.process.log})")
                await asyncio.sleep(_POLL_SECONDS)

    async def _reconfigure(
        self,
        mesh: Mesh,
        topology: Topology,
        gateways: Mapping[str, GatewayPod],
        fresh: Iterable[EnvoyProcess],
    ) -> dict[str, tuple[str, ...]]:
        """Have every Envoy that already ran take what is new to it."""
        names: list[str] = []
        applied: list[Coroutine[Any, Any, tuple[str, ...]]] = []
        for live in self._pods.values():
            if live.sidecar not in fresh and live.pod in topology.pods:
                place = self._place(live.pod.name)
                files = sidecar_files(mesh, topology, live.pod, *place)
                names.append(live.pod.name)
                applied.append(live.sidecar.apply(files))
        for name, live in self._gateways.items():
            if live.envoy not in fresh and name in gateways:
                live.proxy = gateways[name]
                files = gateway_files(mesh, topology, live.proxy, *self._place(name))
                names.append(name)
                applied.append(live.envoy.apply(files))
        changes = await together(*applied)
        return {name: change for name, change in zip(names, changes, strict=True) if change}

    def _retire(self, live: "_LivePod") -> None:
        """Stop a pod that no route leads to any more; it may take its time to finish."""
        leaving = asyncio.ensure_future(self._stop_pod(live))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _mend(self, pod: str) -> None:
        if pod in self._faulty:
            await self._faulty.pop(pod).stop()

    async def _stop_pod(self, live: "_LivePod") -> None:
        await self._mend(live.pod.name)
        workload = live.template.workload
        settle, grace = workload.settle_seconds, workload.grace_seconds
        if not await self._processes.end(live.process, settle, grace):
            self._unfinished.append(live.pod.name)
        await self._stop_envoy(live.sidecar)

    async def _stop_envoy(self, envoy: EnvoyProcess) -> None:
        await envoy.admin.close()
        await self._processes.stop(envoy.running)

    def _place(self, name: str) -> tuple[Path, Path]:
        return self.folder / name, self._sockets / f"{name[-80:]}.sock"


@dataclass(frozen=True)
class _Template:
    workload: Workload
    extra: Mapping[str, str]


@dataclass
class _LivePod:
    pod: Pod
    template: _Template
    process: Running
    sidecar: EnvoyProcess


@dataclass
class _LiveGateway:
    proxy: GatewayPod
    envoy: EnvoyProcess


def new_folder() -> Path:
    """A folder for a new run; of the runs that have ended, all but the latest go.

    Raises:
        ProcessError: it can't be made.
    """
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        ended = [path for path in sorted(RUNS.iterdir()) if not _is_used(path)]
        for old in ended[: -_KEPT_RUNS + 1]:
            shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=RUNS))
        (folder / _OWNER).write_text(str(os.getpid()), encoding="utf-8")
    except OSError as error:
        raise ProcessError(f"{RUNS}: no folder can be made in it: {error.strerror}") from error
    return folder


def declared_environment(mesh: Mesh, pod: Pod, container: Container) -> dict[str, str]:
    """A container's own variables, in which the mesh's `proxyHttpPort` is its pod's own proxy."""
    sidecar = f"http://{LOOPBACK}:{mesh.config.proxy_http_port}"
    return {
        each.name: pod.forward_proxy if each.value == sidecar else each.value
        for each in container.env
    }


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        raise ProcessError(
            f"{what} {name}: not in the mesh, which has {', '.join(names) or 'none'}"
        )


def _is_used(folder: Path) -> bool:
    """Whether the process that made a run's folder still runs."""
    try:
        os.kill(int((folder / _OWNER).read_text(encoding="utf-8")), 0)
    except (OSError, ValueError):
        return False
    return True


def _served(mesh: Mesh, labels: Mapping[str, str]) -> list[int]:
    """The ports that gateways open on a proxy, those that just redirect last."""
    servers = gateway_servers(mesh, labels)
    ports = sorted((s.tls.https_redirect, s.port.number) for s in servers)
    return list(dict.fromkeys(number for _, number in ports))


def _public_host(mesh: Mesh) -> str:
    """The first host of the ingress that isn't a pattern; where there is none, any will do."""
    hosts = (
        host.rpartition("/")[2]
        for server in gateway_servers(mesh, mesh.ingress.labels)
        for host in server.hosts
    )
    return next((host for host in hosts if not host.startswith("*")), LOOPBACK)
