"""The canary's share of the requests, measured at the weight that a stack is configured with."""

from dataclasses import dataclass

from petmesh.project import project
from petmesh.rehearsal.load import Load, binomial_interval, by_success
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

CONFIDENCE = 0.999


@dataclass(frozen=True, kw_only=True)
class Split:
    """What the rehearsal measured of a canary.

    Attributes:
        workload: the canary's Deployment; empty where nothing was measured.
        weight: asked for, in percent.
        share: of the requests that the callers' Envoys counted, from 0 to 1.
        interval: within which the share must lie, with 99.9% confidence.
        requests: that were sent meanwhile.
        failures: how many of them weren't answered 200.
        problems: what wasn't as it must be.
    """

    workload: str = ""
    weight: int = 0
    share: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    requests: int = 0
    failures: int = 0
    problems: tuple[str, ...] = ()


async def measure_split(session: Session, requests: int) -> Split:
    """Send requests through the ingress, and have the callers' Envoys count who got them.

    Chance puts one share of 1,000 outside of its interval: such a one is measured again.

    Args:
        session: started, with a canary.
        requests: how many are sent.
    """
    split = await _measure(session, requests)
    outside = split.problems and not split.failures
    return await _measure(session, requests) if outside else split


async def _measure(session: Session, requests: int) -> Split:
    runtime, weight = session.runtime, int(session.config("canaryWeight"))
    before = await runtime.version_metrics(session.host)
    async with Load(runtime.origin, project().path, by_success) as load:
        phase = await load.measure("split", requests)
    after = await runtime.version_metrics(session.host)
    counts = {
        version: metrics.since(before.get(version, VersionMetrics())).requests
        for version, metrics in after.items()
    }
    own, total = counts.get(session.canary, 0), sum(counts.values())
    lowest, highest = binomial_interval(total, weight / 100, CONFIDENCE)
    problems: list[str] = []
    if phase.failed:
        problems.append(f"weight {weight}: {phase.failed} requests failed: {dict(phase.failures)}")
    if not total or not lowest <= own <= highest:
        problems.append(f"weight {weight}: {own} of {total} requests, not {lowest} to {highest}")
    known = total or 1
    return Split(
        workload=project().workload(session.canary),
        weight=weight,
        share=own / known,
        interval=(lowest / known, highest / known),
        requests=phase.requests,
        failures=phase.failed,
        problems=tuple(problems),
    )
