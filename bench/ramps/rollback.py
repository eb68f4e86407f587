"""`python -m bench.ramps.rollback`: from the first bad request to weight 0 in force at Envoy.

The canary's process is killed while it gets half of the requests. From that moment its sidecar
answers 503, so that the kill is at most a request's distance before the first request that violates
the condition. Weight 0 is in force once every Envoy says that it uses the new route.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ramps.ramps import (
    CANARY,
    REHEARSED,
    WORKLOAD,
    counted,
    new_ramp,
    reset,
    session_of,
    until_passed,
)
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.journal import Entry
from petmesh.ramp.machine import Phase
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import TargetError
from petmesh.ramp.targets import OpenTarget, rehearsed

INTERVAL = 1.0
ALLOWED = INTERVAL + 2.0
PLAN = Plan(
    steps=(50, 100),
    hold=120.0,
    interval=INTERVAL,
    silence=5.0,
    conditions=Conditions(min_requests=50, compare=("failures",)),
)


class _Watch:
    """When a ramp began to go back, and when it was back."""

    def __init__(self) -> None:
        self.decided = self.in_force = 0.0

    def entry(self, entry: Entry) -> None:
        if entry.state.phase is Phase.ROLLING_BACK and not self.decided:
            self.decided = time.monotonic()
        elif entry.state.phase is Phase.ROLLED_BACK:
            self.in_force = time.monotonic()


async def measure(place: OpenTarget, rounds: int) -> list[float]:
    """The seconds of each round."""
    seconds: list[float] = []
    for number in range(1, rounds + 1):
        await reset(place)
        with TemporaryDirectory() as folder:
            watch = _Watch()
            driver, journal = new_ramp(PLAN, place.target, Path(folder), [watch])
            ramp = asyncio.create_task(driver.run())
            # Anywhere between two evaluations.
            await until_passed(driver, 50, 2 + random.random() * INTERVAL)  # noqa: S311
            runtime = session_of(place).runtime
            [pod] = runtime.pods_of(WORKLOAD)
            begun = time.monotonic()
            runtime.faults.crash(pod.name)
            state = await ramp
            journal.close()
            if watch.decided < begun:
                raise TargetError(f"round {number}: it went back by itself: {state.reason}")
            after = await counted(place)
            await asyncio.sleep(0.5)
            late = (await counted(place))[CANARY].since(after[CANARY]).requests
            await runtime.replace(pod.name)
        seconds.append(watch.in_force - begun)
        print(
            f"round {number}: decided after {watch.decided - begun:.2f} s, "
            f"weight 0 in force after {seconds[-1]:.2f} s, {late} requests under way ended later"
        )
    return seconds


async def bench(rounds: int) -> int:
    """Measure and print; returns the exit status."""
    async with rehearsed(REHEARSED) as place:
        seconds = await measure(place, rounds)
    slowest = max(seconds)
    print(
        f"{rounds} rounds, evaluated every {INTERVAL:g} s: "
        f"median {statistics.median(seconds):.2f} s, slowest {slowest:.2f} s; allowed {ALLOWED:g} s"
    )
    return 0 if slowest <= ALLOWED else 1


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bench.ramps.rollback", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    try:
        return asyncio.run(bench(parser.parse_args().rounds))
    except TargetError as error:
        print(f"petmesh: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
