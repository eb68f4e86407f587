"""Injects faults into pods' processes; their sidecars go on running."""

import ssl
from collections.abc import Iterator

from petmesh.envoy.topology import Pod
from petmesh.host.processes import kill
from petmesh.rehearsal.faulty import Conversation, FaultyServer
from petmesh.rehearsal.pods import Pods


class Faults:
    """Crashes and impairs the processes of pods, by the pods' names.

    An unknown name is a ProcessError.
    """

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._faulty: dict[str, list[FaultyServer]] = {}

    def crash(self, pod: str) -> None:
        """Kill a pod's process, as when a container crashes."""
        kill(self._pods.find(pod).process)

    async def impair(self, pod: str, converse: Conversation, body: bytes) -> None:
        """Replace a pod's process by a faulty server.

        Args:
            pod: its name.
            converse: the fault.
            body: the body of a sound response of the process.
        """
        live = self._pods.find(pod)
        self.crash(pod)
        await live.process.process.wait()
        self._faulty[pod] = []
        for port, context in _ports(live.pod):
            server = FaultyServer(converse, body, context)
            self._faulty[pod].append(server)
            await server.start(port)

    async def restart(self, pod: str) -> None:
        """Start a pod's process again at its address, as a kubelet does; wait until it is ready.

        Raises:
            ProcessError: it failed.
        """
        live = self._pods.find(pod)
        self.crash(pod)
        await live.process.process.wait()
        await self.end(pod)
        await self._pods.start_process(live)

    async def end(self, pod: str) -> None:
        """Stop the faulty server of a pod, if it has one."""
        for server in self._faulty.pop(pod, ()):
            await server.stop()

    async def stop(self) -> None:
        """Stop all faulty servers."""
        for pod in tuple(self._faulty):
            await self.end(pod)


def _ports(pod: Pod) -> Iterator[tuple[int, ssl.SSLContext | None]]:
    """Yield the ports of a pod's process, each with its TLS."""
    context = None
    if pod.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pod.certificate.certificate, pod.certificate.key)
    yield pod.app_port, None if pod.secure_port else context
    if pod.secure_port:
        yield pod.secure_port, context
