"""What a canary must hold to, and the verdict on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from canary.figures import Figures, Observation


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


class Conditions(BaseModel):
    """When a canary is good enough. None switches a condition off.

    Attributes:
        min_requests: the canary's requests in the window before a verdict counts.
        success_rate: lowest success rate of the canary, in percent.
        success_drop: by how many percentage points it may be lower than the stable version's.
        p50_ms, p99_ms: longest latency of the canary, in milliseconds.
        p50_ratio, p99_ratio: how many times as long as the stable version's it may be ...
        latency_margin_ms: ... but a difference up to so many milliseconds is never too much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_requests: int = Field(default=100, ge=1)
    success_rate: float | None = Field(default=99.0, ge=0, le=100)
    success_drop: float | None = Field(default=1.0, ge=0, le=100)
    p50_ms: float | None = Field(default=None, gt=0)
    p99_ms: float | None = Field(default=None, gt=0)
    p50_ratio: float | None = Field(default=1.5, ge=1)
    p99_ratio: float | None = Field(default=1.5, ge=1)
    latency_margin_ms: float = Field(default=10.0, ge=0)


def judge(observation: Observation, conditions: Conditions, baseline: Figures | None) -> Verdict:
    """The verdict on a canary.

    Args:
        observation: both versions over one window.
        conditions: what the canary must hold to.
        baseline: the stable version's figures from when it last had enough requests; it stands in
            where the stable version has too few in the window, as at weight 100.
    """
    canary = observation.canary
    if canary.requests < conditions.min_requests:
        return Verdict(
            Outcome.NOT_ENOUGH_DATA,
            f"{canary.requests:.0f} of the {conditions.min_requests} requests that a verdict needs",
        )
    if _without_latency(canary, conditions):
        return Verdict(Outcome.NOT_ENOUGH_DATA, "no latency is known yet")
    stable, earlier = observation.stable, ""
    if stable.requests < conditions.min_requests:
        stable, earlier = baseline, " earlier"
    problems = [
        *_success_problems(canary, stable, earlier, conditions),
        *_latency_problems(canary, stable, earlier, conditions),
    ]
    if problems:
        return Verdict(Outcome.FAIL, "; ".join(problems))
    if stable is None and _is_relative(conditions):
        return Verdict(Outcome.NOT_ENOUGH_DATA, "no figures of the stable version are known yet")
    beside = f", stable{earlier} {_summary(stable)}" if stable else ""
    return Verdict(Outcome.PASS, f"{canary.requests:.0f} requests: {_summary(canary)}{beside}")


def _is_relative(conditions: Conditions) -> bool:
    relative = (conditions.success_drop, conditions.p50_ratio, conditions.p99_ratio)
    return any(limit is not None for limit in relative)


def _without_latency(canary: Figures, conditions: Conditions) -> bool:
    """Whether answers came, latencies are asked for, and the source knows none."""
    asked = (
        conditions.p50_ms or conditions.p50_ratio,
        conditions.p99_ms or conditions.p99_ratio,
    )
    known = (canary.p50, canary.p99)
    missing = any(limit and value is None for limit, value in zip(asked, known, strict=True))
    return missing and canary.errors < canary.requests


def _success_problems(
    canary: Figures, stable: Figures | None, earlier: str, conditions: Conditions
) -> Iterator[str]:
    rate = canary.success_rate or 0.0
    wanted = conditions.success_rate
    figures = f"{rate:.2f}% ({canary.errors:.0f} of {canary.requests:.0f} failed)"
    if wanted is not None and rate < wanted:
        yield f"success {figures}, at least {wanted:g}% is asked for"
    elif stable and stable.success_rate is not None and conditions.success_drop is not None:
        lowest = stable.success_rate - conditions.success_drop
        if rate < lowest:
            yield (
                f"success {figures}, more than {conditions.success_drop:g} points below "
                f"stable's{earlier} {stable.success_rate:.2f}%"
            )


def _latency_problems(
    canary: Figures, stable: Figures | None, earlier: str, conditions: Conditions
) -> Iterator[str]:
    for name, own, other, limit, ratio in (
        ("p50", canary.p50, stable and stable.p50, conditions.p50_ms, conditions.p50_ratio),
        ("p99", canary.p99, stable and stable.p99, conditions.p99_ms, conditions.p99_ratio),
    ):
        if own is None:
            continue
        if limit is not None and own > limit:
            yield f"{name} {own:.3g} ms, at most {limit:g} ms is asked for"
        elif ratio is not None and other is not None:
            longest = max(other * ratio, other + conditions.latency_margin_ms)
            if own > longest:
                beside = f"beside stable's{earlier} {other:.3g} ms"
                yield f"{name} {own:.3g} ms, at most {longest:.3g} ms is asked for {beside}"


def _summary(figures: Figures) -> str:
    rate = figures.success_rate
    success = "no requests" if rate is None else f"{rate:.2f}%"
    latencies = ", ".join(
        f"{name} {value:.3g} ms"
        for name, value in (("p50", figures.p50), ("p99", figures.p99))
        if value is not None
    )
    return f"{success}, {latencies}" if latencies else success
