"""Which requests a ramp judges by: of which window, and how long it bears to know of none."""

import asyncio
from pathlib import Path

import pytest

from petmesh.ramp.driver import Driver
from petmesh.ramp.events import Judged
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.measurements import Figures, Observation
from tests.ramp.fakes import BAD, QUICK, FakeTarget, start, wait_for_weight


async def test_no_request_counts_in_two_failures(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    plan = QUICK.model_copy(update={"interval": 0.1, "failures": 3})
    assert (await start(tmp_path, target, plan).run()).phase is Phase.ROLLED_BACK
    assert target.windows == pytest.approx([0.1, 0.1, 0.1], abs=0.05)


WAITS = QUICK.model_copy(update={"gates": (25,), "window": 0.05, "patience": 0.3})


async def until_waiting(driver: Driver) -> None:
    async with asyncio.timeout(5):
        while driver.state.phase is not Phase.WAITING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_where_it_waits_with_few_requests_it_looks_back_through_the_whole_step(
    tmp_path: Path,
) -> None:
    target = FakeTarget()

    driver = start(tmp_path, target, WAITS)
    task = asyncio.create_task(driver.run())
    await until_waiting(driver)
    target.canary = Figures(requests=9, errors=9)
    await asyncio.sleep(0.5)
    assert driver.state.phase is Phase.WAITING
    assert max(target.windows) > 0.4
    # One more than the failures that a verdict needs.
    target.canary = Figures(requests=11, errors=11)
    async with asyncio.timeout(5):
        assert (await task).phase is Phase.ROLLED_BACK


async def test_where_it_waits_a_source_that_knows_of_no_request_is_borne_for_the_patience(
    tmp_path: Path,
) -> None:
    target = FakeTarget()

    driver = start(tmp_path, target, WAITS)
    task = asyncio.create_task(driver.run())
    await until_waiting(driver)
    target.stable = target.canary = Figures()
    async with asyncio.timeout(5):
        state = await task
    assert state.phase is Phase.ROLLED_BACK
    assert "no request to either version is known" in state.reason


async def test_a_step_bears_a_source_that_knows_of_no_request_for_a_window_and_the_patience(
    tmp_path: Path,
) -> None:
    target = FakeTarget(stable=Figures(), canary=Figures())
    plan = QUICK.model_copy(update={"window": 0.2, "patience": 0.1, "wait": 60.0})

    async def run() -> None:
        async with asyncio.timeout(5):
            state = await start(tmp_path, target, plan).run()
        assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
        assert "no metrics for 0 s: no request to either version is known" in state.reason

    await run()
    record = latest(tmp_path)
    assert record is not None
    judged = [entry.event.held for entry in record.entries if isinstance(entry.event, Judged)]
    assert max(judged) < 0.2


async def test_at_100_the_canary_is_compared_with_the_stable_version_under_all_of_the_load(
    tmp_path: Path,
) -> None:
    target = FakeTarget()
    busy = Figures(requests=1000, p50=8, p99=39)
    before = Observation(seconds=0.001, stable=busy, canary=Figures())

    async def run() -> None:
        task = asyncio.create_task(start(tmp_path, target, before=before).run())
        await wait_for_weight(target, 100)
        target.stable, target.canary = Figures(), busy
        assert (await task).phase is Phase.PROMOTED

    await run()
    record = latest(tmp_path)
    assert record is not None
    assert record.baseline() == before
    reasons = [entry.event.reason for entry in record.entries if isinstance(entry.event, Judged)]
    assert reasons[-1].endswith("stable earlier 100.00%, p50 8 ms, p99 39 ms")


async def test_a_canary_that_its_share_does_not_reach_goes_back(tmp_path: Path) -> None:
    target = FakeTarget(canary=Figures(), stable=Figures(requests=9000, p50=5, p99=20))
    plan = QUICK.model_copy(update={"window": 0.1})
    state = await start(tmp_path, target, plan).run()
    assert state.phase is Phase.ROLLED_BACK
    assert state.reason == "0 requests reached it of about 900 that are its share"
