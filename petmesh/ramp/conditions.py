"""What a canary must hold to, and what the verdict on it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Compared = Literal["failures", "latency"]


class Outcome(StrEnum):
    """What a look at the figures says.

    With no stable version beside it, a canary that is worse than that ever was is not comparable:
    what breaks both versions looks like its own fault.
    """

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_ENOUGH_DATA = "not enough data"
    NOT_COMPARABLE = "not comparable"


# What lowers the weight, the worst first.
WORSE = (Outcome.FAIL, Outcome.NOT_COMPARABLE)


@dataclass(frozen=True)
class Verdict:
    """An outcome, and why, in one line with figures.

    Attributes:
        clean: whether nothing was seen that speaks against the canary, however little it was.
    """

    outcome: Outcome
    reason: str
    clean: bool = False


class Conditions(BaseModel):
    """When a canary is good enough. None switches a limit off.

    Attributes:
        risk: how many percent of the ramps of a version that holds to everything are taken back all
            the same, at most, over the whole ramp and all conditions together.
        compare: what may be no worse than the stable version's in the same interval.
        min_requests: the canary's requests in a step before it passes.
        warm_up: so many seconds from the canary's first request on its latency isn't judged.
        latency_margin_ms: so many milliseconds slower than the stable version it may be.
        success_rate: lowest success rate of the canary, in percent.
        own: what queries of the user's count, by their name: how many percent of it may be bad, or
            None for no larger a part than the stable version's.
        p50_ms, p99_ms: longest latency of half of, and of 99% of the canary's answers, in
            milliseconds; counted at the next bound of the source's histogram.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    risk: float = Field(default=1.0, gt=0, lt=50)
    compare: tuple[Compared, ...] = ("failures", "latency")
    min_requests: int = Field(default=500, ge=1)
    warm_up: float = Field(default=60.0, ge=0)
    latency_margin_ms: float = Field(default=0.0, ge=0)
    own: Mapping[str, Annotated[float, Field(ge=0, lt=100)] | None] = Field(
        default_factory=dict[str, float | None]
    )
    success_rate: float | None = Field(default=None, ge=0, le=100)
    p50_ms: float | None = Field(default=None, gt=0)
    p99_ms: float | None = Field(default=None, gt=0)
