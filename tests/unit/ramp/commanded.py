"""The commands as a user gives them, and ramps that were left for them."""

import asyncio
from pathlib import Path

from petmesh.cli.app import main
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from tests.unit.ramp.fakes import QUICK, FakeTarget, start

PLAN = ["--hold", "40ms", "--interval", "20ms", "--warm-up", "0s"]


def left_at_10(folder: Path, target: FakeTarget) -> None:
    """A ramp whose process was killed at weight 10."""

    async def killed() -> None:
        plan = QUICK.model_copy(update={"hold": 60.0})
        task = asyncio.create_task(start(folder, target, plan).run())
        async with target.changed:
            await target.changed.wait_for(lambda: target.live.weight == 10)
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(killed())


def run(folder: Path, *arguments: str) -> int:
    command, *more = arguments
    return main([command, "--journal", str(folder), *more])


def phase(folder: Path) -> Phase:
    record = latest(folder)
    assert record is not None
    return record.state.phase
