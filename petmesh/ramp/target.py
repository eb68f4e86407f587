"""What a ramp needs of the place where it runs: set the weights, tell how the versions do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from petmesh.program.plain import plain
from petmesh.ramp.measurements import Observation


class TargetError(Exception):
    """The target can't be asked or changed; the text says why, in one plain line."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text))


class UsageError(TargetError):
    """A mistake in the command; the text names the option, its value and what is allowed."""


@dataclass(frozen=True)
class Release:
    """Who gets which of a service's requests.

    Attributes:
        stable: the version that gets what the canary doesn't.
        canary: the version that is tried out; empty for none.
        weight: the canary's percent of the requests, 0 to 100.
        mirror: the percent of the requests that the canary gets copies of, 0 to 100.
    """

    stable: str
    canary: str
    weight: int = 0
    mirror: int = 0

    def __str__(self) -> str:
        if not self.canary:
            return f"{self.stable} 100%"
        mirrored = f", {self.mirror}% mirrored" if self.mirror else ""
        return f"{self.stable} {100 - self.weight}%, {self.canary} {self.weight}%{mirrored}"

    @property
    def is_raised(self) -> bool:
        """Whether the canary gets any request, copies too."""
        return bool(self.weight or self.mirror)

    @property
    def at_zero(self) -> "Release":
        """The same versions, with every request for the stable one."""
        return Release(self.stable, self.canary)

    @property
    def promoted(self) -> "Release":
        """The canary as the stable version, with no canary beside it."""
        return Release(self.canary, "")

    def due(self, seen: Observation) -> float:
        """How many of the requests that were seen, copies too, are the canary's share."""
        if self.weight:
            return (seen.stable.requests + seen.canary.requests) * self.weight / 100
        return seen.stable.requests * self.mirror / 100


# By service, in the order in which the group has them; a ramp of one service has one.
Releases = Mapping[str, Release]
Observations = Mapping[str, Observation]


def by_service(told: Mapping[str, object], *, named: bool) -> str:
    """What is told of services, in one line, each with its name where that is asked for."""
    return "; ".join(f"{service}: {text}" if named else f"{text}" for service, text in told.items())


class Target(Protocol):
    """A stack, and the services of it that are ramped together.

    Every method raises TargetError where it can't do its work.
    """

    @property
    def looks_before(self) -> int:
        """How many intervals before a ramp may be looked at."""
        ...

    async def releases(self) -> Releases:
        """Who gets which requests now."""
        ...

    async def prepare(self) -> None:
        """See that the stack is fit for a ramp: nothing that lies ready would come with it."""
        ...

    async def apply(self, releases: Releases) -> None:
        """Put releases in force, in one update, and return once they are.

        Whatever was applied before, wholly or not, they hold afterwards. Of a change of the weights
        alone nothing but the routes is touched.
        """
        ...

    async def promote(self, releases: Releases) -> None:
        """Make each release's canary the stable version, with no canary beside it, in one update.

        An old version goes, but not before no route names it.
        """
        ...

    def interrupt(self) -> None:
        """Let a change that is under way end soon, done or not: the ramp goes back."""
        ...

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        """How the releases' versions did in the last so many seconds."""
        ...

    async def close(self) -> None:
        """Let go of what was opened."""
        ...
