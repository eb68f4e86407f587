"""A target in memory whose canary and whose faults a test decides, and a ramp on it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.driver import Driver, Listener, RampRun
from petmesh.ramp.events import Restarted
from petmesh.ramp.header import Member, RampHeader, members_of
from petmesh.ramp.journal import Journal, Record, now
from petmesh.ramp.kept import Kept
from petmesh.ramp.machine import Transition, advance, begin
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Observations, Release, Releases, TargetError

SERVICE = "petdetailsservice"
MEMBERS = (Member(service=SERVICE, stable="v1", canary="v2"),)
BOUNDS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)


def figures(requests: float = 1000, errors: float = 0, *, ms: float = 5) -> Figures:
    """Answers within so many milliseconds, one in a hundred within the fourfold."""
    parts = {bound: (bound >= ms) * 0.99 + (bound >= 4 * ms) * 0.01 for bound in BOUNDS}
    within = {bound: requests * part for bound, part in parts.items()}
    return Figures(requests=requests, errors=errors, answers=requests, within=within)


def details(stable: str, canary: str, weight: int = 0, mirror: int = 0) -> Releases:
    """The release of the one service that most ramps here are of."""
    return {SERVICE: Release(stable, canary, weight, mirror)}


GOOD, BAD, SLOW = figures(), figures(errors=600), figures(ms=50)


@dataclass
class FakeTarget:
    """Keeps the releases in memory: of one service, or of those that `group` names.

    Attributes:
        live: the release of the first service; setting it sets that of every one.
        canaries: the figures of each service's canary that has others than `canary`.
    """

    broken_metrics: bool = False
    broken_changes: int = 0
    canary: Figures = GOOD
    error: type[Exception] = TargetError
    slowness: float = 0.0
    stable: Figures = GOOD
    group: tuple[str, ...] = (SERVICE,)
    canaries: dict[str, Figures] = field(default_factory=dict[str, Figures])
    keeps: Kept | None = None
    opened: int = 0
    lives: Releases = field(default_factory=dict[str, Release])
    windows: list[float] = field(default_factory=list[float])
    seen: list[tuple[float, Observations]] = field(default_factory=list[tuple[float, Observations]])
    updates: list[Releases] = field(default_factory=list[Releases])
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.lives = self.lives or dict.fromkeys(self.group, Release("v1", "v2"))

    @property
    def live(self) -> Release:
        return self.lives[self.group[0]]

    @live.setter
    def live(self, release: Release) -> None:
        self.lives = dict.fromkeys(self.group, release)

    @property
    def changes(self) -> list[Release]:
        """What every service became with each update, in which they never part."""
        for each in self.updates:
            assert len({*each.values()}) == 1
        return [each[self.group[0]] for each in self.updates]

    def choose(self, service: str, group: str) -> None:
        """Be the target of a service, or of a group's services."""
        self.opened += 1
        names = (service,) if service else tuple(filter(None, group.split(",")))
        names = names or (SERVICE,)
        if names != self.group:
            self.lives, self.group, self.seen = dict.fromkeys(names, self.live), names, []

    async def services(self) -> tuple[str, ...]:
        return self.group

    async def releases(self) -> Releases:
        return self.lives

    async def prepare(self) -> None:
        pass

    async def apply(self, releases: Releases) -> None:
        await self._change(releases)

    async def promote(self, releases: Releases) -> None:
        await self._change({service: each.promoted for service, each in releases.items()})

    async def restore(self) -> Releases:
        """Go back to v1, which every promotion here keeps."""
        await self._change(dict.fromkeys(self.group, Release("v1", "")))
        return self.lives

    async def kept(self) -> dict[str, Kept]:
        """What every service keeps."""
        return {service: self.keeps for service in self.group if self.keeps}

    looks_before = 120

    def interrupt(self) -> None:
        self.slowness = 0.0
        self.interrupted.set()

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """Counts what `stable` and `canary` are once more at each look, since so many seconds."""
        self.windows.append(seconds)
        if self.broken_metrics:
            raise self.error("metrics refused")
        now = asyncio.get_running_loop().time()
        look = {
            service: Observation(
                seconds=0, stable=self.stable, canary=self.canaries.get(service, self.canary)
            )
            for service in releases
        }
        self.seen.append((now, look))
        since = [each for at, each in self.seen if at > now - seconds]
        return {
            service: Observation(
                seconds=min(seconds, now - self.seen[0][0]),
                stable=sum((each[service].stable for each in since), Figures()),
                canary=sum((each[service].canary for each in since), Figures()),
            )
            for service in releases
        }

    async def close(self) -> None:
        pass

    async def _change(self, releases: Releases) -> None:
        if self.slowness:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.interrupted.wait(), self.slowness)
        if self.broken_changes:
            self.broken_changes -= 1
            raise self.error("change refused")
        self.updates.append(releases)
        self.lives = {**self.lives, **releases}
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
    before: tuple[Observations, ...] = (),
) -> Driver:
    """A new ramp."""
    header = RampHeader(
        at=now(),
        stack="local",
        target="fake",
        group="checkout" if len(target.group) > 1 else "",
        members=members_of(target.lives),
        plan=plan,
        before=before,
    )
    journal = Journal.create(folder, header)
    return Driver(
        RampRun(header, journal, begin(plan), header.judge()),
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
