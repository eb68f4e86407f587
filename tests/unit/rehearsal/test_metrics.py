"""Metrics by version, summed over callers and between readings."""

import math

from petmesh.envoy.admin import Stats
from petmesh.rehearsal.metrics import VersionMetrics, sum_metrics


def stats(version: str, **values: int) -> Stats:
    base = f"cluster.outbound|9081|{version}|details.pets.svc.cluster.local"
    return Stats(
        values={f"{base}.{name}": value for name, value in values.items()},
        histograms={f"{base}.upstream_rq_time": {0.5: 1, 1.5: 3, 2.5: 4}},
    )


def test_callers_are_summed() -> None:
    summed = sum_metrics(
        [
            stats("v1", upstream_rq_completed=4, upstream_rq_5xx=1),
            stats("v1", upstream_rq_completed=6, upstream_rq_retry=2),
            stats("v2", upstream_rq_completed=1),
        ]
    )
    assert summed["v1"].requests == 10
    assert (summed["v1"].errors, summed["v1"].retries) == (1, 2)
    assert summed["v1"].latency == {1.0: 2, 2.0: 6, 3.0: 8}
    assert summed["v2"].requests == 1


def test_the_time_between_two_readings() -> None:
    before = VersionMetrics(
        requests=10, errors=1, ejections=1, ejected=1, latency={1.0: 5, 2.0: 10}
    )
    after = VersionMetrics(30, 4, ejections=1, ejected=0, latency={1.0: 6, 2.0: 30})
    between = after.since(before)
    assert (between.requests, between.errors, between.ejections, between.ejected) == (20, 3, 0, 0)
    assert between.latency == {1.0: 1, 2.0: 20}


def test_percentiles_are_bounds_of_the_histogram() -> None:
    metrics = VersionMetrics(latency={1.0: 50, 2.0: 98, 3.0: 100})
    assert [metrics.percentile(p) for p in (50, 51, 98, 99)] == [1.0, 2.0, 2.0, 3.0]
    assert math.isnan(VersionMetrics().percentile(50))
