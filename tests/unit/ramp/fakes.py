"""A target in memory whose canary and whose faults a test decides, and a ramp on it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.driver import Driver, Listener, RampRun
from petmesh.ramp.events import Restarted
from petmesh.ramp.journal import Journal, RampHeader, Record, now
from petmesh.ramp.judge import Judge
from petmesh.ramp.machine import Transition, advance, begin
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Release, TargetError

SERVICE = "petdetailsservice"
BOUNDS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)


def figures(requests: float = 1000, errors: float = 0, *, ms: float = 5) -> Figures:
    """Answers within so many milliseconds, one in a hundred within the fourfold."""
    parts = {bound: (bound >= ms) * 0.99 + (bound >= 4 * ms) * 0.01 for bound in BOUNDS}
    within = {bound: requests * part for bound, part in parts.items()}
    return Figures(requests=requests, errors=errors, answers=requests, within=within)


GOOD, BAD, SLOW = figures(), figures(errors=600), figures(ms=50)


@dataclass
class FakeTarget:
    """Keeps the release in memory."""

    live: Release = field(default_factory=lambda: Release("v1", "v2"))
    canary: Figures = GOOD
    broken_metrics: bool = False
    broken_changes: int = 0
    error: type[Exception] = TargetError
    slowness: float = 0.0
    stable: Figures = GOOD
    windows: list[float] = field(default_factory=list[float])
    seen: list[tuple[float, Observation]] = field(default_factory=list[tuple[float, Observation]])
    changes: list[Release] = field(default_factory=list[Release])
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def service(self) -> str:
        return SERVICE

    async def release(self) -> Release:
        return self.live

    async def prepare(self) -> None:
        pass

    async def apply(self, release: Release) -> None:
        await self._change(release)

    async def promote(self, release: Release) -> None:
        await self._change(Release(release.canary, ""))

    def interrupt(self) -> None:
        self.slowness = 0.0
        self.interrupted.set()

    async def observe(self, release: Release, seconds: float) -> Observation:  # noqa: ARG002
        """Counts what `stable` and `canary` are once more at each look, since so many seconds."""
        self.windows.append(seconds)
        if self.broken_metrics:
            raise self.error("metrics refused")
        now = asyncio.get_running_loop().time()
        self.seen.append((now, Observation(seconds=0, stable=self.stable, canary=self.canary)))
        since = [each for at, each in self.seen if at > now - seconds]
        return Observation(
            seconds=min(seconds, now - self.seen[0][0]),
            stable=sum((each.stable for each in since), Figures()),
            canary=sum((each.canary for each in since), Figures()),
        )

    async def close(self) -> None:
        pass

    async def _change(self, release: Release) -> None:
        if self.slowness:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.interrupted.wait(), self.slowness)
        if self.broken_changes:
            self.broken_changes -= 1
            raise self.error("change refused")
        self.changes.append(release)
        self.live = release
        async with self.changed:
            self.changed.notify_all()


QUICK = Plan(
    hold=0.04, interval=0.02, patience=0.3, conditions=Conditions(min_requests=100, warm_up=0)
)


def start(
    folder: Path,
    target: FakeTarget,
    plan: Plan = QUICK,
    listeners: tuple[Listener, ...] = (),
    before: tuple[Observation, ...] = (),
) -> Driver:
    """A new ramp."""
    header = RampHeader(
        at=now(),
        stack="local",
        service=SERVICE,
        target="fake",
        stable="v1",
        canary="v2",
        plan=plan,
        before=before,
    )
    journal = Journal.create(folder, header)
    return Driver(
        RampRun(header, journal, begin(plan), Judge(plan.conditions, before)),
        target,
        folder,
        listeners,
    )


def take_over(folder: Path, target: FakeTarget, record: Record) -> Driver:
    """A ramp that another process left."""
    journal = Journal.reopen(record)
    live = target.live
    event = Restarted(weight=live.weight, mirror=live.mirror)
    transition: Transition = advance(record.header.plan, record.state, event)
    journal.write(event, transition)
    return Driver(RampRun(record.header, journal, transition, record.judge()), target, folder)


async def wait_for_weight(target: FakeTarget, weight: int) -> None:
    async with asyncio.timeout(5), target.changed:
        await target.changed.wait_for(lambda: target.live.weight == weight)
