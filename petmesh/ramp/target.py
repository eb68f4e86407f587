"""What a ramp needs of the place where it runs: set the weight, tell how both versions do."""

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
    """Who gets which requests.

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

    def due(self, seen: Observation) -> float:
        """How many of the requests that were seen, copies too, are the canary's share."""
        if self.weight:
            return (seen.stable.requests + seen.canary.requests) * self.weight / 100
        return seen.stable.requests * self.mirror / 100


class Target(Protocol):
    """A stack whose canary can be ramped.

    Every method raises TargetError where it can't do its work.
    """

    async def release(self) -> Release:
        """Who gets which requests now."""
        ...

    async def prepare(self) -> None:
        """See that the stack is fit for a ramp: nothing that lies ready would come with it."""
        ...

    async def apply(self, release: Release) -> None:
        """Put a release in force, and return once it is.

        Whatever was applied before, wholly or not, it holds afterwards. Of a change of the weight
        alone nothing but the route is touched.
        """
        ...

    async def promote(self, release: Release) -> None:
        """Make a release's canary the stable version, with no canary beside it.

        The old version goes, but not before no route names it.
        """
        ...

    def interrupt(self) -> None:
        """Let a change that is under way end soon, done or not: the ramp goes back."""
        ...

    async def observe(self, release: Release, seconds: float) -> Observation:
        """How a release's versions did in the last so many seconds."""
        ...

    async def close(self) -> None:
        """Let go of what was opened."""
        ...
