"""The fifth scene: a canary that fails or stops, and what the declared policies make of it."""

from dataclasses import dataclass
from typing import Any

from demo.scenes.scene import Scene, milliseconds
from demo.scenes.stage import PATH, Stage
from petmesh.rehearsal.load import Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.resilience import without_resilience

WEIGHT = 50
ERROR_PERCENT = 20
AS_DECLARED, SWITCHED_OFF = "declared", "off"


@dataclass(frozen=True)
class Measured:
    """One row: clients' view, and what the callers' Envoys counted for the canary.

    Attributes:
        fault: what is wrong.
        policy: whether retries and ejection are in force.
        phase: of the load.
        failures: those of the moment of the fault included.
        canary: Envoy's counts.
    """

    fault: str
    policy: str
    phase: LoadPhase
    failures: int
    canary: VersionMetrics

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        return (
            self.fault,
            self.policy,
            f"{self.phase.requests:,}",
            f"{self.failures:,}",
            f"{self.canary.retries:,}",
            f"{self.canary.retries_succeeded:,}",
            str(self.canary.ejections),
            milliseconds(self.phase.percentile(50)),
            milliseconds(self.phase.percentile(99)),
        )

    def data(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "fault": self.fault,
            "policy": self.policy,
            "requests": self.phase.requests,
            "failures": self.failures,
            "retries": self.canary.retries,
            "savedByRetry": self.canary.retries_succeeded,
            "ejections": self.canary.ejections,
            "p50Ms": round(self.phase.percentile(50) * 1000, 2),
            "p99Ms": round(self.phase.percentile(99) * 1000, 2),
        }


async def play(stage: Stage, requests: int) -> Scene:
    """Break the canary in three ways and mend it.

    Args:
        stage: the mesh.
        requests: that measure each row.
    """
    weight = {"canaryWeight": str(WEIGHT)}
    await stage.session.change(weight)
    failing = await _failing(stage, requests)
    one = await _one_stops(stage, requests)
    # Here every request to the canary waits for retries: fewer of them tell as much.
    every, back = await _every_stops(stage, max(requests // 4, 100))
    await stage.session.change(weight)
    restored = await _measure(stage, "restored", AS_DECLARED, requests)
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
        title=f"Faults of {stage.workload} at weight {WEIGHT}",
        columns=(
            *("fault", "policies", "requests", "failures", "retries", "saved"),
            *("ejections", "p50 ms", "p99 ms"),
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


async def _failing(stage: Stage, requests: int) -> tuple[Measured, Measured]:
    fault = f"{ERROR_PERCENT}% answered 500"
    stage.progress(f"{stage.workload}: {fault}")
    runtime, declared = stage.session.runtime, stage.session.runtime.mesh
    faulty = {"FAULT_ERROR_PERCENT": str(ERROR_PERCENT)}
    await runtime.adjust(stage.workload, environment=faulty)
    with_policies = await _measure(stage, fault, AS_DECLARED, requests)
    await runtime.apply(without_resilience(declared))
    without = await _measure(stage, fault, SWITCHED_OFF, requests)
    await runtime.apply(declared)
    await runtime.adjust(stage.workload)
    return with_policies, without


async def _one_stops(stage: Stage, requests: int) -> tuple[Measured, Measured]:
    fault = "1 of 2 pods stops"
    stage.progress(f"{stage.workload}: {fault}")
    runtime, declared = stage.session.runtime, stage.session.runtime.mesh
    await runtime.adjust(stage.workload, replicas=2)
    rows: list[Measured] = []
    for mesh, policy in ((declared, AS_DECLARED), (without_resilience(declared), SWITCHED_OFF)):
        await runtime.apply(mesh)
        pod = runtime.pods_of(stage.workload)[-1].name
        rows.append(await _measure(stage, fault, policy, requests, crash=(pod,)))
        await runtime.replace(pod)
    await runtime.apply(declared)
    await runtime.adjust(stage.workload)
    return rows[0], rows[1]


async def _every_stops(stage: Stage, requests: int) -> tuple[Measured, Measured]:
    fault = "every pod stops"
    stage.progress(f"{stage.workload}: {fault}")
    runtime = stage.session.runtime
    pods = tuple(pod.name for pod in runtime.pods_of(stage.workload))
    gone = await _measure(stage, fault, AS_DECLARED, requests, crash=pods)
    await stage.session.change({"canaryWeight": "0"})
    back = await _measure(stage, "the same, at weight 0", AS_DECLARED, requests)
    for pod in pods:
        await runtime.replace(pod)
    return gone, back


async def _measure(
    stage: Stage, fault: str, policy: str, requests: int, *, crash: tuple[str, ...] = ()
) -> Measured:
    """Measure; pods that crash do so under the load, and what fails at that moment counts."""
    runtime = stage.session.runtime
    before = (await stage.counted()).get(stage.canary, VersionMetrics())
    async with Load(runtime.origin, PATH, stage.judge) as load:
        if crash:
            await load.measure("sound", 50)
            for pod in crash:
                runtime.faults.crash(pod)
        phase = await load.measure(fault, requests)
        failures = sum(each.failed for each in load.phases if each.requests >= each.target)
    after = (await stage.counted()).get(stage.canary, VersionMetrics())
    return Measured(fault, policy, phase, failures, after.since(before))
