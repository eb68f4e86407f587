"""The scene of pods that end under load: by deletion, and by a rolling replacement."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.scene import Scene, counts
from demo.scenes.scene_context import PATH, SceneContext
from demo.scenes.trial import CONCURRENCY, REST_SECONDS, SOUND, by_status
from petmesh.rehearsal.load import Load

_WARM_UP = 50


@dataclass(frozen=True)
class Ending:
    """One row.

    Attributes:
        how: how the pods end.
        responses: every response meanwhile, by status.
        ended: the pods that ended.
        forced: those of them that had to be killed.
    """

    how: str
    responses: Counter[str]
    ended: tuple[str, ...]
    forced: tuple[str, ...]

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        requests, responses = f"{self.responses.total():,}", counts(self.responses)
        return self.how, requests, responses, str(len(self.ended)), str(len(self.forced))

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "what": self.how,
            "requests": self.responses.total(),
            "answers": dict(self.responses),
            "ended": list(self.ended),
            "notByThemselves": list(self.forced),
        }

    def problems(self) -> list[str]:
        """Return one line for each unexpected result."""
        found: list[str] = []
        if self.responses.keys() != {SOUND}:
            found.append(f"{self.how}: callers saw {counts(self.responses)}, not {SOUND} alone")
        if self.forced:
            found.append(f"{self.how}: {', '.join(self.forced)} didn't end by itself")
        return found


async def play(context: SceneContext, requests: int) -> Scene:
    """End pods of petservice and of petdetailsservice under load; no request may fail.

    Args:
        context: of the scene.
        requests: the number of requests after the pods' processes have ended.
    """
    runtime = context.session.runtime
    workloads = (
        f"{PETSERVICE.name}-{PETSERVICE.versions[0]}",
        f"{PETDETAILS.name}-{context.stable}",
    )
    for workload in workloads:
        await runtime.adjust(workload, replicas=2)

    async def delete() -> None:
        for workload in workloads:
            await runtime.delete(runtime.pods_of(workload)[0].name)

    async def roll() -> None:
        for workload in workloads:
            for pod in runtime.pods_of(workload):
                await runtime.replace(pod.name)

    rows = (
        await _end(context, "1 of 2 pods of each is deleted", requests, delete),
        await _end(context, "both pods of each are replaced", requests, roll),
    )
    for workload in workloads:
        await runtime.adjust(workload)
    settle = next(each.settle_seconds for each in runtime.mesh.workloads if each.name in workloads)
    return Scene(
        key="endings",
        title=f"Pods of {' and '.join(workloads)} that end under load",
        columns=("what", "requests", "callers saw", "pods ended", "not by themselves"),
        rows=tuple(row.row() for row in rows),
        notes=(
            f"A pod ends as declared: preStop ({settle} s), SIGTERM, exit within the grace period.",
            "Deleted: the callers' Envoys are updated only when the new pod is ready.",
            "Replaced: one new pod at a time, the old one deleted once it is ready.",
        ),
        data={"rows": [row.data() for row in rows]},
        problems=tuple(problem for row in rows for problem in row.problems()),
    )


async def _end(
    context: SceneContext, how: str, requests: int, end: Callable[[], Awaitable[None]]
) -> Ending:
    """End pods under load, which goes on until they have ended."""
    runtime = context.session.runtime
    pods = set(runtime.process_ids())
    classify = by_status(context)
    async with Load(runtime.origin, PATH, classify, CONCURRENCY, rest_seconds=REST_SECONDS) as load:
        await load.measure("before", _WARM_UP)
        await end()
        unfinished = await runtime.ended()
        await load.measure("after", requests)
    responses: Counter[str] = Counter()
    for phase in load.phases:
        responses += phase.answers + phase.failures
    gone = pods - set(runtime.process_ids())
    ended = tuple(sorted(name for name in gone if not name.startswith("Envoy ")))
    return Ending(how, responses, ended, tuple(name for name in ended if name in unfinished))
