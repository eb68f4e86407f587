"""One row of the fault table: load before, during and after a fault, and what callers saw of it."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from demo.scenes.scene import Scene, milliseconds
from demo.scenes.stage import PATH, Stage
from petmesh.rehearsal.load import BETWEEN, FAILED, Classifier, Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.resilience import without_resilience

CONCURRENCY = 16
SOUND = "200"
COLUMNS = ("fault", "requests", "callers saw", "retries", "ejections", "p50 ms", "p99 ms", "after")
NOTES = (
    "callers saw: answers at the ingress while the fault lasts, by status.",
    "retries, ejections: by the Envoys of those that call what is faulty.",
    "after: requests answered 200 once the fault is over, ejected pods not yet back.",
)
# Some 300 requests a second while a fault begins or ends; at full speed the load would starve the
# pods that start, whose callers' connections then time out.
REST_SECONDS = 0.05
_WARM_UP = 50


@dataclass(frozen=True)
class Trial:
    """A fault, and what its callers must see of it.

    Attributes:
        fault: what is wrong, for people.
        wanted: the answers that there must be.
        tolerated: the answers that there may be besides; no other.
        is_slow: whether every answer takes a second or more; then few are enough.
        is_sudden: whether the fault begins under load, instead of before it.
        is_seamless: whether no request may fail at any time, not when it begins or ends either.
    """

    fault: str
    wanted: frozenset[str]
    tolerated: frozenset[str] = frozenset()
    is_slow: bool = False
    is_sudden: bool = False
    is_seamless: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a trial showed.

    Attributes:
        trial: which.
        phase: while the fault lasted.
        after: once it was over.
        counts: of Envoy, until it was over.
        lost: requests that failed while it began or ended, the first after its end included.
    """

    trial: Trial
    phase: LoadPhase
    after: LoadPhase
    counts: VersionMetrics
    lost: int

    @property
    def seen(self) -> Counter[str]:
        """The answers by what they were; what isn't an answer of petservice's by its status."""
        return self.phase.answers + self.phase.failures

    def problems(self) -> list[str]:
        """What isn't as it must be, each beginning with the row's name."""
        found: list[str] = []
        wanted, seen = self.trial.wanted, self.seen.keys()
        if not wanted <= seen or not seen <= wanted | self.trial.tolerated:
            allowed = " and ".join(sorted(wanted | self.trial.tolerated))
            found.append(f"callers saw {counted(self.seen)}, not {allowed} alone")
        if self.after.failed or self.after.answers.keys() - {SOUND}:
            rest = self.after.answers + self.after.failures
            found.append(f"it doesn't recover: {counted(rest)}")
        if self.trial.is_seamless and self.lost:
            found.append(f"{self.lost} requests failed while it began or ended")
        return [f"{self.trial.fault}: {text}" for text in found]

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        return (
            self.trial.fault,
            f"{self.phase.requests:,}",
            counted(self.seen),
            f"{self.counts.retries:,}",
            str(self.counts.ejections),
            milliseconds(self.phase.percentile(50)),
            milliseconds(self.phase.percentile(99)),
            f"{self.after.answers[SOUND]:,} of {self.after.requests:,}",
        )

    def data(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "fault": self.trial.fault,
            "requests": self.phase.requests,
            "answers": dict(self.seen),
            "retries": self.counts.retries,
            "savedByRetry": self.counts.retries_succeeded,
            "ejections": self.counts.ejections,
            "p50Ms": round(self.phase.percentile(50) * 1000, 2),
            "p99Ms": round(self.phase.percentile(99) * 1000, 2),
            "slowestMs": round(self.phase.percentile(100) * 1000, 2),
            "failedAtBeginOrEnd": self.lost,
            "after": {
                "requests": self.after.requests,
                "answers": dict(self.after.answers + self.after.failures),
            },
        }


Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Setting:
    """What a table's trials share.

    Attributes:
        stage: the mesh.
        host: of the service that is faulty, for Envoy's counts.
        judge: names each answer; a sound one `SOUND`.
        requests: that measure each row.
    """

    stage: Stage
    host: str
    judge: Classifier
    requests: int


async def try_out(setting: Setting, trial: Trial, begin: Step, end: Step) -> Outcome:
    """Measure a trial under constant load.

    Args:
        setting: where.
        trial: which.
        begin: brings the fault about.
        end: takes it away.
    """
    stage = setting.stage
    stage.progress(trial.fault)
    before = await totals(stage, setting.host)
    if not trial.is_sudden:
        await begin()
    origin = stage.session.runtime.origin
    async with Load(origin, PATH, setting.judge, CONCURRENCY, rest_seconds=REST_SECONDS) as load:
        if trial.is_sudden:
            await load.measure("before", _WARM_UP)
            await begin()
        phase = await load.measure(trial.fault, CONCURRENCY if trial.is_slow else setting.requests)
        counts = (await totals(stage, setting.host)).since(before)
        await end()
        # One request each may still meet a connection that the fault left behind.
        await load.measure(BETWEEN, CONCURRENCY)
        after = await load.measure("after", setting.requests)
        lost = sum(each.failed for each in load.phases if each.name == BETWEEN)
    return Outcome(trial, phase, after, counts, lost)


def scene(key: str, title: str, outcomes: Sequence[Outcome], notes: Sequence[str] = ()) -> Scene:
    """Show trials as one table."""
    return Scene(
        key=key,
        title=title,
        columns=COLUMNS,
        rows=tuple(outcome.row() for outcome in outcomes),
        notes=tuple(notes),
        data={"rows": [outcome.data() for outcome in outcomes]},
        problems=tuple(problem for outcome in outcomes for problem in outcome.problems()),
    )


async def totals(stage: Stage, host: str) -> VersionMetrics:
    """What the callers' Envoys counted for a host so far, all its versions together."""
    versions = await stage.session.runtime.version_metrics(host)
    return VersionMetrics(
        requests=sum(each.requests for each in versions.values()),
        errors=sum(each.errors for each in versions.values()),
        retries=sum(each.retries for each in versions.values()),
        retries_succeeded=sum(each.retries_succeeded for each in versions.values()),
        ejections=sum(each.ejections for each in versions.values()),
        ejected=sum(each.ejected for each in versions.values()),
    )


async def forget_ejections(stage: Stage) -> None:
    """Have every Envoy make its clusters anew: the next trial begins with all pods in them."""
    runtime, declared = stage.session.runtime, stage.session.runtime.mesh
    await runtime.apply(without_resilience(declared))
    await runtime.apply(declared)


def by_status(stage: Stage) -> Classifier:
    """Name an answer by its status.

    A 200 must hold details and medical history, an error must be petservice's own object. Anything
    else counts as failed, an error page of Envoy's too.
    """

    def judge(status: int, body: bytes) -> str:
        if status == HTTPStatus.OK:
            return SOUND if stage.judge(status, body) else FAILED
        return str(status) if _object(body).get("status") == status else FAILED

    return judge


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def counted(answers: Counter[str]) -> str:
    """`200: 40, 502: 2`, by name."""
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(answers.items())) or "nothing"
