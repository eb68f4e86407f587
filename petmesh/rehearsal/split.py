"""Measures the canary's share of the requests at the weight that a stack configures."""

from dataclasses import dataclass, field

from petmesh.program.exported import ExportedRelease
from petmesh.project import project
from petmesh.rehearsal.load import Load, by_success
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session
from petmesh.rehearsal.share import CanaryShare


@dataclass(frozen=True, kw_only=True)
class Split:
    """The measurement of a canary's share.

    Attributes:
        workload: the canary's Deployment; empty if nothing was measured.
        share: of the requests that the callers' Envoys counted.
        requests: the number of requests sent.
        failures: the number of those that didn't get a 200.
        problems: one line each.
    """

    workload: str = ""
    share: CanaryShare = field(default=CanaryShare(0, 0, 0))
    requests: int = 0
    failures: int = 0
    problems: tuple[str, ...] = ()


async def measure_split(session: Session, release: ExportedRelease, requests: int) -> Split:
    """Send requests through the ingress, and read the versions' counts from the callers' Envoys.

    One correct share in 1,000 is outside its interval by chance: one outside is measured again.

    Args:
        session: started.
        release: one with a canary, of the applied program.
        requests: the number of requests.
    """
    split = await _measure(session, release, requests)
    outside = split.problems and not split.failures
    return await _measure(session, release, requests) if outside else split


async def _measure(session: Session, release: ExportedRelease, requests: int) -> Split:
    runtime, weight = session.runtime, release.weight
    before = await runtime.version_metrics(release.host)
    async with Load(runtime.origin, project().path, by_success) as load:
        phase = await load.measure("split", requests)
    after = await runtime.version_metrics(release.host)
    counts = {
        version: metrics.since(before.get(version, VersionMetrics())).requests
        for version, metrics in after.items()
    }
    share = CanaryShare(weight, counts.get(release.canary, 0), sum(counts.values()))
    problems: list[str] = []
    if phase.failed:
        problems.append(f"weight {weight}: {phase.failed} requests failed: {dict(phase.failures)}")
    if not share.is_within:
        lowest, highest = share.interval
        problems.append(
            f"weight {weight}: {share.canary} of {share.total} requests, not {lowest} to {highest}"
        )
    return Split(
        workload=release.workloads.get(release.canary, release.canary),
        share=share,
        requests=phase.requests,
        failures=phase.failed,
        problems=tuple(problems),
    )
