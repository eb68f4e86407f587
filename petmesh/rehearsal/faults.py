"""Injects faults into pods' processes; their sidecars stay as they are."""

from petmesh.host.processes import kill
from petmesh.rehearsal.faulty import Conversation, FaultyServer
from petmesh.rehearsal.pods import Pods


class Faults:
    """Crashes and impairs the processes of pods, by the pods' names.

    A name that no pod has is a ProcessError.
    """

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._faulty: dict[str, FaultyServer] = {}

    def crash(self, pod: str) -> None:
        """Kill a pod's process, as when a container crashes."""
        kill(self._pods.find(pod).process)

    async def impair(self, pod: str, converse: Conversation, body: bytes) -> None:
        """Have a pod's process answer wrongly from now on.

        Args:
            pod: its name.
            converse: the fault.
            body: of a sound answer of the process.
        """
        live = self._pods.find(pod)
        self.crash(pod)
        await live.process.process.wait()
        self._faulty[pod] = FaultyServer(converse, body)
        await self._faulty[pod].start(live.pod.app_port)

    async def restart(self, pod: str) -> None:
        """Start a pod's process again where it was, as a kubelet does, and wait until it is ready.

        Raises:
            ProcessError: it failed.
        """
        live = self._pods.find(pod)
        self.crash(pod)
        await live.process.process.wait()
        await self.end(pod)
        await self._pods.start_process(live)

    async def end(self, pod: str) -> None:
        """Stop what answers wrongly in a pod's place, where anything does."""
        if pod in self._faulty:
            await self._faulty.pop(pod).stop()

    async def stop(self) -> None:
        """Stop all that answers wrongly."""
        for pod in tuple(self._faulty):
            await self.end(pod)
