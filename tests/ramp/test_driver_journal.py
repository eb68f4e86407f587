"""A ramp's journal is enough to go on from, wherever its process ended."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from petmesh.project import ROOT
from petmesh.ramp.events import Interrupt, Resume
from petmesh.ramp.journal import JournalError, latest, read
from petmesh.ramp.machine import Phase
from petmesh.ramp.plan import OnInterrupt
from tests.unit.ramp.fakes import QUICK, FakeTarget, details, start, take_over, wait_for_weight


async def test_a_journal_that_cannot_be_written_any_more_gives_weight_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    task = asyncio.create_task(start(tmp_path, target).run())
    await wait_for_weight(target, 10)
    monkeypatch.setattr("os.fsync", full)
    state = await task
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    assert state.reason.endswith("No space left on device")


async def test_an_interrupt_that_pauses_leaves_the_weight_and_a_later_process_goes_on(
    tmp_path: Path,
) -> None:
    target = FakeTarget()
    plan = QUICK.model_copy(update={"on_interrupt": OnInterrupt.PAUSE})

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


@pytest.mark.parametrize("killed_after", range(1, 12))
async def test_killed_after_any_line_the_journal_is_enough_to_go_on(
    tmp_path: Path, killed_after: int
) -> None:
    first = FakeTarget()
    await start(tmp_path / "whole", first).run()
    whole = latest(tmp_path / "whole")
    assert whole is not None
    lines = whole.path.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut" / whole.path.name
    cut.parent.mkdir()
    cut.write_bytes(b"".join(lines[:killed_after]) + lines[killed_after][:7])
    record = read(cut)
    target = FakeTarget(lives=details("v1", "v2", record.state.weight))
    state = await take_over(cut.parent, target, record).run()
    assert state.phase is Phase.PROMOTED
    weights = [each.weight for each in target.changes]
    assert weights[-1] == 0
    assert weights[:-1] == sorted(weights[:-1])
    for line in cut.read_text().splitlines():
        json.loads(line)


async def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    await start(tmp_path, FakeTarget()).run()
    record = latest(tmp_path)
    assert record is not None
    lines = record.path.read_text().splitlines()
    lines[2] = '{"at": "now"}'
    record.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(JournalError, match="line 3 is no ramp's event"):
        read(record.path)


async def test_what_a_full_disk_kept_out_of_the_journal_is_in_it_as_soon_as_there_is_room(
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

    await run()
    record = latest(tmp_path)
    assert record is not None
    assert record.state.phase is Phase.ROLLED_BACK
    assert record.state.reason.endswith("No space left on device")


KILLED = """
import asyncio, json, sys
from pathlib import Path
from petmesh.ramp.target import Release
from tests.unit.ramp.fakes import FakeTarget, QUICK, start

class Kept(FakeTarget):
    async def _change(self, releases):
        await super()._change(releases)
        [release] = releases.values()
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
    target = FakeTarget(lives=details(stable, canary, weight))
    # What is live is what the journal says, or what it says is under way.
    under_way = record.state.weight if record.state.stage < 0 else record.state.stage + 1
    assert target.live.weight in (record.state.weight, under_way)
    assert asyncio.run(take_over(tmp_path, target, record).run()).phase is Phase.PROMOTED
    weights = [each.weight for each in target.changes]
    assert weights[:-1] == sorted(weights[:-1])
