"""Deleted pods, which end in the background and may finish their requests first."""

import asyncio

from petmesh.host.processes import Processes
from petmesh.rehearsal.envoys import Envoys
from petmesh.rehearsal.faults import Faults
from petmesh.rehearsal.pods import LivePod


class Terminating:
    """Ends pods to which no route leads any more, in the background."""

    def __init__(self, envoys: Envoys, processes: Processes, faults: Faults) -> None:
        self._envoys = envoys
        self._processes = processes
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished: list[str] = []

    def begin(self, live: LivePod) -> None:
        """End a pod as its workload declares, without waiting for it."""
        task = asyncio.ensure_future(self._end(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ended(self) -> tuple[str, ...]:
        """Wait until every pod has ended.

        Returns:
            Those of all so far whose process didn't end by itself with status 0.
        """
        await asyncio.gather(*self._tasks)
        return tuple(self._unfinished)

    async def cancel(self) -> None:
        """Stop waiting for pods; `Processes` stops their processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self, live: LivePod) -> None:
        await self._faults.end(live.pod.name)
        workload = live.template.workload
        settle, grace = workload.settle_seconds, workload.grace_seconds
        if not await self._processes.end(live.process, settle, grace):
            self._unfinished.append(live.pod.name)
        await self._envoys.stop(live.sidecar)
