"""What a pod counted before it was scraped first is counted, by Prometheus itself."""

import asyncio
import threading
from pathlib import Path

import pytest

from petmesh.ramp.conditions import Conditions, Outcome
from petmesh.ramp.istio_queries import Window, counted
from petmesh.ramp.judge import Judge
from petmesh.ramp.measurements import Figures, Observation, UnroutedRequests
from petmesh.ramp.prometheus import Prometheus
from tests.prometheus.scraping import SCRAPE_SECONDS, scraped
from tests.unit.promtool import play
from tests.unit.ramp.fakes import GOOD


def plays(folder: Path, query: str, values: str, at: str, result: float) -> None:
    """Assert what a query gives while a counter takes values, one every 15 s from 0 s on."""
    series = {"series": 'hits{reporter="destination",pod="a"}', "values": values}
    samples = [{"labels": "{}", "value": result}]
    test = {"expr": query, "eval_time": at, "exp_samples": samples}
    play(folder, [], [{"interval": "15s", "input_series": [series], "promql_expr_test": [test]}])


@pytest.mark.parametrize("window", [Window("2m", "5s"), Window("120s", "15s"), Window("2m")])
@pytest.mark.parametrize(
    ("values", "at", "counts"),
    [
        pytest.param("_x8 20x20", "2m", 20, id="at its first scrape"),
        pytest.param("_x8 20x20", "3m", 20, id="still within the window"),
        pytest.param("_x8 20x20", "5m", 0, id="before the window"),
        pytest.param("_x8 20 stale", "3m", 20, id="of a pod that is gone again"),
        pytest.param("1000+10x40", "5m", 80, id="of a series that goes on, its increase alone"),
        pytest.param("1000x9 stale _x10 1000x9", "6m", 0, id="not after scrapes that failed"),
        pytest.param("1000 _x40 1000x9", "11m", 0, id="not after ten minutes without scrapes"),
    ],
)
def test_a_window_holds_the_first_value_of_a_series_that_begins_in_it(
    tmp_path: Path, values: str, at: str, counts: float, window: Window
) -> None:
    plays(tmp_path, f"sum({counted('hits', '', window)})", values, at, counts)


@pytest.mark.parametrize("at", ["12m", "12m30s", "14m45s", "15m", "18m", "20m15s", "2h"])
def test_what_began_since_the_last_stretch_of_a_long_window_is_counted_at_once_and_once(
    tmp_path: Path, at: str
) -> None:
    query = f"sum({counted('hits', '', Window('2h', '5m'))})"
    plays(tmp_path, query, "_x48 20x500", at, 20)


@pytest.mark.parametrize(("values", "counts"), [("_x8 20 0x20", 20), ("_x8 0 20 0x20", 20)])
def test_a_counter_that_begins_and_is_reset_within_a_window_is_counted_whole(
    tmp_path: Path, values: str, counts: float
) -> None:
    query = f"sum({counted('hits', '', Window('2m', '5s'))})"
    plays(tmp_path, f"abs({query} - {counts}) < bool 3", values, "3m", 1)


class Pods:
    """What the sidecars of the pets count; a test adds to it while it is scraped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def count(self, labels: str, requests: int) -> None:
        with self._lock:
            self._counts[labels] = requests

    def exported(self) -> list[str]:
        with self._lock:
            return [f"istio_requests_total{{{key}}} {n}" for key, n in self._counts.items()]


def arrived(version: str, pod: int, code: int) -> str:
    return (
        f'reporter="destination",response_flags="-",destination_workload="details-{version}",'
        f'destination_workload_namespace="pets",pod="{version}-{pod}",response_code="{code}"'
    )


NOWHERE = (
    'reporter="source",response_flags="UH",response_code="503",destination_workload="unknown",'
    'destination_workload_namespace="unknown",destination_service="details.pets.svc.cluster.local"'
)


STRETCH_SECONDS = 10


async def until_errors(prometheus: Prometheus, errors: float, window: float) -> Figures:
    """The canary's figures of a window, once so many errors are known; more fail."""
    async with asyncio.timeout(60):
        while True:
            found = await prometheus.figures("details-v2", "pets", "v2", window)
            # A few scrapes after a reset, `increase` extrapolates by some.
            assert found.errors < errors + 7
            if found.errors >= errors - 1:
                return found
            await asyncio.sleep(SCRAPE_SECONDS)


def test_what_new_pods_failed_before_their_first_scrape_is_seen_on_a_real_prometheus(
    tmp_path: Path,
) -> None:
    pods = Pods()
    for pod in range(5):
        pods.count(arrived("v2", pod, 503), 20)
    pods.count(NOWHERE, 12)

    async def run(address: str) -> tuple[Figures, Figures, UnroutedRequests]:
        prometheus = Prometheus(address)
        try:
            # A window of two hours has stretches of five minutes, which nothing is waited for.
            new = await until_errors(prometheus, 100, 7200)
            # What begins and is reset in one stretch counts from the reset on.
            await asyncio.sleep(STRETCH_SECONDS + SCRAPE_SECONDS)
            # A sidecar that is started anew counts from 0 under its pod's name.
            pods.count(arrived("v2", 0, 503), 7)
            again = await until_errors(prometheus, 107, 24 * STRETCH_SECONDS)
            return new, again, await prometheus.lost("details", "pets", 7200)
        finally:
            await prometheus.close()

    with scraped(tmp_path, pods.exported) as address:
        new, again, lost = asyncio.run(run(address))
    assert (new.requests, new.errors) == (100, 100)
    # Asked for one after another.
    assert again.requests == pytest.approx(again.errors, abs=7)
    assert lost.requests == 12
    seen = Observation(seconds=300, stable=GOOD, canary=new)
    assert Judge(Conditions()).take(seen).outcome is Outcome.FAIL


def test_what_was_counted_before_the_window_is_in_it_on_no_account(tmp_path: Path) -> None:
    pods = Pods()
    pods.count(arrived("v2", 0, 503), 5000)

    async def run(address: str) -> list[float]:
        prometheus = Prometheus(address)
        try:
            seen: list[float] = []
            async with asyncio.timeout(60):
                while not seen or seen[-1] or 5000 not in seen:
                    found = await prometheus.figures("details-v2", "pets", "v2", 6)
                    seen.append(found.requests)
                    await asyncio.sleep(SCRAPE_SECONDS)
            return seen
        finally:
            await prometheus.close()

    with scraped(tmp_path, pods.exported) as address:
        seen = asyncio.run(run(address))
    assert set(seen) == {0, 5000}
