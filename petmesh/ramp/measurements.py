"""How the two versions of a release do."""

from collections.abc import Iterable
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
        p50: median latency in milliseconds; None where nothing was answered.
        p99: the latency in milliseconds that 99% stayed within; None where nothing was answered.
    """

    model_config = ConfigDict(frozen=True)

    requests: Count = 0.0
    errors: Count = 0.0
    lost: Count = 0.0
    p50: Milliseconds | None = None
    p99: Milliseconds | None = None

    @property
    def success_rate(self) -> float | None:
        """Percent of the requests that succeeded; None without requests."""
        return 100 * (1 - self.errors / self.requests) if self.requests else None

    def and_lost(self, requests: float) -> "Figures":
        """With further requests, none of which reached it."""
        return Figures(
            requests=self.requests + requests,
            errors=self.errors + requests,
            lost=self.lost + requests,
            p50=self.p50,
            p99=self.p99,
        )


class Observation(BaseModel):
    """Both versions over the same window, which ends now and is `seconds` long."""

    model_config = ConfigDict(frozen=True)

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    stable: Figures
    canary: Figures

    @property
    def share(self) -> float | None:
        """The percent of the requests that the canary got; None without requests."""
        total = self.stable.requests + self.canary.requests
        return 100 * self.canary.requests / total if total else None

    @property
    def stable_rate(self) -> float:
        """The stable version's answered requests per second."""
        answered = self.stable.requests - self.stable.errors
        return answered / self.seconds if self.seconds else 0.0


def baseline(
    before: Observation | None, seen: Iterable[Observation], least: int
) -> Observation | None:
    """What the canary is compared with where the stable version gets too few requests.

    A version's latency rises with its load: at weight 100 the canary bears all of it, which the
    stable version did before the first step, and never since. Only where too little is known from
    then is it the busiest of what was seen since, which may be a retry storm's.

    Args:
        before: what was known before the first step.
        seen: what was observed since.
        least: so many requests to the stable version are enough.
    """
    if before is not None and before.stable.requests >= least:
        return before
    enough = [each for each in seen if each.stable.requests >= least]
    return max(enough, key=lambda each: each.stable_rate, default=before)


@dataclass(frozen=True)
class Lost:
    """Requests that reached no pod and name no version.

    Attributes:
        requests: how many.
        overflowed: of these, how many found pods, but too many requests that waited for them.
    """

    requests: Count
    overflowed: Count = 0.0


def attribute_unrouted(
    stable: Figures, canary: Figures, lost: Lost, weight: int
) -> tuple[Figures, Figures]:
    """Put requests that reached neither version down to the one whose share they are.

    The canary is short of its share by what never reached it; the rest is the stable version's. At
    weight 0 testers alone are sent to the canary: while the stable version answers, what found no
    pod is theirs. What overflowed isn't: they are few.

    Args:
        stable: what is known to be the stable version's.
        canary: what is known to be the canary's.
        lost: what names no version.
        weight: the canary's percent of the requests, 0 to 100.

    Returns:
        The stable version's figures, and the canary's.
    """
    total = stable.requests + canary.requests + lost.requests
    due = total * weight / 100 - canary.requests
    if not weight:
        due = lost.requests - lost.overflowed if stable.requests else 0.0
    own = min(lost.requests, max(0.0, due))
    return stable.and_lost(lost.requests - own), canary.and_lost(own)
