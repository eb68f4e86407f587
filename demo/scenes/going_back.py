"""The scene of going back after a promotion: to a version that was kept, and to one that wasn't."""

import time
from dataclasses import dataclass
from typing import Any

from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.program.difference import Difference
from petmesh.rehearsal.load import BETWEEN, Load
from petmesh.rehearsal.runtime import Change

_REQUESTS = 200


@dataclass(frozen=True)
class WayBack:
    """The result of one way back.

    Attributes:
        kept: whether the promotion kept the previous version.
        seconds: from the command until every proxy had the routes, the program's run included.
        differences: of the declarations.
        change: the effect of applying it.
        requests, failures: of the load meanwhile.
        answers: by version, once it was in force.
    """

    kept: bool
    seconds: float
    differences: tuple[Difference, ...]
    change: Change
    requests: int
    failures: int
    answers: dict[str, int]

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "kept" if self.kept else "deleted"

    def problems(self, stable: str) -> list[str]:
        """Return one line for each unexpected result."""
        found: list[str] = []
        if self.failures:
            found.append(f"{self.failures} of {self.requests} requests failed")
        if set(self.answers) != {stable}:
            found.append(f"{self.answers}, not all by {stable}")
        kinds = [each.kind for each in self.differences]
        if self.kept and (kinds != ["VirtualService"] or self.change.started):
            found.append("more than the route changed: " + ", ".join(map(str, self.differences)))
        return [f"back to a version that was {self.name}: {text}" for text in found]


async def play(context: SceneContext) -> Scene:
    """Promote the canary, and go back under load: the previous version kept, then deleted."""
    stable, canary = context.stable, context.canary
    ways = [await _back(context, stable, canary, kept=kept) for kept in (True, False)]
    data: list[dict[str, Any]] = [
        {
            "kept": way.kept,
            "seconds": round(way.seconds, 3),
            "appliedMs": round(way.change.seconds * 1000, 1),
            "changed": [str(each) for each in way.differences],
            "started": [*way.change.started],
            "requests": way.requests,
            "failures": way.failures,
        }
        for way in ways
    ]
    return Scene(
        key="goingBack",
        title=f"Back from {canary} to {stable} after a promotion, under load",
        columns=("previous", "changed", "pods started", "s in all", "ms", "requests", "failures"),
        rows=tuple(
            (
                way.name,
                str(len(way.differences)),
                str(len(way.change.started)),
                f"{way.seconds:.1f}",
                f"{way.change.seconds * 1000:,.0f}",
                f"{way.requests:,}",
                str(way.failures),
            )
            for way in ways
        ),
        notes=(
            "previous: whether the promotion kept the version before (previousVersion).",
            "s in all: from the command on, the program's run included. ms: until every proxy had",
            "the route in force, new pods ready before it.",
        ),
        data={"ways": data},
        problems=tuple(problem for way in ways for problem in way.problems(stable)),
    )


async def _back(context: SceneContext, stable: str, canary: str, *, kept: bool) -> WayBack:
    """Promote the canary and go back."""
    context.progress(f"going back to a version that was {'kept' if kept else 'deleted'}")
    session = context.session
    alone = {"canaryVersion": "", "canaryWeight": "0"}
    promoted = {**alone, "stableVersion": canary, "previousVersion": stable if kept else ""}
    await session.change(promoted)
    async with Load(session.runtime.origin, PATH, context.classify) as load:
        await load.measure("promoted", _REQUESTS)
        begun = time.perf_counter()
        differences, change = await session.change(
            {**alone, "stableVersion": stable, "previousVersion": canary}
        )
        seconds = time.perf_counter() - begun
        phase = await load.measure("back", _REQUESTS)
        during = [each for each in load.phases if each.name == BETWEEN]
    return WayBack(
        kept,
        seconds,
        differences,
        change,
        requests=phase.requests + sum(each.requests for each in during),
        failures=phase.failed + sum(each.failed for each in during),
        answers=dict(phase.answers),
    )
