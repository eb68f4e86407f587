"""Metrics of a service's versions, from the Envoys of their callers."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from petmesh.envoy.admin import Admin, Stats

_COUNTED = (
    "upstream_rq_completed|upstream_rq_5xx|upstream_rq_retry|upstream_rq_retry_success"
    "|upstream_rq_time|upstream_rq_timeout|upstream_rq_per_try_timeout"
    "|outlier_detection.ejections_enforced_total|outlier_detection.ejections_active"
)


@dataclass(frozen=True)
class VersionMetrics:
    """One version's counts since its callers' Envoys started, or between two readings.

    Attributes:
        requests: responses; a retried request counts once, by the response that the caller got.
        errors: responses of 5xx, by the version or by Envoy on its behalf.
        retries: tries after the first.
        retries_succeeded: requests that a retry saved.
        ejections: the number of ejections of a pod from load balancing.
        ejected: the number of pods ejected now.
        latency: the cumulative number of responses by upper bound in milliseconds.
    """

    requests: int = 0
    errors: int = 0
    retries: int = 0
    retries_succeeded: int = 0
    ejections: int = 0
    ejected: int = 0
    latency: Mapping[float, int] = field(default_factory=dict[float, int])

    def since(self, before: "VersionMetrics") -> "VersionMetrics":
        """Return the counts since an earlier reading."""
        return VersionMetrics(
            requests=self.requests - before.requests,
            errors=self.errors - before.errors,
            retries=self.retries - before.retries,
            retries_succeeded=self.retries_succeeded - before.retries_succeeded,
            ejections=self.ejections - before.ejections,
            ejected=self.ejected,
            latency={
                bound: count - before.latency.get(bound, 0) for bound, count in self.latency.items()
            },
        )

    def percentile(self, percent: float) -> float:
        """Return a latency percentile in milliseconds.

        It is a bound of the histogram: a whole number, above ten a quarter greater than the last;
        NaN without responses, infinity beyond the last bound.
        """
        total = max(self.latency.values(), default=0)
        if not total:
            return math.nan
        wanted = total * percent / 100
        within = (bound for bound, count in sorted(self.latency.items()) if count >= wanted)
        return next(within, math.inf)


async def version_metrics(admins: Iterable[Admin], host: str) -> dict[str, VersionMetrics]:
    """Return each subset's metrics of a host, summed over the callers' Envoys.

    Args:
        admins: of the Envoys.
        host: a service's fully qualified name, or an outside host.

    Returns:
        Metrics by subset; the empty name is for requests to no subset.
    """
    pattern = rf"^cluster\.outbound\|\d+\|[^|]*\|{re.escape(host)}\.({_COUNTED})$"
    readings: list[Stats] = []
    for admin in admins:
        # A request makes Envoy merge its histograms; only the next one gets the result.
        await admin.stats(pattern)
        readings.append(await admin.stats(pattern))
    return sum_metrics(readings)


def sum_metrics(readings: Iterable[Stats]) -> dict[str, VersionMetrics]:
    """Return metrics by subset, summed over several Envoys' statistics of clusters."""
    counts: dict[str, dict[str, int]] = {}
    latencies: dict[str, dict[float, int]] = {}
    for stats in readings:
        for name, value in stats.values.items():
            subset, stat = _parts(name)
            own = counts.setdefault(subset, {})
            own[stat] = own.get(stat, 0) + value
        for name, buckets in stats.histograms.items():
            own_buckets = latencies.setdefault(_parts(name)[0], {})
            for bound, count in buckets.items():
                # Envoy truncates samples to whole milliseconds; its bounds lie halfway between.
                limit = bound + 0.5
                own_buckets[limit] = own_buckets.get(limit, 0) + count
    return {
        subset: VersionMetrics(
            requests=own.get("upstream_rq_completed", 0),
            errors=own.get("upstream_rq_5xx", 0),
            retries=own.get("upstream_rq_retry", 0),
            retries_succeeded=own.get("upstream_rq_retry_success", 0),
            ejections=own.get("outlier_detection.ejections_enforced_total", 0),
            ejected=own.get("outlier_detection.ejections_active", 0),
            latency=latencies.get(subset, {}),
        )
        for subset, own in counts.items()
    }


def _parts(name: str) -> tuple[str, str]:
    """Return a cluster statistic's subset and the statistic's own name."""
    _, _, subset, rest = name.split("|")
    stat = re.search(rf"\.({_COUNTED})$", rest)
    return subset, stat[1] if stat else ""
