"""A ramp on a target in memory: what is set when."""

import asyncio
import re
from pathlib import Path

import pytest

from petmesh.ramp import control
from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import Interrupt, Judged, Pause, Resume, RollBack
from petmesh.ramp.journal import Entry
from petmesh.ramp.machine import Phase
from petmesh.ramp.measurements import Figures
from petmesh.ramp.target import Release, Releases
from tests.unit.ramp.fakes import BAD, GOOD, QUICK, FakeTarget, figures, start, wait_for_weight


async def test_a_good_canary_is_promoted_step_by_step(tmp_path: Path) -> None:
    target = FakeTarget()
    state = await start(tmp_path, target).run()
    assert state.phase is Phase.PROMOTED
    assert [each.weight for each in target.changes] == [10, 25, 50, 100, 0]
    assert target.live == Release("v2", "")


async def test_a_bad_canary_gets_weight_0_and_the_reason_says_why(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    state = await start(tmp_path, target).run()
    assert state.phase is Phase.ROLLED_BACK
    assert [each.weight for each in target.changes] == [10, 0]
    assert re.match(r"success 40.00% \([0-9]+ of [0-9]+ failed\), stable 100.00%", state.reason)


class Overloaded(FakeTarget):
    """At weight 100 no stable version is beside a canary that fails 15% under the whole load."""

    async def apply(self, releases: Releases) -> None:
        await super().apply(releases)
        alone = self.live.weight == 100
        self.stable = Figures() if alone else GOOD
        self.canary = figures(errors=150) if alone else GOOD


async def test_what_begins_at_100_is_compared_again_a_step_lower_before_it_goes_back(
    tmp_path: Path,
) -> None:
    target = Overloaded()
    state = await start(tmp_path, target).run()
    assert state.phase is Phase.ROLLED_BACK
    assert [each.weight for each in target.changes] == [10, 25, 50, 100, 50, 100, 0]
    assert state.reason.startswith("success 85.00% ")
    assert "stable earlier 100.00%" in state.reason


async def test_metrics_in_error_past_the_patience_give_weight_0(tmp_path: Path) -> None:
    target = FakeTarget(broken_metrics=True)

    async def run() -> float:
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await wait_for_weight(target, 10)
        begun = asyncio.get_running_loop().time()
        state = await task
        assert state.phase is Phase.ROLLED_BACK
        assert "metrics refused" in state.reason
        return asyncio.get_running_loop().time() - begun

    assert 0.3 <= await run() < 0.6


async def test_a_change_that_fails_gives_weight_0_and_that_is_tried_until_it_is_in_force(
    tmp_path: Path,
) -> None:
    target = FakeTarget(broken_changes=3)
    state = await start(tmp_path, target).run()
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)


async def test_where_weight_0_cannot_be_set_the_ramp_says_that_it_is_stuck(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    plan = QUICK.model_copy(update={"rollback_attempts": 2})

    driver = start(tmp_path, target, plan)
    task = asyncio.create_task(driver.run())
    await wait_for_weight(target, 10)
    target.broken_changes = 9
    state = await task
    assert state.phase is Phase.STUCK
    assert state.reason == "weight 0 could not be set in 2 attempts: change refused"


async def test_an_interrupt_during_a_change_ends_at_0(tmp_path: Path) -> None:
    target = FakeTarget(slowness=0.05)

    driver = start(tmp_path, target)
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.02)
    driver.post(Interrupt())
    state = await task
    assert state.phase is Phase.ROLLED_BACK
    assert [each.weight for each in target.changes] == [10, 0]


async def test_requests_of_other_processes_pause_and_resume_and_roll_back(tmp_path: Path) -> None:
    target = FakeTarget()
    plan = QUICK.model_copy(update={"hold": 1.0})

    with control.held(tmp_path, "stack local"):
        driver = start(tmp_path, target, plan)
        task = asyncio.create_task(driver.run())
        await wait_for_weight(target, 10)
        control.send(tmp_path, "local", Pause())
        await asyncio.sleep(1.5)
        assert (driver.state.phase, target.live.weight) == (Phase.PAUSED, 10)
        control.send(tmp_path, "local", Resume())
        await wait_for_weight(target, 25)
        control.send(tmp_path, "local", RollBack(reason="asked for"))
        assert (await task).phase is Phase.ROLLED_BACK
        assert target.live.weight == 0


def test_one_ramp_at_a_time_and_a_request_without_one_is_refused(tmp_path: Path) -> None:
    with (
        control.held(tmp_path, "stack local"),
        pytest.raises(control.BusyError, match=r"stack local: process [0-9]+ runs a ramp of it"),
        control.held(tmp_path, "stack local"),
    ):
        pass
    with pytest.raises(control.IdleError):
        control.send(tmp_path, "local", Pause())


class Gone:
    """A terminal that nobody looks at any more."""

    def __init__(self) -> None:
        self.told = 0

    def entry(self, entry: Entry) -> None:  # noqa: ARG002
        self.told += 1
        raise BrokenPipeError(32, "Broken pipe")


async def test_a_listener_that_fails_is_dropped_and_the_ramp_goes_on(tmp_path: Path) -> None:
    target, gone = FakeTarget(), Gone()
    state = await start(tmp_path, target, listeners=(gone,)).run()
    assert (state.phase, target.live) == (Phase.PROMOTED, Release("v2", ""))
    assert gone.told == 1


async def test_metrics_that_fail_in_an_unforeseen_way_are_metrics_in_error(tmp_path: Path) -> None:
    target = FakeTarget(broken_metrics=True, error=OverflowError)
    state = await start(tmp_path, target).run()
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    assert "OverflowError: metrics refused" in state.reason


async def test_a_change_that_fails_in_an_unforeseen_way_is_a_failed_change(tmp_path: Path) -> None:
    target = FakeTarget(broken_changes=1, error=KeyError)
    state = await start(tmp_path, target).run()
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    assert "change refused" in state.reason


async def test_a_mistake_of_the_ramp_itself_sets_weight_0_before_it_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(start(tmp_path, target).run())
    await wait_for_weight(target, 10)
    await asyncio.sleep(0)
    target.broken_changes = 1
    monkeypatch.setattr("petmesh.ramp.driver.advance", broken)
    with pytest.raises(ZeroDivisionError):
        await task
    assert target.live.weight == 0


async def test_a_mistake_of_the_ramp_itself_waits_for_no_change_that_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget(slowness=60)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    driver = start(tmp_path, target)
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.05)
    monkeypatch.setattr("petmesh.ramp.driver.advance", broken)
    driver.post(Pause())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, 10)
    assert [each.weight for each in target.changes] == [10, 0]


async def test_going_back_interrupts_a_change_that_is_under_way(tmp_path: Path) -> None:
    target = FakeTarget(slowness=60)

    driver = start(tmp_path, target)
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.05)
    driver.post(RollBack())
    async with asyncio.timeout(30):
        assert (await task).phase is Phase.ROLLED_BACK
    assert target.live.weight == 0


class Stubborn(FakeTarget):
    """A target that can't be interrupted."""

    def interrupt(self) -> None:
        raise OSError


async def test_an_interrupt_that_fails_is_no_reason_not_to_go_back(tmp_path: Path) -> None:
    target = Stubborn(slowness=0.2)

    driver = start(tmp_path, target)
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.05)
    driver.post(RollBack())
    assert (await task).phase is Phase.ROLLED_BACK
    assert target.live.weight == 0


async def test_where_much_fails_it_is_looked_at_again_before_the_next_interval_ends(
    tmp_path: Path,
) -> None:
    alarming = figures(errors=300)
    target = FakeTarget(canary=alarming)
    judged: list[Judged] = []

    class Worse:
        """From the first evaluation on."""

        def entry(self, entry: Entry) -> None:
            if isinstance(entry.event, Judged):
                judged.append(entry.event)
                target.canary = figures(errors=900)

    plan = QUICK.model_copy(update={"interval": 1.0, "hold": 60.0, "patience": 60.0})
    state = await start(tmp_path, target, plan, (Worse(),)).run()
    assert state.phase is Phase.ROLLED_BACK
    assert [each.outcome for each in judged] == [Outcome.NOT_ENOUGH_DATA, Outcome.FAIL]
    first, last = judged
    assert last.held - first.held < plan.interval
