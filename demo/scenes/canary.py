"""The third scene: the canary's weight is changed under constant load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.scenes.scene import Scene, milliseconds
from demo.scenes.stage import PATH, Stage
from petmesh.program.difference import Difference
from petmesh.rehearsal.load import BETWEEN, CONCURRENCY, Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.runtime import Change
from petmesh.rehearsal.share import CONFIDENCE, CanaryShare


@dataclass(frozen=True)
class Step:
    """What one weight did.

    Attributes:
        weight: asked for, in percent.
        canary: the canary's version.
        phase: what clients measured.
        envoy: what the callers' Envoys counted by version meanwhile.
        differences: what the program declared anew.
        change: what it took to put it in force.
    """

    weight: int
    canary: str
    phase: LoadPhase
    envoy: Mapping[str, VersionMetrics]
    differences: tuple[Difference, ...]
    change: Change

    @property
    def share(self) -> CanaryShare:
        """The canary's share of the good responses."""
        answers = self.phase.answers
        return CanaryShare(self.weight, answers[self.canary], answers.total())

    @property
    def envoy_share(self) -> CanaryShare:
        """The canary's share of the requests that the callers' Envoys counted."""
        counts = {version: metrics.requests for version, metrics in self.envoy.items()}
        return CanaryShare(self.weight, counts.get(self.canary, 0), sum(counts.values()))

    def problems(self) -> list[str]:
        """What isn't as it must be."""
        found: list[str] = []
        if self.phase.failed:
            found.append(f"{self.phase.failed} requests failed: {dict(self.phase.failures)}")
        if not self.share.is_within:
            found.append(f"the canary's share is {self.share.ratio:.1%}, outside of the interval")
        if any(each.kind != "VirtualService" for each in self.differences):
            found.append("more than the route changed: " + ", ".join(map(str, self.differences)))
        if self.change.started or self.change.stopped:
            found.append("pods were restarted")
        return [f"weight {self.weight}: {text}" for text in found]

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        lowest, highest = self.share.ratios
        return (
            f"{self.weight}%",
            f"{self.share.ratio:.1%}",
            f"{lowest:.1%} to {highest:.1%}",
            f"{self.envoy_share.ratio:.1%}",
            f"{self.phase.requests:,}",
            str(self.phase.failed),
            milliseconds(self.phase.percentile(50)),
            milliseconds(self.phase.percentile(99)),
            str(len(self.differences)),
        )

    def data(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "weight": self.weight,
            "requests": self.phase.requests,
            "failures": self.phase.failed,
            "failed": dict(self.phase.failures),
            "answers": dict(self.phase.answers),
            "share": round(self.share.ratio, 4),
            "interval": list(self.share.interval),
            "envoyShare": round(self.envoy_share.ratio, 4),
            "p50Ms": round(self.phase.percentile(50) * 1000, 2),
            "p99Ms": round(self.phase.percentile(99) * 1000, 2),
            "requestsPerSecond": round(self.phase.requests / self.phase.seconds),
            "changed": [str(difference) for difference in self.differences],
            "changeMs": round(self.change.seconds * 1000, 1),
        }


async def play(stage: Stage, weights: Sequence[int], requests: int) -> Scene:
    """Change the weight step by step, with no pause in the load.

    Args:
        stage: the mesh.
        weights: in percent, in order.
        requests: that measure each.
    """
    runtime = stage.session.runtime
    before = runtime.process_ids()
    steps: list[Step] = []
    async with Load(runtime.origin, PATH, stage.judge) as load:
        for weight in weights:
            stage.progress(f"canary weight {weight}: {requests:,} requests")
            steps.append(await _step(stage, load, weight, requests))
        between = [phase for phase in load.phases if phase.name == BETWEEN]
    sent, lost = sum(phase.requests for phase in between), sum(phase.failed for phase in between)
    problems = [problem for step in steps for problem in step.problems()]
    if lost:
        problems.append(f"{lost} of {sent} requests failed while the weight was changed")
    if runtime.process_ids() != before:
        problems.append("a change of weight restarted a process")
    slowest = max((step.change.seconds for step in steps), default=0.0)
    changed = sorted({f"{d.kind} {d.name}" for step in steps for d in step.differences})
    return Scene(
        key="canary",
        title=f"Canary of {stage.workload} under constant load, {CONCURRENCY} requests at a time",
        columns=(
            *("asked", "measured", "99.9% interval", "by Envoy", "requests", "failures"),
            *("p50 ms", "p99 ms", "changed"),
        ),
        rows=tuple(step.row() for step in steps),
        notes=(
            f"changed: declared resources that differ; {', '.join(changed) or 'none'} alone.",
            "by Envoy: the share that the callers' sidecars counted.",
            "Chance puts 1 share of 1,000 outside of its interval: such a one is measured again.",
            f"While the weight was changed: {sent:,} further requests, {lost} failures.",
            f"In force at most {slowest * 1000:.0f} ms later. No process was restarted.",
        ),
        data={
            "confidence": CONFIDENCE,
            "steps": [step.data() for step in steps],
            "between": {"requests": sent, "failures": lost},
        },
        problems=tuple(problems),
    )


async def _step(stage: Stage, load: Load, weight: int, requests: int) -> Step:
    differences, change = await stage.session.change({"canaryWeight": str(weight)})

    async def measure() -> Step:
        before = await stage.counted()
        phase = await load.measure(f"weight {weight}", requests)
        after = await stage.counted()
        counted = {
            version: metrics.since(before.get(version, VersionMetrics()))
            for version, metrics in after.items()
        }
        return Step(weight, stage.canary, phase, counted, differences, change)

    step = await measure()
    return step if step.share.is_within or step.phase.failed else await measure()
