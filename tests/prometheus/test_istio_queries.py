"""The queries for Istio's metrics, answered by a real Prometheus."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.prometheus import Prometheus
from tests.prometheus.scraping import SCRAPE_SECONDS, scraped


def lost_ones(ticks: float) -> list[str]:
    """What Istio's sidecars count in worse times, a hundred a second each.

    The labels are those of populatePeerInfo in istio/proxy's istio_stats.cc: where the connection
    fails, the caller knows the pod's workload by its endpoint, but not its version; where there is
    no pod, it knows the service alone; where there is no cluster, the Host header alone. Copies are
    counted by their destination alone. Who has no sidecar is unknown though it answers. A proxy
    that is started anew counts from 0.
    """
    nobody = 'destination_workload="unknown",destination_workload_namespace="unknown"'
    known = 'destination_workload_namespace="pets",destination_version'
    host = "pets.svc.cluster.local"
    series = (
        f'reporter="source",response_flags="URX,UF",destination_workload="cut-v2",{known}="unknown"',
        f'reporter="source",response_flags="UH",{nobody},destination_service="gone.{host}"',
        f'reporter="source",response_flags="NC",{nobody},destination_service="gone:80"',
        f'reporter="source",response_flags="UH",{nobody},destination_service="gone.other"',
        f'reporter="source",response_flags="UH",{nobody},destination_service="gone2.{host}"',
        f'reporter="source",response_flags="UO",{nobody},destination_service="full.{host}"',
        f'reporter="source",response_flags="UH",{nobody},destination_service="full.{host}"',
        f'reporter="source",response_flags="-",{nobody},destination_service="bare.{host}"',
        f'reporter="source",response_flags="NR",{nobody},destination_service="bare:80"',
        f'reporter="destination",response_flags="-",destination_workload="copied-v2",{known}="v2"',
    )
    lines = [
        f'istio_requests_total{{{labels},response_code="{200 if "copied" in labels else 503}"}} '
        f"{ticks}"
        for labels in series
    ]
    anew = f'reporter="destination",response_flags="-",destination_workload="anew-v2",{known}="v2"'
    return [*lines, f'istio_requests_total{{{anew},response_code="200"}} {ticks % 300}']


def exported(ticks: float) -> list[str]:
    """Istio's standard metrics of two versions, each of which had so many requests."""
    lines: list[str] = []
    for version, errors, slow in (("v1", 0.0, 0.0), ("v2", 0.05, 1.0)):
        common = (
            f'destination_workload="petdetailsservice-{version}",'
            f'destination_workload_namespace="pets",destination_version="{version}"'
        )
        for reporter in ("source", "destination"):
            labels = f'reporter="{reporter}",response_flags="-",{common}'
            lines += [
                f'istio_requests_total{{{labels},response_code="200"}} {ticks * (1 - errors)}',
                f'istio_requests_total{{{labels},response_code="500"}} {ticks * errors}',
            ]
            for bound, share in (("10", 0.9 - slow), ("100", 0.99), ("+Inf", 1.0)):
                count = ticks * max(0.0, share)
                name = "istio_request_duration_milliseconds_bucket"
                lines.append(f'{name}{{{labels},le="{bound}"}} {count}')
    return [*lines, *lost_ones(ticks)]


Seen = TypeVar("Seen", Figures, UnroutedRequests)


async def settled(ask: Callable[[], Awaitable[Seen]], requests: float) -> Seen:
    """What is seen once it counts about so many requests: a busy machine scrapes late."""
    async with asyncio.timeout(60):
        while (found := await ask()).requests != pytest.approx(requests, rel=0.25):  # noqa: ASYNC110
            await asyncio.sleep(SCRAPE_SECONDS)
    return found


def test_istios_queries_on_a_real_prometheus(tmp_path: Path) -> None:
    begun: list[float] = []

    def growing() -> list[str]:
        """A hundred requests a second since the first scrape."""
        begun.append(time.monotonic())
        return exported((begun[-1] - begun[0]) * 100)

    async def run(real: str) -> tuple[list[Figures], list[UnroutedRequests]]:
        prometheus = Prometheus(real)

        def figures_of(workload: str, version: str, requests: float = 1000) -> Awaitable[Figures]:
            ask = partial(prometheus.figures, f"{workload}-{version}", "pets", version, 10)
            return settled(ask, requests)

        def lost_of(service: str, requests: float) -> Awaitable[UnroutedRequests]:
            return settled(partial(prometheus.lost, service, "pets", 10), requests)

        try:
            found = [
                await figures_of("petdetailsservice", "v1"),
                await figures_of("petdetailsservice", "v2"),
                await figures_of("cut", "v2"),
                await figures_of("copied", "v2"),
                await figures_of("anew", "v2"),
                await figures_of("other", "v2", 0),
            ]
            # Without a pod, and without a cluster; and two that don't count.
            nowhere = [
                await lost_of("gone", 2000),
                await lost_of("full", 2000),
                await lost_of("bare", 0),
                await lost_of("other", 0),
            ]
            return found, nowhere
        finally:
            await prometheus.close()

    with scraped(tmp_path, growing) as address:
        found, nowhere = asyncio.run(run(address))
    stable, canary, cut, copied, _, other = found
    gone, full, *kept = nowhere
    # Each scrape gives another figure, and they were asked for one after another.
    assert cut.success_rate == pytest.approx(0, abs=20)
    assert copied.errors == 0
    assert full.overflowed == pytest.approx(1000, rel=0.25)
    assert gone.overflowed == 0
    assert kept == [UnroutedRequests(0), UnroutedRequests(0)]
    assert stable.success_rate == 100
    assert canary.success_rate == pytest.approx(95, abs=1)
    assert (stable.quantile(0.5) or 99) < 10 < (canary.quantile(0.5) or 0) < 100
    assert other == Figures()
