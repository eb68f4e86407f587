"""The scene of overload: petservice handles or sheds ten times its usual load, and recovers."""

from dataclasses import dataclass
from typing import Any

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.scene import LATENCY_COLUMNS, Scene, counts, latency_cells, latency_data
from demo.scenes.scene_context import PATH, SceneContext
from demo.scenes.trial import SOUND, by_status, forget_ejections, totals
from petmesh.rehearsal.load import Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics

USUAL = 8
TIMES = 10
LIMIT = 12
SHED = "503"
# A back end delays each response by this, so that the load determines the number of requests in
# flight, on a machine that sends more than 60 a second. A try has 0.5 s (istio/routing.py).
HELD_MILLISECONDS = 200

_OK = frozenset({SOUND})


@dataclass(frozen=True)
class Level:
    """An amount of load on petservice.

    Attributes:
        limit: its limit of requests in flight, for people.
        load: the load as a multiple of the usual one, for people.
        times: the same as a number.
        allowed: the permitted responses.
    """

    limit: str
    load: str
    times: int = 1
    allowed: frozenset[str] = _OK


@dataclass(frozen=True)
class LoadRow:
    """One row.

    Attributes:
        level: the load.
        phase: what clients measured.
        envoy: the counts of the ingress's Envoy.
    """

    level: Level
    phase: LoadPhase
    envoy: VersionMetrics

    def problems(self) -> list[str]:
        """Return one line for each unexpected result."""
        seen = self.phase.answers + self.phase.failures
        level = self.level
        if not seen.keys() <= level.allowed or not seen[SOUND]:
            allowed = " or ".join(sorted(level.allowed))
            return [f"limit {level.limit}, {level.load}: callers saw {counts(seen)}, not {allowed}"]
        return []

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            self.level.limit,
            self.level.load,
            f"{self.phase.requests:,}",
            counts(self.phase.answers + self.phase.failures),
            f"{self.phase.requests / self.phase.seconds:,.0f}",
            str(self.envoy.ejections),
            *latency_cells(self.phase),
        )

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "limit": self.level.limit,
            "load": self.level.load,
            "requests": self.phase.requests,
            "answers": dict(self.phase.answers + self.phase.failures),
            "requestsPerSecond": round(self.phase.requests / self.phase.seconds),
            "ejections": self.envoy.ejections,
            **latency_data(self.phase),
        }


async def play(context: SceneContext, requests: int) -> Scene:
    """Load one petservice pod as usual, ten times as much, and as usual again.

    Args:
        context: of the scene.
        requests: the number that measures the usual load; the greater one has ten times as many.
    """
    petservice = f"{PETSERVICE.name}-{PETSERVICE.versions[0]}"
    runtime = context.session.runtime
    held = {"FAULT_DELAY_MILLISECONDS": str(HELD_MILLISECONDS)}
    details = f"{PETDETAILS.name}-{context.stable}"
    await runtime.adjust(details, environment=held)
    limited = {"MAX_REQUESTS_IN_FLIGHT": str(LIMIT)}
    rows: list[LoadRow] = []
    for limit, environment in (("as declared", {}), (str(LIMIT), limited)):
        context.progress(f"{petservice}: {TIMES} times its load, limit {limit}")
        await runtime.adjust(petservice, environment=environment)
        sheds = frozenset({SOUND, SHED}) if environment else _OK
        levels = (
            Level(limit, "usual"),
            Level(limit, f"{TIMES} times", TIMES, sheds),
            Level(limit, "usual again"),
        )
        rows += [await _measure(context, level, requests) for level in levels]
        await forget_ejections(context)
    await runtime.adjust(petservice)
    await runtime.adjust(details)
    problems = [problem for row in rows for problem in row.problems()]
    if rows[0].phase.percentile(50) * 1000 < HELD_MILLISECONDS:
        problems.append(f"{details} didn't hold its requests: no load was measured")
    if not rows[-2].phase.answers[SHED]:
        problems.append(f"limit {LIMIT}, {TIMES} times: nothing was shed")
    return Scene(
        key="overload",
        title=f"{TIMES} times the load of {petservice}, {USUAL} requests at a time",
        columns=(
            *("limit in flight", "load", "requests", "callers saw", "requests/s", "ejections"),
            *LATENCY_COLUMNS,
        ),
        rows=tuple(row.row() for row in rows),
        notes=(
            "503: shed by petservice itself, with Retry-After.",
            f"petdetailsservice answers after {HELD_MILLISECONDS} ms here.",
        ),
        data={"rows": [row.data() for row in rows]},
        problems=tuple(problems),
    )


async def _measure(context: SceneContext, level: Level, requests: int) -> LoadRow:
    namespace = context.session.declaration.config["petmesh:namespace"]
    host = f"{PETSERVICE.name}.{namespace}.svc.cluster.local"
    before = await totals(context, host)
    origin, concurrency = context.session.runtime.origin, USUAL * level.times
    async with Load(origin, PATH, by_status(context), concurrency) as load:
        phase = await load.measure(level.load, requests * level.times)
    return LoadRow(level, phase, (await totals(context, host)).since(before))
