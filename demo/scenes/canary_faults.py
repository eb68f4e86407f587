"""The scene of a faulty canary: it fails or stops, with the declared policies and without."""

from dataclasses import dataclass
from typing import Any

from demo.scenes.scene import LATENCY_COLUMNS, Scene, latency_cells, latency_data
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.rehearsal.load import Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.resilience import without_resilience

WEIGHT = 50
ERROR_PERCENT = 20
AS_DECLARED, SWITCHED_OFF = "declared", "off"


@dataclass(frozen=True)
class FaultRow:
    """One row: the clients' view, and the counts of the callers' Envoys for the canary.

    Attributes:
        fault: the fault.
        policy: whether retries and ejection are in force.
        phase: of the load.
        failures: failed requests, with those at the moment of the fault.
        canary: Envoy's counts.
    """

    fault: str
    policy: str
    phase: LoadPhase
    failures: int
    canary: VersionMetrics

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            self.fault,
            self.policy,
            f"{self.phase.requests:,}",
            f"{self.failures:,}",
            f"{self.canary.retries:,}",
            f"{self.canary.retries_succeeded:,}",
            str(self.canary.ejections),
            *latency_cells(self.phase),
        )

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "fault": self.fault,
            "policy": self.policy,
            "requests": self.phase.requests,
            "failures": self.failures,
            "retries": self.canary.retries,
            "savedByRetry": self.canary.retries_succeeded,
            "ejections": self.canary.ejections,
            **latency_data(self.phase),
        }


async def play(context: SceneContext, requests: int) -> Scene:
    """Break the canary in three ways, and restore it.

    Args:
        context: of the scene.
        requests: the number that measures each row.
    """
    weight = {"canaryWeight": str(WEIGHT)}
    await context.session.change(weight)
    failing = await _failing(context, requests)
    one = await _one_stops(context, requests)
    # Every request to the canary waits for its retries: fewer requests are enough.
    every, back = await _every_stops(context, max(requests // 4, 100))
    await context.session.change(weight)
    restored = await _measure(context, "restored", AS_DECLARED, requests)
    rows = (*failing, *one, every, back, restored)
    expectations = (
        (failing[0].failures < failing[1].failures, "retries don't help a failing version"),
        (failing[0].canary.retries_succeeded > 0, "no retry saves a request"),
        (not one[0].failures, "one stopped pod of two makes requests fail"),
        (one[0].canary.ejections > 0, "a stopped pod isn't ejected"),
        (one[1].failures > 0, "a stopped pod does no harm even without retries and ejection"),
        (every.failures > 0, "a version that is gone does no harm"),
        (not back.failures, "requests fail with the weight back at 0"),
        (not restored.failures, "requests fail after the restoration"),
    )
    return Scene(
        key="faults",
        title=f"Faults of {context.workload} at weight {WEIGHT}",
        columns=(
            *("fault", "policies", "requests", "failures", "retries", "saved"),
            "ejections",
            *LATENCY_COLUMNS,
        ),
        rows=tuple(row.row() for row in rows),
        notes=(
            "policies: retries and ejection, as declared or switched off to compare.",
            "failures: what clients of the ingress got. saved: requests that a retry answered.",
            "With every pod gone nothing helps but the weight: going back is config alone.",
        ),
        data={"weight": WEIGHT, "rows": [row.data() for row in rows]},
        problems=tuple(f"faults: {text}" for holds, text in expectations if not holds),
    )


async def _failing(context: SceneContext, requests: int) -> tuple[FaultRow, FaultRow]:
    fault = f"{ERROR_PERCENT}% answered 500"
    context.progress(f"{context.workload}: {fault}")
    runtime, declared = context.session.runtime, context.session.runtime.mesh
    faulty = {"FAULT_ERROR_PERCENT": str(ERROR_PERCENT)}
    await runtime.adjust(context.workload, environment=faulty)
    with_policies = await _measure(context, fault, AS_DECLARED, requests)
    await runtime.apply(without_resilience(declared))
    without = await _measure(context, fault, SWITCHED_OFF, requests)
    await runtime.apply(declared)
    await runtime.adjust(context.workload)
    return with_policies, without


async def _one_stops(context: SceneContext, requests: int) -> tuple[FaultRow, FaultRow]:
    fault = "1 of 2 pods stops"
    context.progress(f"{context.workload}: {fault}")
    runtime, declared = context.session.runtime, context.session.runtime.mesh
    await runtime.adjust(context.workload, replicas=2)
    rows: list[FaultRow] = []
    for mesh, policy in ((declared, AS_DECLARED), (without_resilience(declared), SWITCHED_OFF)):
        await runtime.apply(mesh)
        pod = runtime.pods_of(context.workload)[-1].name
        rows.append(await _measure(context, fault, policy, requests, crash=(pod,)))
        await runtime.replace(pod)
    await runtime.apply(declared)
    await runtime.adjust(context.workload)
    return rows[0], rows[1]


async def _every_stops(context: SceneContext, requests: int) -> tuple[FaultRow, FaultRow]:
    fault = "every pod stops"
    context.progress(f"{context.workload}: {fault}")
    runtime = context.session.runtime
    pods = tuple(pod.name for pod in runtime.pods_of(context.workload))
    gone = await _measure(context, fault, AS_DECLARED, requests, crash=pods)
    await context.session.change({"canaryWeight": "0"})
    back = await _measure(context, "the same, at weight 0", AS_DECLARED, requests)
    for pod in pods:
        await runtime.replace(pod)
    return gone, back


async def _measure(
    context: SceneContext, fault: str, policy: str, requests: int, *, crash: tuple[str, ...] = ()
) -> FaultRow:
    """Measure a row; pods to crash do so under the load, and requests failed meanwhile count."""
    runtime = context.session.runtime
    before = (await context.counted()).get(context.canary, VersionMetrics())
    async with Load(runtime.origin, PATH, context.classify) as load:
        if crash:
            await load.measure("sound", 50)
            for pod in crash:
                runtime.faults.crash(pod)
        phase = await load.measure(fault, requests)
        failures = sum(each.failed for each in load.phases if each.requests >= each.target)
    after = (await context.counted()).get(context.canary, VersionMetrics())
    return FaultRow(fault, policy, phase, failures, after.since(before))
