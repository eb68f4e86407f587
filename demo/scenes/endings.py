"""Pods that end while they are asked: by deletion, and by a rolling replacement."""

from collections import Counter
from collections.abc import Awaitable, Callable

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.scene import Scene
from demo.scenes.stage import PATH, Stage
from demo.scenes.trial import CONCURRENCY, REST_SECONDS, SOUND, by_status, counted
from petmesh.rehearsal.load import Load

_WARM_UP = 50


async def play(stage: Stage, requests: int) -> Scene:
    """End pods of petservice and of petdetailsservice under load; no request may fail.

    Args:
        stage: the mesh.
        requests: that follow once the pods' processes have ended.
    """
    runtime = stage.session.runtime
    workloads = (
        f"{PETSERVICE.name}-{PETSERVICE.versions[0]}",
        f"{PETDETAILS.name}-{stage.stable}",
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
        ("1 of 2 pods of each is deleted", *await _end(stage, requests, delete)),
        ("both pods of each are replaced", *await _end(stage, requests, roll)),
    )
    for workload in workloads:
        await runtime.adjust(workload)
    settle = next(each.settle_seconds for each in runtime.mesh.workloads if each.name in workloads)
    return Scene(
        key="endings",
        title=f"Pods of {' and '.join(workloads)} that end under load",
        columns=("what", "requests", "callers saw", "pods ended", "not by themselves"),
        rows=tuple(
            (what, f"{answers.total():,}", counted(answers), str(len(ended)), str(len(forced)))
            for what, answers, ended, forced in rows
        ),
        notes=(
            f"A pod ends as declared: preStop ({settle} s), SIGTERM, exit within the grace period.",
            "Deleted: the callers' Envoys hear of it only when the new pod is ready.",
            "Replaced: one new pod at a time, the old one deleted once it is ready.",
        ),
        data={
            "rows": [
                {
                    "what": what,
                    "requests": answers.total(),
                    "answers": dict(answers),
                    "ended": list(ended),
                    "notByThemselves": list(forced),
                }
                for what, answers, ended, forced in rows
            ]
        },
        problems=tuple(
            f"{what}: {text}"
            for what, answers, _, forced in rows
            for text, wrong in (
                (f"callers saw {counted(answers)}, not {SOUND} alone", answers.keys() != {SOUND}),
                (f"{', '.join(forced)} didn't end by itself", forced),
            )
            if wrong
        ),
    )


async def _end(
    stage: Stage, requests: int, take_away: Callable[[], Awaitable[None]]
) -> tuple[Counter[str], tuple[str, ...], tuple[str, ...]]:
    """Take pods away under load until they have ended.

    Returns:
        Every answer meanwhile, the pods that are gone, and those that didn't end by themselves.
    """
    runtime = stage.session.runtime
    pods = set(runtime.process_ids())
    judge = by_status(stage)
    async with Load(runtime.origin, PATH, judge, CONCURRENCY, rest_seconds=REST_SECONDS) as load:
        await load.measure("before", _WARM_UP)
        await take_away()
        unfinished = await runtime.ended()
        await load.measure("after", requests)
    answers: Counter[str] = Counter()
    for phase in load.phases:
        answers += phase.answers + phase.failures
    gone = pods - set(runtime.process_ids())
    ended = tuple(sorted(name for name in gone if not name.startswith("Envoy ")))
    return answers, ended, tuple(name for name in ended if name in unfinished)
