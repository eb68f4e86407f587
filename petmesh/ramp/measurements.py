"""How the two versions of a release do."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

# Up to here a float counts whole numbers exactly.
MOST = 2.0**53
Count = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Figures(BaseModel):
    """One version's figures over a window; one that isn't finite is refused.

    Attributes:
        requests: tries that reached the version or were meant to; a source that estimates gives
            fractions.
        errors: of these, how many failed; never more than `requests`.
        lost: of these errors, how many reached no pod.
        answers: how many have a known latency.
        within: of these, how many took no longer than so many milliseconds, by that bound.
        own: what queries of the user's count, by their name: how many were bad, and of how many.
    """

    model_config = ConfigDict(frozen=True)

    requests: Count = 0.0
    errors: Count = 0.0
    lost: Count = 0.0
    answers: Count = 0.0
    within: Mapping[Milliseconds, Count] = Field(default_factory=dict[float, float])
    own: Mapping[str, tuple[Count, Count]] = Field(default_factory=dict[str, tuple[float, float]])

    @property
    def success_rate(self) -> float | None:
        """Percent of the requests that succeeded; None without requests."""
        return 100 * (1 - self.errors / self.requests) if self.requests else None

    @property
    def failing(self) -> float:
        """What part of the requests failed, 0 to 1; 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0

    def counted(self, name: str) -> "Figures":
        """What a query of the user's counts, as requests and errors."""
        bad, total = self.own.get(name, (0.0, 0.0))
        return Figures(requests=total, errors=min(bad, total))

    def quantile(self, part: float) -> float | None:
        """The milliseconds that a part of the answers stayed within; None without answers.

        Between two bounds the answers are taken as evenly spread; beyond the last bound it is that.
        """
        if not self.answers or not self.within:
            return None
        wanted, low, below = part * self.answers, 0.0, 0.0
        for bound in sorted(self.within):
            count = self.within[bound]
            if count >= wanted and count > below:
                return low + (bound - low) * (wanted - below) / (count - below)
            low, below = bound, max(below, count)
        return low

    def slower_than(self, bound: float) -> float:
        """How many answers took longer than one of the bounds."""
        return max(0.0, self.answers - self.within[bound])

    def and_lost(self, requests: float) -> "Figures":
        """With further requests, none of which reached it."""
        return self + Figures(requests=requests, errors=requests, lost=requests)

    def since(self, before: "Figures") -> "Figures":
        """What was added after an earlier look, at least 0: an estimate may be corrected."""
        requests = max(0.0, self.requests - before.requests)
        errors = min(requests, max(0.0, self.errors - before.errors))
        return Figures(
            requests=requests,
            errors=errors,
            lost=min(errors, max(0.0, self.lost - before.lost)),
            answers=max(0.0, self.answers - before.answers),
            within={
                bound: max(0.0, count - before.within.get(bound, 0.0))
                for bound, count in self.within.items()
            },
            own={
                name: _difference(counts, before.own.get(name, (0.0, 0.0)))
                for name, counts in self.own.items()
            },
        )

    def __add__(self, other: "Figures") -> "Figures":
        """Of both together; of the bounds those that both have, unless one has no answers."""
        bounds = self.within.keys() & other.within.keys()
        if not self.answers or not other.answers:
            bounds = self.within.keys() | other.within.keys()
        return Figures(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            lost=self.lost + other.lost,
            answers=self.answers + other.answers,
            within={
                bound: self.within.get(bound, 0.0) + other.within.get(bound, 0.0)
                for bound in sorted(bounds)
            },
            own={
                name: _sum(self.own.get(name, (0.0, 0.0)), other.own.get(name, (0.0, 0.0)))
                for name in sorted(self.own.keys() | other.own.keys())
            },
        )


def _difference(late: tuple[float, float], early: tuple[float, float]) -> tuple[float, float]:
    total = max(0.0, late[1] - early[1])
    return min(total, max(0.0, late[0] - early[0])), total


def _sum(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]


class Observation(BaseModel):
    """Both versions over the same window, which is `seconds` long."""

    model_config = ConfigDict(frozen=True)

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    stable: Figures
    canary: Figures

    @property
    def requests(self) -> float:
        """Requests to either version."""
        return self.stable.requests + self.canary.requests

    @property
    def share(self) -> float | None:
        """The percent of the requests that the canary got; None without requests."""
        return 100 * self.canary.requests / self.requests if self.requests else None

    def since(self, before: "Observation | None") -> "Observation":
        """What was added after an earlier look whose window began at the same moment."""
        if before is None:
            return self
        return Observation(
            seconds=max(0.0, self.seconds - before.seconds),
            stable=self.stable.since(before.stable),
            canary=self.canary.since(before.canary),
        )


@dataclass(frozen=True)
class UnroutedRequests:
    """Requests that reached no pod and name no version.

    Attributes:
        requests: how many.
        overflowed: of these, how many found pods, but too many requests that waited for them.
    """

    requests: Count
    overflowed: Count = 0.0


def attribute_unrouted(
    stable: Figures, canary: Figures, unrouted: UnroutedRequests, weight: int
) -> tuple[Figures, Figures]:
    """Attribute unrouted requests to the version that fell short of its share.

    The canary is short of its share by what never reached it; the rest is the stable version's. At
    weight 0 testers alone are sent to the canary: while the stable version answers, what found no
    pod is theirs. What overflowed isn't: they are few.

    Args:
        stable: what is known to be the stable version's.
        canary: what is known to be the canary's.
        unrouted: what names no version.
        weight: the canary's percent of the requests, 0 to 100.

    Returns:
        The stable version's figures, and the canary's.
    """
    total = stable.requests + canary.requests + unrouted.requests
    due = total * weight / 100 - canary.requests
    if not weight:
        due = unrouted.requests - unrouted.overflowed if stable.requests else 0.0
    own = min(unrouted.requests, max(0.0, due))
    return stable.and_lost(unrouted.requests - own), canary.and_lost(own)
