"""`python -m bench.ramps.faults`: ramps in a row with random faults, and what they cost.

A request is lost to the ramp if it failed though the canary didn't fail it: more requests of the
load failed than the callers' Envoys count failed answers of the canary, or the stable version's
count of them is not 0. A ramp ends wrongly if it doesn't end, leaves a weight, promotes a bad
version, or takes back a good one that nothing happened to.
"""

import argparse
import asyncio
import contextlib
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ramps.ramps import (
    CANARY,
    MEMBER,
    REHEARSED,
    STABLE,
    WORKLOAD,
    counted,
    load_totals,
    new_ramp,
    reset,
    session_of,
    until_passed,
)
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.driver import Driver
from petmesh.ramp.events import Interrupt, Pause, Resume
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import FINAL, Phase, State
from petmesh.ramp.plan import Plan
from petmesh.ramp.ramping import taken_up
from petmesh.ramp.target import Observations, Release, Releases, Target, TargetError
from petmesh.ramp.targets import OpenTarget, rehearsed

PLAN = Plan(
    steps=(25, 100),
    hold=1.5,
    interval=0.5,
    silence=10.0,
    patience=1.0,
    wait=20.0,
    conditions=Conditions(min_requests=60, warm_up=0.0, latency_margin_ms=80.0, success_rate=98.0),
)


class FaultyTarget:
    """A target whose metrics or next change fail when they are told to.

    Attributes:
        blind: whether the metrics are in error.
        refuse: how many changes fail, every second one after it was done.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.blind = False
        self.refuse = 0

    async def releases(self) -> Releases:
        """As it is."""
        return await self._target.releases()

    async def prepare(self) -> None:
        """As it is."""
        await self._target.prepare()

    async def apply(self, releases: Releases) -> None:
        """Change, or fail."""
        await self._change(self._target.apply, releases)

    async def promote(self, releases: Releases) -> None:
        """Change, or fail."""
        await self._change(self._target.promote, releases)

    def interrupt(self) -> None:
        """The same."""
        self._target.interrupt()

    @property
    def looks_before(self) -> int:
        """As it is."""
        return self._target.looks_before

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """Observe, or fail."""
        if self.blind:
            raise TargetError("the metrics source was switched off")
        return await self._target.observe(releases, seconds)

    async def close(self) -> None:
        """As it is."""
        await self._target.close()

    async def _change(
        self, change: Callable[[Releases], Awaitable[None]], releases: Releases
    ) -> None:
        refused, self.refuse = self.refuse, max(0, self.refuse - 1)
        if refused % 2 == 0:
            await change(releases)
        if refused:
            raise TargetError("the change was made to fail")


@dataclass
class Ramp:
    """One ramp under a fault."""

    place: OpenTarget
    target: FaultyTarget
    driver: Driver
    task: "asyncio.Task[State]"
    folder: Path
    moment: float

    async def reached(self) -> None:
        """Wait for the first weight and the fault's moment, if the ramp lives so long."""
        waiting = asyncio.create_task(until_passed(self.driver, 25, self.moment))
        await asyncio.wait([waiting, self.task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()


async def _none(_: Ramp) -> None:
    """No fault."""


async def _crash(ramp: Ramp) -> None:
    await ramp.reached()
    runtime = session_of(ramp.place).runtime
    for pod in runtime.pods_of(WORKLOAD):
        runtime.faults.crash(pod.name)


async def _blind(ramp: Ramp) -> None:
    await ramp.reached()
    ramp.target.blind = True


async def _refuse(ramp: Ramp) -> None:
    await ramp.reached()
    ramp.target.refuse = random.choice((1, 2, 3))  # noqa: S311
    # Where the promotion is what fails, the ramp pauses at 100 until somebody lets it go on.
    while not (await asyncio.wait([ramp.task], timeout=0.5))[0]:
        if ramp.driver.state.phase is Phase.PAUSED:
            ramp.driver.post(Resume())


async def _interrupt(ramp: Ramp) -> None:
    await ramp.reached()
    ramp.driver.post(Interrupt())


async def _pause(ramp: Ramp) -> None:
    await ramp.reached()
    ramp.driver.post(Pause())
    await asyncio.sleep(1)
    ramp.driver.post(Resume())


async def _kill(ramp: Ramp) -> None:
    """End the ramp without any warning, and let another one take it up from the journal."""
    await ramp.reached()
    ramp.task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ramp.task
    record = latest(ramp.folder)
    if record and record.state.phase not in FINAL:
        run = taken_up(record, await ramp.target.releases(), [Resume()])
        ramp.driver = Driver(run, ramp.target, ramp.folder)
        ramp.task = asyncio.create_task(ramp.driver.run())


_VERSIONS = {
    "errors": lambda: {"FAULT_ERROR_PERCENT": str(random.randint(5, 30))},  # noqa: S311
    "slow": lambda: {"FAULT_DELAY_MILLISECONDS": "200"},
}
_FAULTS = {
    "none": _none,
    "crash": _crash,
    "metrics off": _blind,
    "change fails": _refuse,
    "interrupt": _interrupt,
    "pause": _pause,
    "kill": _kill,
    "kill again": _kill,
}


# What a good version is promoted in spite of.
_HARMLESS = {"none", "pause", "kill", "kill again"}


async def bench(ramps: int, seed: int) -> int:
    """Ramp and print; returns the exit status."""
    random.seed(seed)
    lost = wrong = 0
    async with rehearsed(REHEARSED) as place:
        for number in range(1, ramps + 1):
            requests, ended_well = await one(place, number)
            lost, wrong = lost + requests, wrong + (not ended_well)
        sent, failed = load_totals(place)
    print(
        f"{ramps} ramps, seed {seed}: {sent:,} requests, {failed} failed, {lost} lost to the ramp; "
        f"{wrong} ramps ended wrongly"
    )
    return 1 if lost or wrong else 0


async def one(place: OpenTarget, number: int) -> tuple[int, bool]:
    """One ramp; returns how many requests were lost to it, and whether it ended as it must."""
    await reset(place)
    fault = random.choice([*_VERSIONS, *_FAULTS])  # noqa: S311
    runtime = session_of(place).runtime
    if fault in _VERSIONS:
        await runtime.adjust(WORKLOAD, environment=_VERSIONS[fault]())
    before, (_, failed_before) = await counted(place), load_totals(place)
    with TemporaryDirectory() as folder:
        target = FaultyTarget(place.target)
        driver, journal = new_ramp(PLAN, target, Path(folder))
        moment = random.random() * 3  # noqa: S311
        task = asyncio.create_task(driver.run())
        ramp = Ramp(place, target, driver, task, Path(folder), moment)
        await _FAULTS.get(fault, _none)(ramp)
        state = await ramp.task
        journal.close()
    await asyncio.sleep(0.3)
    after, (_, failed_after) = await counted(place), load_totals(place)
    live = (await place.target.releases())[MEMBER.service]
    for pod in runtime.pods_of(WORKLOAD):
        if fault == "crash":
            await runtime.replace(pod.name)
    failed = failed_after - failed_before
    own = after[CANARY].since(before[CANARY]).errors
    others = after[STABLE].since(before[STABLE]).errors if STABLE in after else 0
    lost = max(0, failed - own) + others
    ended_well = is_as_it_must_be(fault, state, live)
    print(
        f"{number:2}. {fault:12} at {moment:.1f} s: {state.phase.value:11} {live}; "
        f"{failed} failed, {own} of them by {CANARY}; lost {lost}"
        + ("" if ended_well else "; this is not how it must end"),
        flush=True,
    )
    if state.phase is Phase.STUCK:
        print(f"    {state.reason}")
    return lost, ended_well


def is_as_it_must_be(fault: str, state: State, live: Release) -> bool:
    """Whether a ramp ended as it must, and leaves no weight behind."""
    if fault in _VERSIONS:
        ends = {Phase.ROLLED_BACK}
    elif fault in _HARMLESS:
        ends = {Phase.PROMOTED}
    else:
        ends = FINAL
    return state.phase in ends and not live.weight


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bench.ramps.faults", description=__doc__)
    parser.add_argument("--ramps", type=int, default=20, help="default: 20")
    parser.add_argument("--seed", type=int, default=4, help="default: 4")
    options = parser.parse_args()
    try:
        return asyncio.run(bench(options.ramps, options.seed))
    except TargetError as error:
        print(f"petmesh: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
