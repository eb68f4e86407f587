"""A ramp on a target in memory: what is set when, and what a journal is good for."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from petmesh.project import ROOT
from petmesh.ramp import control
from petmesh.ramp.driver import Driver
from petmesh.ramp.events import Interrupt, Judged, Pause, Resume, RollBack
from petmesh.ramp.journal import Entry, JournalError, latest, read
from petmesh.ramp.machine import Phase
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import OnInterrupt
from petmesh.ramp.target import Release
from tests.ramp.fakes import BAD, QUICK, FakeTarget, start, take_over


async def wait_for_weight(target: FakeTarget, weight: int) -> None:
    async with asyncio.timeout(5), target.changed:
        await target.changed.wait_for(lambda: target.live.weight == weight)


def test_a_good_canary_is_promoted_step_by_step(tmp_path: Path) -> None:
    target = FakeTarget()
    state = asyncio.run(start(tmp_path, target).run())
    assert state.phase is Phase.PROMOTED
    assert [each.weight for each in target.changes] == [10, 25, 50, 100, 0]
    assert target.live == Release("v2", "")


def test_a_bad_canary_gets_weight_0_and_the_reason_says_why(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    state = asyncio.run(start(tmp_path, target).run())
    assert state.phase is Phase.ROLLED_BACK
    assert [each.weight for each in target.changes] == [10, 0]
    assert state.reason == "success 95.00% (50 of 1000 failed), at least 99% is asked for"


def test_metrics_in_error_past_the_patience_give_weight_0(tmp_path: Path) -> None:
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

    assert 0.3 <= asyncio.run(run()) < 0.6


def test_a_change_that_fails_gives_weight_0_and_that_is_tried_until_it_is_in_force(
    tmp_path: Path,
) -> None:
    target = FakeTarget(broken_changes=3)
    state = asyncio.run(start(tmp_path, target).run())
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)


def test_where_weight_0_cannot_be_set_the_ramp_says_that_it_is_stuck(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    plan = QUICK.model_copy(update={"rollback_attempts": 2})

    async def run() -> None:
        driver = start(tmp_path, target, plan)
        task = asyncio.create_task(driver.run())
        await wait_for_weight(target, 10)
        target.broken_changes = 9
        state = await task
        assert state.phase is Phase.STUCK
        assert state.reason == "weight 0 could not be set in 2 attempts: change refused"

    asyncio.run(run())


def test_a_journal_that_cannot_be_written_any_more_gives_weight_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        task = asyncio.create_task(start(tmp_path, target).run())
        await wait_for_weight(target, 10)
        monkeypatch.setattr("os.fsync", full)
        state = await task
        assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
        assert state.reason.endswith("No space left on device")

    asyncio.run(run())


def test_an_interrupt_during_a_change_ends_at_0(tmp_path: Path) -> None:
    target = FakeTarget(slowness=0.05)

    async def run() -> None:
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await asyncio.sleep(0.02)
        driver.post(Interrupt())
        state = await task
        assert state.phase is Phase.ROLLED_BACK
        assert [each.weight for each in target.changes] == [10, 0]

    asyncio.run(run())


def test_requests_of_other_processes_pause_and_resume_and_roll_back(tmp_path: Path) -> None:
    target = FakeTarget()
    plan = QUICK.model_copy(update={"hold": 1.0})

    async def run() -> None:
        with control.held(tmp_path, "local"):
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

    asyncio.run(run())


def test_one_ramp_at_a_time_and_a_request_without_one_is_refused(tmp_path: Path) -> None:
    with (
        control.held(tmp_path, "local"),
        pytest.raises(control.BusyError, match=r"stack local: process [0-9]+ runs a ramp of it"),
        control.held(tmp_path, "local"),
    ):
        pass
    with pytest.raises(control.IdleError):
        control.send(tmp_path, "local", Pause())


def test_an_interrupt_that_pauses_leaves_the_weight_and_a_later_process_goes_on(
    tmp_path: Path,
) -> None:
    target = FakeTarget()
    plan = QUICK.model_copy(update={"on_interrupt": OnInterrupt.PAUSE})

    async def run() -> None:
        driver = start(tmp_path, target, plan)
        driver.post(Interrupt())
        state = await driver.run()
        assert (state.phase, state.weight, target.live.weight) == (Phase.PAUSED, 10, 10)
        record = latest(tmp_path)
        assert record is not None
        assert record.state == state
        successor = take_over(tmp_path, target, record)
        successor.post(Resume())
        assert (await successor.run()).phase is Phase.PROMOTED

    asyncio.run(run())


@pytest.mark.parametrize("killed_after", range(1, 12))
def test_killed_after_any_line_the_journal_is_enough_to_go_on(
    tmp_path: Path, killed_after: int
) -> None:
    first = FakeTarget()
    asyncio.run(start(tmp_path / "whole", first).run())
    whole = latest(tmp_path / "whole")
    assert whole is not None
    lines = whole.path.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut" / whole.path.name
    cut.parent.mkdir()
    cut.write_bytes(b"".join(lines[:killed_after]) + lines[killed_after][:7])
    record = read(cut)
    target = FakeTarget(live=Release("v1", "v2", record.state.weight))
    state = asyncio.run(take_over(cut.parent, target, record).run())
    assert state.phase is Phase.PROMOTED
    weights = [each.weight for each in target.changes]
    assert weights[-1] == 0
    assert weights[:-1] == sorted(weights[:-1])
    for line in cut.read_text().splitlines():
        json.loads(line)


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    asyncio.run(start(tmp_path, FakeTarget()).run())
    record = latest(tmp_path)
    assert record is not None
    lines = record.path.read_text().splitlines()
    lines[2] = '{"at": "now"}'
    record.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(JournalError, match="line 3 is no ramp's event"):
        read(record.path)


class Gone:
    """A terminal that nobody looks at any more."""

    def __init__(self) -> None:
        self.told = 0

    def entry(self, entry: Entry) -> None:  # noqa: ARG002
        self.told += 1
        raise BrokenPipeError(32, "Broken pipe")


def test_a_listener_that_fails_is_dropped_and_the_ramp_goes_on(tmp_path: Path) -> None:
    target, gone = FakeTarget(), Gone()
    state = asyncio.run(start(tmp_path, target, listeners=(gone,)).run())
    assert (state.phase, target.live) == (Phase.PROMOTED, Release("v2", ""))
    assert gone.told == 1


def test_metrics_that_fail_in_an_unforeseen_way_are_metrics_in_error(tmp_path: Path) -> None:
    target = FakeTarget(broken_metrics=True, error=OverflowError)
    state = asyncio.run(start(tmp_path, target).run())
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    assert "OverflowError: metrics refused" in state.reason


def test_a_change_that_fails_in_an_unforeseen_way_is_a_failed_change(tmp_path: Path) -> None:
    target = FakeTarget(broken_changes=1, error=KeyError)
    state = asyncio.run(start(tmp_path, target).run())
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    assert "change refused" in state.reason


def test_a_mistake_of_the_ramp_itself_sets_weight_0_before_it_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        task = asyncio.create_task(start(tmp_path, target).run())
        await wait_for_weight(target, 10)
        await asyncio.sleep(0)
        target.broken_changes = 1
        monkeypatch.setattr("petmesh.ramp.driver.advance", broken)
        with pytest.raises(ZeroDivisionError):
            await task
        assert target.live.weight == 0

    asyncio.run(run())


def test_a_mistake_of_the_ramp_itself_waits_for_no_change_that_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget(slowness=60)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await asyncio.sleep(0.05)
        monkeypatch.setattr("petmesh.ramp.driver.advance", broken)
        driver.post(Pause())
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(task, 10)
        assert [each.weight for each in target.changes] == [10, 0]

    asyncio.run(run())


def test_going_back_interrupts_a_change_that_is_under_way(tmp_path: Path) -> None:
    target = FakeTarget(slowness=60)

    async def run() -> None:
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await asyncio.sleep(0.05)
        driver.post(RollBack())
        async with asyncio.timeout(5):
            assert (await task).phase is Phase.ROLLED_BACK
        assert target.live.weight == 0

    asyncio.run(run())


def test_no_request_counts_in_two_failures(tmp_path: Path) -> None:
    target = FakeTarget(canary=BAD)
    plan = QUICK.model_copy(update={"interval": 0.1, "failures": 3})
    assert asyncio.run(start(tmp_path, target, plan).run()).phase is Phase.ROLLED_BACK
    assert target.windows == pytest.approx([0.1, 0.1, 0.1], abs=0.05)


WAITS = QUICK.model_copy(update={"gates": (25,), "window": 0.05, "patience": 0.3})


async def until_waiting(driver: Driver) -> None:
    async with asyncio.timeout(5):
        while driver.state.phase is not Phase.WAITING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_where_it_waits_with_few_requests_it_looks_back_through_the_whole_step(
    tmp_path: Path,
) -> None:
    target = FakeTarget()

    async def run() -> None:
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

    asyncio.run(run())


def test_where_it_waits_a_source_that_knows_of_no_request_is_borne_for_the_patience(
    tmp_path: Path,
) -> None:
    target = FakeTarget()

    async def run() -> None:
        driver = start(tmp_path, target, WAITS)
        task = asyncio.create_task(driver.run())
        await until_waiting(driver)
        target.stable = target.canary = Figures()
        async with asyncio.timeout(5):
            state = await task
        assert state.phase is Phase.ROLLED_BACK
        assert "no request to either version is known" in state.reason

    asyncio.run(run())


def test_a_step_bears_a_source_that_knows_of_no_request_for_a_window_and_the_patience(
    tmp_path: Path,
) -> None:
    target = FakeTarget(stable=Figures(), canary=Figures())
    plan = QUICK.model_copy(update={"window": 0.2, "patience": 0.1, "wait": 60.0})

    async def run() -> None:
        async with asyncio.timeout(5):
            state = await start(tmp_path, target, plan).run()
        assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
        assert "no metrics for 0 s: no request to either version is known" in state.reason

    asyncio.run(run())
    record = latest(tmp_path)
    assert record is not None
    judged = [entry.event.held for entry in record.entries if isinstance(entry.event, Judged)]
    assert max(judged) < 0.2


def test_at_100_the_canary_is_compared_with_the_stable_version_under_all_of_the_load(
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

    asyncio.run(run())
    record = latest(tmp_path)
    assert record is not None
    assert record.baseline() == before
    reasons = [entry.event.reason for entry in record.entries if isinstance(entry.event, Judged)]
    assert reasons[-1].endswith("stable earlier 100.00%, p50 8 ms, p99 39 ms")


def test_a_canary_that_its_share_does_not_reach_goes_back(tmp_path: Path) -> None:
    target = FakeTarget(canary=Figures(), stable=Figures(requests=9000, p50=5, p99=20))
    plan = QUICK.model_copy(update={"window": 0.1})
    state = asyncio.run(start(tmp_path, target, plan).run())
    assert state.phase is Phase.ROLLED_BACK
    assert state.reason == "0 requests reached it of about 900 that are its share"


class Stubborn(FakeTarget):
    """A target that can't be interrupted."""

    def interrupt(self) -> None:
        raise OSError


def test_an_interrupt_that_fails_is_no_reason_not_to_go_back(tmp_path: Path) -> None:
    target = Stubborn(slowness=0.2)

    async def run() -> None:
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await asyncio.sleep(0.05)
        driver.post(RollBack())
        assert (await task).phase is Phase.ROLLED_BACK
        assert target.live.weight == 0

    asyncio.run(run())


def test_what_a_full_disk_kept_out_of_the_journal_is_in_it_as_soon_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget(slowness=0.05)
    sync = os.fsync

    def full(_: int) -> None:
        monkeypatch.setattr("os.fsync", sync)
        raise OSError(28, "No space left on device")

    async def run() -> None:
        task = asyncio.create_task(start(tmp_path, target).run())
        await wait_for_weight(target, 10)
        monkeypatch.setattr("os.fsync", full)
        assert (await task).phase is Phase.ROLLED_BACK

    asyncio.run(run())
    record = latest(tmp_path)
    assert record is not None
    assert record.state.phase is Phase.ROLLED_BACK
    assert record.state.reason.endswith("No space left on device")


KILLED = """
import asyncio, json, sys
from pathlib import Path
from petmesh.ramp.target import Release
from tests.ramp.fakes import FakeTarget, QUICK, start

class Kept(FakeTarget):
    async def _change(self, release):
        await super()._change(release)
        new = Path(sys.argv[1], "live.new")
        new.write_text(json.dumps([release.stable, release.canary, release.weight]))
        new.rename(Path(sys.argv[1], "live"))

plan = QUICK.model_copy(update={"steps": tuple(range(1, 101)), "hold": 0.0, "interval": 0.01})
print("begun", flush=True)
asyncio.run(start(Path(sys.argv[1]), Kept(), plan).run())
"""


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.45])
def test_a_process_that_is_killed_leaves_a_journal_to_go_on_from(
    tmp_path: Path, seconds: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    time.sleep(seconds)
    process.kill()
    process.wait(10)
    process.stdout.close()
    record = latest(tmp_path)
    if record is None:
        return
    kept = tmp_path / "live"
    stable, canary, weight = json.loads(kept.read_text() if kept.exists() else '["v1", "v2", 0]')
    target = FakeTarget(live=Release(stable, canary, weight))
    # What is live is what the journal says, or what it says is under way.
    under_way = record.state.weight if record.state.stage < 0 else record.state.stage + 1
    assert target.live.weight in (record.state.weight, under_way)
    assert asyncio.run(take_over(tmp_path, target, record).run()).phase is Phase.PROMOTED
    weights = [each.weight for each in target.changes]
    assert weights[:-1] == sorted(weights[:-1])
