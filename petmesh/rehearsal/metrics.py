"""How the versions of a service do, as the Envoys of their callers count it."""

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
        requests: answered, retried ones counted once, with the answer that the caller got.
        errors: of these, answered with 5xx, by the version or by Envoy for it.
        retries: further tries of requests.
        retries_succeeded: requests that a further try saved.
        ejections: how often a pod was taken out of load balancing.
        ejected: how many pods are out now.
        latency: how many answers took less than so many milliseconds, by that bound.
    """

    requests: int = 0
    errors: int = 0
    retries: int = 0
    retries_succeeded: int = 0
    ejections: int = 0
    ejected: int = 0
    latency: Mapping[float, int] = field(default_factory=dict[float, int])

    def since(self, before: "VersionMetrics") -> "VersionMetrics":
        """What was counted after an earlier reading."""
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
        """The milliseconds that so many percent of the answers stayed within.

        It is a bound of the histogram: a whole number, above ten a quarter above the one before;
        NaN where there are no answers, infinity beyond the last bound.
        """
        total = max(self.latency.values(), default=0)
        if not total:
            return math.nan
        wanted = total * percent / 100
        within = (bound for bound, count in sorted(self.latency.items()) if count >= wanted)
        return next(within, math.inf)


async def version_metrics(admins: Iterable[Admin], host: str) -> dict[str, VersionMetrics]:
    """Each subset's metrics of a host, summed over the callers' Envoys.

    Args:
        admins: of the Envoys.
        host: the service's name in the whole cluster, or an outside host.

    Returns:
        By subset; what goes to none in particular by the empty name.
    """
    pattern = rf"^cluster\.outbound\|\d+\|[^|]*\|{re.escape(host)}\.({_COUNTED})$"
    readings: list[Stats] = []
    for admin in admins:
        # Envoy merges its histograms when it is asked, and shows the result to the next who asks.
        await admin.stats(pattern)
        readings.append(await admin.stats(pattern))
    return sum_metrics(readings)


def sum_metrics(readings: Iterable[Stats]) -> dict[str, VersionMetrics]:
    """Metrics by subset of several Envoys' statistics, whose names are clusters'."""
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
                # Envoy's samples are whole milliseconds, cut off; its bounds lie halfway between.
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
    """A cluster statistic's subset and its own name."""
    _, _, subset, rest = name.split("|")
    stat = re.search(rf"\.({_COUNTED})$", rest)
    return subset, stat[1] if stat else ""
