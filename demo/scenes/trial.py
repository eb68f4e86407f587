"""One row of the fault table: load before, during and after a fault, and what callers get."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from demo.scenes.scene import LATENCY_COLUMNS, Scene, counts, latency_cells, latency_data
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.rehearsal.load import BETWEEN, FAILED, Classifier, Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.resilience import without_resilience

CONCURRENCY = 16
SOUND = "200"
COLUMNS = ("fault", "requests", "callers saw", "retries", "ejections", *LATENCY_COLUMNS, "after")
NOTES = (
    "callers saw: responses at the ingress during the fault, by status.",
    "retries, ejections: by the Envoys of the faulty service's callers.",
    "after: responses of 200 after the fault, with ejected pods still out.",
)
# Some 300 requests a second while a fault begins or ends; at full speed the load would starve
# starting pods, and their callers' connections would time out.
REST_SECONDS = 0.05
_WARM_UP = 50


@dataclass(frozen=True)
class Trial:
    """A fault, and the responses that its callers must get.

    Attributes:
        fault: the fault, for people.
        wanted: the responses that must occur.
        tolerated: further responses that may occur; no other may.
        is_slow: whether every response takes a second or more; then few are enough.
        is_sudden: whether the fault begins under load, instead of before it.
        is_seamless: whether no request may fail at any time, including its begin and end.
    """

    fault: str
    wanted: frozenset[str]
    tolerated: frozenset[str] = frozenset()
    is_slow: bool = False
    is_sudden: bool = False
    is_seamless: bool = False


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial.

    Attributes:
        trial: the trial.
        phase: during the fault.
        after: after the fault.
        envoy: Envoy's counts during the fault.
        lost: requests that failed while it began or ended, with the first ones after its end.
    """

    trial: Trial
    phase: LoadPhase
    after: LoadPhase
    envoy: VersionMetrics
    lost: int

    @property
    def seen(self) -> Counter[str]:
        """The responses by classification, failures by cause."""
        return self.phase.answers + self.phase.failures

    def problems(self) -> list[str]:
        """Return one line for each unexpected result, with the row's name."""
        found: list[str] = []
        wanted, seen = self.trial.wanted, self.seen.keys()
        if not wanted <= seen or not seen <= wanted | self.trial.tolerated:
            allowed = " and ".join(sorted(wanted | self.trial.tolerated))
            found.append(f"callers saw {counts(self.seen)}, not {allowed} alone")
        if self.after.failed or self.after.answers.keys() - {SOUND}:
            rest = self.after.answers + self.after.failures
            found.append(f"it doesn't recover: {counts(rest)}")
        if self.trial.is_seamless and self.lost:
            found.append(f"{self.lost} requests failed while it began or ended")
        return [f"{self.trial.fault}: {text}" for text in found]

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            self.trial.fault,
            f"{self.phase.requests:,}",
            counts(self.seen),
            f"{self.envoy.retries:,}",
            str(self.envoy.ejections),
            *latency_cells(self.phase),
            f"{self.after.answers[SOUND]:,} of {self.after.requests:,}",
        )

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "fault": self.trial.fault,
            "requests": self.phase.requests,
            "answers": dict(self.seen),
            "retries": self.envoy.retries,
            "savedByRetry": self.envoy.retries_succeeded,
            "ejections": self.envoy.ejections,
            **latency_data(self.phase),
            "slowestMs": round(self.phase.percentile(100) * 1000, 2),
            "failedAtBeginOrEnd": self.lost,
            "after": {
                "requests": self.after.requests,
                "answers": dict(self.after.answers + self.after.failures),
            },
        }


FaultSwitch = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Setting:
    """The common parameters of a table's trials.

    Attributes:
        context: of the scene.
        host: of the faulty service, for Envoy's counts.
        classify: names each response; a sound one `SOUND`.
        requests: the number that measures each row.
    """

    context: SceneContext
    host: str
    classify: Classifier
    requests: int


async def run_trial(
    setting: Setting, trial: Trial, begin: FaultSwitch, end: FaultSwitch
) -> TrialResult:
    """Measure a trial under constant load.

    Args:
        setting: the table's parameters.
        trial: the fault and its expected responses.
        begin: starts the fault.
        end: ends it.
    """
    context = setting.context
    context.progress(trial.fault)
    before = await totals(context, setting.host)
    if not trial.is_sudden:
        await begin()
    origin = context.session.runtime.origin
    async with Load(origin, PATH, setting.classify, CONCURRENCY, rest_seconds=REST_SECONDS) as load:
        if trial.is_sudden:
            await load.measure("before", _WARM_UP)
            await begin()
        phase = await load.measure(trial.fault, CONCURRENCY if trial.is_slow else setting.requests)
        envoy = (await totals(context, setting.host)).since(before)
        await end()
        # Each connection may have one more failure, on a connection broken by the fault.
        await load.measure(BETWEEN, CONCURRENCY)
        after = await load.measure("after", setting.requests)
        lost = sum(each.failed for each in load.phases if each.name == BETWEEN)
    return TrialResult(trial, phase, after, envoy, lost)


def scene(
    key: str, title: str, outcomes: Sequence[TrialResult], notes: Sequence[str] = ()
) -> Scene:
    """Return trials' results as a scene with one table."""
    return Scene(
        key=key,
        title=title,
        columns=COLUMNS,
        rows=tuple(outcome.row() for outcome in outcomes),
        notes=tuple(notes),
        data={"rows": [outcome.data() for outcome in outcomes]},
        problems=tuple(problem for outcome in outcomes for problem in outcome.problems()),
    )


async def totals(context: SceneContext, host: str) -> VersionMetrics:
    """Return the counts of a host by its callers' Envoys, summed over its versions."""
    versions = await context.session.runtime.version_metrics(host)
    return VersionMetrics(
        requests=sum(each.requests for each in versions.values()),
        errors=sum(each.errors for each in versions.values()),
        retries=sum(each.retries for each in versions.values()),
        retries_succeeded=sum(each.retries_succeeded for each in versions.values()),
        ejections=sum(each.ejections for each in versions.values()),
        ejected=sum(each.ejected for each in versions.values()),
    )


async def forget_ejections(context: SceneContext) -> None:
    """Recreate every Envoy's clusters: the next trial begins without ejected pods."""
    runtime, declared = context.session.runtime, context.session.runtime.mesh
    await runtime.apply(without_resilience(declared))
    await runtime.apply(declared)


def by_status(context: SceneContext) -> Classifier:
    """Return a classifier by status.

    A 200 must have details and medical history, an error must be petservice's own object. Any other
    response is a failure, including an error page of Envoy's.
    """

    def classify(status: int, body: bytes) -> str:
        if status == HTTPStatus.OK:
            return SOUND if context.classify(status, body) else FAILED
        return str(status) if _object(body).get("status") == status else FAILED

    return classify


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}
