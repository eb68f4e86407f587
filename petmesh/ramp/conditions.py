"""What a canary must hold to, and the verdict on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from petmesh.ramp.confidence import failing, least_difference
from petmesh.ramp.measurements import Figures, Observation

# Five answers beyond it.
_TAIL_REQUESTS = 500
# The routing of single requests is random, but never halves the share of hundreds.
_LEAST_OF_SHARE = 0.5


class Outcome(StrEnum):
    """What a look at the figures says."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class Verdict:
    """An outcome, and why, in one line with figures."""

    outcome: Outcome
    reason: str


_HELD = Verdict(Outcome.PASS, "")
_NO_STABLE = "no figures of the stable version are known yet"


class Conditions(BaseModel):
    """When a canary is good enough. None switches a condition off.

    A success rate below what is asked for fails once it can't be chance any more; until then it is
    not enough data. Chance is measured one-sided, at 99%.

    Attributes:
        min_requests: the canary's requests in the window before a verdict counts.
        min_failures: so many failed requests count before that, where they can't be chance.
        success_rate: lowest success rate of the canary, in percent.
        success_drop: by how many percentage points it may be lower than the stable version's.
        p50_ms, p99_ms: longest latency of the canary, in milliseconds. A p99 of fewer than 500
            answers is noise: no verdict.
        p50_ratio, p99_ratio: how many times as long as the stable version's it may be, which is
            left out of a p99 of fewer than 500 answers of either version ...
        latency_margin_ms: ... but a difference up to so many milliseconds is never too much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_requests: int = Field(default=500, ge=1)
    min_failures: int | None = Field(default=10, ge=1)
    success_rate: float | None = Field(default=99.0, ge=0, le=100)
    success_drop: float | None = Field(default=1.0, ge=0, le=100)
    p50_ms: float | None = Field(default=None, gt=0)
    p99_ms: float | None = Field(default=None, gt=0)
    p50_ratio: float | None = Field(default=1.5, ge=1)
    p99_ratio: float | None = Field(default=1.5, ge=1)
    latency_margin_ms: float = Field(default=10.0, ge=0)

    @property
    def is_relative(self) -> bool:
        """Whether the canary is compared with the stable version."""
        relative = (self.success_drop, self.p50_ratio, self.p99_ratio)
        return any(limit is not None for limit in relative)

    @property
    def comparable(self) -> int:
        """So many requests to the stable version are enough for all that it is compared in."""
        return max(self.min_requests, _TAIL_REQUESTS if self.p99_ratio else 0)


def judge(
    observation: Observation,
    conditions: Conditions,
    baseline: Figures | None,
    due: float = 0.0,
) -> Verdict:
    """The verdict on a canary: a pass needs one of each condition that is asked for.

    Args:
        observation: both versions over one window.
        conditions: what the canary must hold to.
        baseline: the stable version's figures from before; they stand in where it has too few
            requests in the window, as at weight 100.
        due: how many requests the canary should have got in the window; 0 where that isn't known.
    """
    canary = observation.canary
    stable, earlier = observation.stable, ""
    if stable.requests < conditions.min_requests:
        stable, earlier = baseline, " earlier"
    success = _success(canary, stable, earlier, conditions)
    if canary.requests < conditions.min_requests:
        obvious = conditions.min_failures is not None and canary.errors >= conditions.min_failures
        certain = obvious and success.outcome is Outcome.FAIL
        return success if certain else _too_few(canary, conditions, due)
    verdicts = (success, *_latencies(canary, stable, earlier, conditions))
    for outcome in (Outcome.FAIL, Outcome.NOT_ENOUGH_DATA):
        if reasons := [each.reason for each in verdicts if each.outcome is outcome]:
            return Verdict(outcome, "; ".join(dict.fromkeys(reasons)))
    beside = f", stable{earlier} {_summary(stable)}" if stable else ""
    left_out = "".join(f"; {each.reason}" for each in verdicts if each.reason)
    return Verdict(
        Outcome.PASS, f"{canary.requests:.0f} requests: {_summary(canary)}{beside}{left_out}"
    )


def _too_few(canary: Figures, conditions: Conditions, due: float) -> Verdict:
    """No verdict for want of requests, unless far more of them should have reached the canary."""
    if due >= conditions.min_requests and canary.requests < due * _LEAST_OF_SHARE:
        text = f"{canary.requests:.0f} requests reached it of about {due:.0f} that are its share"
        return Verdict(Outcome.FAIL, text)
    failed = f", {canary.errors:.0f} failed{_nowhere(canary)}" if canary.errors else ""
    return Verdict(
        Outcome.NOT_ENOUGH_DATA,
        f"{canary.requests:.0f} of the {conditions.min_requests} requests that a verdict needs"
        f"{failed}",
    )


def _success(
    canary: Figures, stable: Figures | None, earlier: str, conditions: Conditions
) -> Verdict:
    """The verdict on the success rate alone."""
    wanted, drop = conditions.success_rate, conditions.success_drop
    rate = canary.success_rate
    if rate is None:
        return Verdict(Outcome.NOT_ENOUGH_DATA, "no request reached it")
    seen = (canary.errors, canary.requests)
    failed = f"{canary.errors:.0f} of {canary.requests:.0f} failed{_nowhere(canary)}"
    figures = f"success {rate:.2f}% ({failed})"
    broken: list[tuple[bool, str]] = []
    if wanted is not None and rate < wanted:
        certain = 100 - failing(*seen)[0] < wanted
        broken.append((certain, f"at least {wanted:g}% is asked for"))
    beside = None if stable is None else stable.success_rate
    if stable and beside is not None and drop is not None and rate < beside - drop:
        certain = least_difference(seen, (stable.errors, stable.requests)) > drop
        below = f"more than {drop:g} points below stable's{earlier} {beside:.2f}%"
        broken.append((certain, below))
    if certain := [text for sure, text in broken if sure]:
        return Verdict(Outcome.FAIL, f"{figures}, {certain[0]}")
    if broken:
        return Verdict(Outcome.NOT_ENOUGH_DATA, f"{figures}, {broken[0][1]}: it may be chance")
    if drop is not None and beside is None:
        return Verdict(Outcome.NOT_ENOUGH_DATA, _NO_STABLE)
    return _HELD


def _latencies(
    canary: Figures, stable: Figures | None, earlier: str, conditions: Conditions
) -> Iterator[Verdict]:
    """A verdict on each latency that is asked for; that of a pass tells what was left out."""
    for name, limit, ratio, fewest in (
        ("p50", conditions.p50_ms, conditions.p50_ratio, 0),
        ("p99", conditions.p99_ms, conditions.p99_ratio, _TAIL_REQUESTS),
    ):
        own: float | None = getattr(canary, name)
        if limit is None and ratio is None:
            continue
        if canary.requests < fewest:
            asked = Outcome.PASS if limit is None else Outcome.NOT_ENOUGH_DATA
            yield Verdict(asked, f"{name} needs {fewest} answers")
        elif own is None:
            yield Verdict(Outcome.NOT_ENOUGH_DATA, f"its {name} is not known")
        elif limit is not None and own > limit:
            text = f"{name} {own:.3g} ms, at most {limit:g} ms is asked for"
            yield Verdict(Outcome.FAIL, text)
        elif ratio is None:
            yield _HELD
        elif stable is None:
            yield Verdict(Outcome.NOT_ENOUGH_DATA, _NO_STABLE)
        elif stable.requests < fewest:
            text = f"{name} beside stable's needs {fewest} of its answers"
            yield Verdict(Outcome.PASS, text)
        else:
            other: float | None = getattr(stable, name)
            yield _compared((name, own), other, ratio, conditions.latency_margin_ms, earlier)


def _compared(
    latency: tuple[str, float], other: float | None, ratio: float, margin: float, earlier: str
) -> Verdict:
    """The verdict on a latency, by its name and value, beside the stable version's."""
    name, own = latency
    if other is None:
        return Verdict(Outcome.NOT_ENOUGH_DATA, f"stable's{earlier} {name} is not known")
    longest = max(other * ratio, other + margin)
    if own <= longest:
        return _HELD
    beside = f"beside stable's{earlier} {other:.3g} ms"
    text = f"{name} {own:.3g} ms, at most {longest:.3g} ms is asked for {beside}"
    return Verdict(Outcome.FAIL, text)


def _nowhere(figures: Figures) -> str:
    return f", {figures.lost:.0f} of them reached no pod" if figures.lost else ""


def _summary(figures: Figures) -> str:
    rate = figures.success_rate
    success = "no requests" if rate is None else f"{rate:.2f}%"
    latencies = ", ".join(
        f"{name} {value:.3g} ms"
        for name, value in (("p50", figures.p50), ("p99", figures.p99))
        if value is not None
    )
    return f"{success}, {latencies}" if latencies else success
