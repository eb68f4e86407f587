"""The scene of the canary: its weight is changed under constant load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.scenes.scene import LATENCY_COLUMNS, Scene, latency_cells, latency_data
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.program.difference import Difference
from petmesh.rehearsal.load import BETWEEN, CONCURRENCY, Load, LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.runtime import Change
from petmesh.rehearsal.share import CONFIDENCE, CanaryShare


@dataclass(frozen=True)
class WeightStep:
    """The result of one weight.

    Attributes:
        weight: in percent.
        canary: the canary's version.
        phase: what clients measured.
        envoy: the counts of the callers' Envoys by version.
        differences: of the declarations.
        change: the effect of applying it.
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
        """Return one line for each unexpected result."""
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
        """Return the row of the table."""
        lowest, highest = self.share.ratios
        return (
            f"{self.weight}%",
            f"{self.share.ratio:.1%}",
            f"{lowest:.1%} to {highest:.1%}",
            f"{self.envoy_share.ratio:.1%}",
            f"{self.phase.requests:,}",
            str(self.phase.failed),
            *latency_cells(self.phase),
            str(len(self.differences)),
        )

    def data(self) -> dict[str, Any]:
        """Return all figures, for machines."""
        return {
            "weight": self.weight,
            "requests": self.phase.requests,
            "failures": self.phase.failed,
            "failed": dict(self.phase.failures),
            "answers": dict(self.phase.answers),
            "share": round(self.share.ratio, 4),
            "interval": list(self.share.interval),
            "envoyShare": round(self.envoy_share.ratio, 4),
            **latency_data(self.phase),
            "requestsPerSecond": round(self.phase.requests / self.phase.seconds),
            "changed": [str(difference) for difference in self.differences],
            "changeMs": round(self.change.seconds * 1000, 1),
        }


async def play(context: SceneContext, weights: Sequence[int], requests: int) -> Scene:
    """Change the weight step by step, without a pause in the load.

    Args:
        context: of the scene.
        weights: in percent, in order.
        requests: the number that measures each.
    """
    runtime = context.session.runtime
    before = runtime.process_ids()
    steps: list[WeightStep] = []
    async with Load(runtime.origin, PATH, context.classify) as load:
        for weight in weights:
            context.progress(f"canary weight {weight}: {requests:,} requests")
            steps.append(await _step(context, load, weight, requests))
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
        title=f"Canary of {context.workload} under constant load, {CONCURRENCY} requests at a time",
        columns=(
            *("weight", "share", "99.9% interval", "by Envoy", "requests", "failures"),
            *(*LATENCY_COLUMNS, "changed"),
        ),
        rows=tuple(step.row() for step in steps),
        notes=(
            f"changed: declared resources that differ; {', '.join(changed) or 'none'} alone.",
            "by Envoy: the share that the callers' sidecars counted.",
            "By chance 1 share of 1,000 is outside its interval: such a one is measured again.",
            f"While the weight was changed: {sent:,} further requests, {lost} failures.",
            f"Applied at most {slowest * 1000:.0f} ms later. No process was restarted.",
        ),
        data={
            "confidence": CONFIDENCE,
            "steps": [step.data() for step in steps],
            "between": {"requests": sent, "failures": lost},
        },
        problems=tuple(problems),
    )


async def _step(context: SceneContext, load: Load, weight: int, requests: int) -> WeightStep:
    differences, change = await context.session.change({"canaryWeight": str(weight)})

    async def measure() -> WeightStep:
        before = await context.counted()
        phase = await load.measure(f"weight {weight}", requests)
        after = await context.counted()
        counted = {
            version: metrics.since(before.get(version, VersionMetrics()))
            for version, metrics in after.items()
        }
        return WeightStep(weight, context.canary, phase, counted, differences, change)

    step = await measure()
    return step if step.share.is_within or step.phase.failed else await measure()
