"""Which requests a ramp judges by: of which window, and how long it bears to know of none."""

import asyncio
from pathlib import Path

from petmesh.ramp.driver import Driver
from petmesh.ramp.events import Judged
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.measurements import Figures, Observation
from tests.unit.ramp.fakes import GOOD, QUICK, SERVICE, FakeTarget, figures, start, wait_for_weight


async def test_each_request_is_judged_once(tmp_path: Path) -> None:
    target = FakeTarget()
    assert (await start(tmp_path, target).run()).phase is Phase.PROMOTED
    record = latest(tmp_path)
    assert record is not None
    judged = [each.event for each in record.entries if isinstance(each.event, Judged)]
    assert {each.observations[SERVICE].canary.requests for each in judged} == {1000}


WAITS = QUICK.model_copy(update={"gates": (25,), "silence": 0.05, "patience": 0.3})


async def until_waiting(driver: Driver) -> None:
    async with asyncio.timeout(5):
        while driver.state.phase is not Phase.WAITING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_where_it_waits_few_requests_are_counted_together(tmp_path: Path) -> None:
    target = FakeTarget()
    driver = start(tmp_path, target, WAITS)
    task = asyncio.create_task(driver.run())
    await until_waiting(driver)
    target.canary = figures(1, 1)
    async with asyncio.timeout(20):
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
    plan = QUICK.model_copy(update={"silence": 0.2, "patience": 0.1, "wait": 60.0})

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
    before = Observation(seconds=0.001, stable=GOOD, canary=Figures())

    async def run() -> None:
        task = asyncio.create_task(start(tmp_path, target, before=({SERVICE: before},)).run())
        await wait_for_weight(target, 100)
        target.stable, target.canary = Figures(), GOOD
        assert (await task).phase is Phase.PROMOTED

    await run()
    record = latest(tmp_path)
    assert record is not None
    assert record.header.before == ({SERVICE: before},)
    reasons = [entry.event.reason for entry in record.entries if isinstance(entry.event, Judged)]
    assert reasons[-1].endswith("stable earlier 100.00%, p50 3.02 ms, p99 5 ms")


async def test_a_canary_that_its_share_does_not_reach_goes_back(tmp_path: Path) -> None:
    target = FakeTarget(canary=Figures(), stable=figures(9000))
    plan = QUICK.model_copy(update={"silence": 0.1})
    state = await start(tmp_path, target, plan).run()
    assert state.phase is Phase.ROLLED_BACK
    assert state.reason.startswith("0 requests reached it of about ")
