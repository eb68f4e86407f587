"""Ten times the usual load on petservice: it answers or sheds, and recovers."""

from dataclasses import dataclass
from typing import Any

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.scene import Scene, milliseconds
from demo.scenes.stage import PATH, Stage
from demo.scenes.trial import SOUND, by_status, counted, forget_ejections, totals
from petmesh.rehearsal.load import Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics

USUAL = 8
TIMES = 10
LIMIT = 12
SHED = "503"
# A back end holds each request so long: what is in flight is then the load's doing, on a machine
# that sends more than 60 requests a second. It is far from the 0.5 s of a try (istio/routing.py).
HELD_MILLISECONDS = 200

_OK = frozenset({SOUND})


@dataclass(frozen=True)
class Level:
    """How much is asked of petservice.

    Attributes:
        limit: its limit of requests in flight, for people.
        load: how much of the usual load, for people.
        times: the same as a number.
        allowed: the answers that there may be.
    """

    limit: str
    load: str
    times: int = 1
    allowed: frozenset[str] = _OK


@dataclass(frozen=True)
class Measured:
    """One row.

    Attributes:
        level: what was asked.
        phase: what clients measured.
        counts: what the ingress's Envoy counted.
    """

    level: Level
    phase: LoadPhase
    counts: VersionMetrics

    def problems(self) -> list[str]:
        """What isn't as it must be."""
        seen = self.phase.answers + self.phase.failures
        level = self.level
        if not seen.keys() <= level.allowed or not seen[SOUND]:
            allowed = " or ".join(sorted(level.allowed))
            return [
                f"limit {level.limit}, {level.load}: callers saw {counted(seen)}, not {allowed}"
            ]
        return []

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        return (
            self.level.limit,
            self.level.load,
            f"{self.phase.requests:,}",
            counted(self.phase.answers + self.phase.failures),
            f"{self.phase.requests / self.phase.seconds:,.0f}",
            str(self.counts.ejections),
            milliseconds(self.phase.percentile(50)),
            milliseconds(self.phase.percentile(99)),
        )

    def data(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "limit": self.level.limit,
            "load": self.level.load,
            "requests": self.phase.requests,
            "answers": dict(self.phase.answers + self.phase.failures),
            "requestsPerSecond": round(self.phase.requests / self.phase.seconds),
            "ejections": self.counts.ejections,
            "p50Ms": round(self.phase.percentile(50) * 1000, 2),
            "p99Ms": round(self.phase.percentile(99) * 1000, 2),
        }


async def play(stage: Stage, requests: int) -> Scene:
    """Load one petservice pod as usual, ten times as much, and as usual again.

    Args:
        stage: the mesh.
        requests: that measure the usual load, and ten times as many the greater one.
    """
    petservice = f"{PETSERVICE.name}-{PETSERVICE.versions[0]}"
    runtime = stage.session.runtime
    held = {"FAULT_DELAY_MILLISECONDS": str(HELD_MILLISECONDS)}
    details = f"{PETDETAILS.name}-{stage.stable}"
    await runtime.adjust(details, environment=held)
    limited = {"MAX_REQUESTS_IN_FLIGHT": str(LIMIT)}
    rows: list[Measured] = []
    for limit, environment in (("as declared", {}), (str(LIMIT), limited)):
        stage.progress(f"{petservice}: {TIMES} times its load, limit {limit}")
        await runtime.adjust(petservice, environment=environment)
        sheds = frozenset({SOUND, SHED}) if environment else _OK
        levels = (
            Level(limit, "usual"),
            Level(limit, f"{TIMES} times", TIMES, sheds),
            Level(limit, "usual again"),
        )
        rows += [await _measure(stage, level, requests) for level in levels]
        await forget_ejections(stage)
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
            *("p50 ms", "p99 ms"),
        ),
        rows=tuple(row.row() for row in rows),
        notes=(
            "503: shed by petservice itself, with Retry-After.",
            f"petdetailsservice answers after {HELD_MILLISECONDS} ms here.",
        ),
        data={"rows": [row.data() for row in rows]},
        problems=tuple(problems),
    )


async def _measure(stage: Stage, level: Level, requests: int) -> Measured:
    namespace = stage.session.declaration.config["petmesh:namespace"]
    host = f"{PETSERVICE.name}.{namespace}.svc.cluster.local"
    before = await totals(stage, host)
    origin, concurrency = stage.session.runtime.origin, USUAL * level.times
    async with Load(origin, PATH, by_status(stage), concurrency) as load:
        phase = await load.measure(level.load, requests * level.times)
    return Measured(level, phase, (await totals(stage, host)).since(before))
