"""What is asked before a ramp moves anything: whether its source answers, and how stable does."""

import asyncio
from collections.abc import Callable

from petmesh.ramp.journal import RampHeader
from petmesh.ramp.measurements import Observation
from petmesh.ramp.target import Target, TargetError

_OBSERVE_SECONDS = 10.0
_BASELINE_SECONDS = 60.0
_UNKNOWN = "nothing was changed, for the figures can't be had"


async def ask_source(header: RampHeader, target: Target, seconds: float) -> Observation:
    """The figures of the last so many seconds, with nobody watching yet.

    Raises:
        TargetError: the source doesn't answer, or with no figures.
    """
    try:
        async with asyncio.timeout(_OBSERVE_SECONDS):
            return await target.observe(header.release(), seconds)
    except TimeoutError as error:
        reason = f"no answer within {_OBSERVE_SECONDS:g} s"
        raise TargetError(f"{_UNKNOWN}: {reason}") from error
    except TargetError as error:
        raise TargetError(f"{_UNKNOWN}: {error}") from error
    except Exception as error:  # a source that can't be read, whatever it says
        raise TargetError(f"{_UNKNOWN}: {type(error).__name__}: {error}") from error


async def observe_baseline(
    header: RampHeader, target: Target, tell: Callable[[str], None]
) -> Observation | None:
    """How the stable version does before the ramp; None where too little is known of it.

    A ramp whose first step is 100 sees no more of the stable version, so where that is compared
    with, it is waited for, for as long as the ramp's window is.

    Args:
        header: the ramp.
        target: where it is to run.
        tell: is told what is waited for.

    Raises:
        TargetError: the source doesn't answer, or too little is known for a first step of 100.
    """
    plan, conditions = header.plan, header.plan.conditions
    needed = plan.steps[0] == plan.steps[-1] and conditions.is_relative
    seconds = plan.window if needed else min(plan.window, _BASELINE_SECONDS)
    until = _now() + plan.window
    seen = await ask_source(header, target, seconds)
    if needed and not _is_known(seen, header, conditions.comparable):
        tell(f"{header.stable} is measured before the switch, {plan.window:g} s at most")
    while needed and not _is_known(seen, header, conditions.comparable) and _now() < until:
        await asyncio.sleep(min(plan.interval, max(0.0, until - _now())))
        seen = await ask_source(header, target, seconds)
    if _is_known(seen, header, conditions.min_requests):
        return seen
    if needed:
        raise TargetError(
            f"{header.stable} had {seen.stable.requests:.0f} requests in {seen.seconds:.0f} s: "
            f"{conditions.min_requests} with their latencies are needed before a switch to 100%, "
            f"to compare {header.canary} with; nothing was changed"
        )
    return None


def _is_known(seen: Observation, header: RampHeader, requests: int) -> bool:
    """Whether the stable version had so many requests, and the latencies to compare are known."""
    stable, conditions = seen.stable, header.plan.conditions
    return (
        stable.requests >= requests
        and not (conditions.p50_ratio and stable.p50 is None)
        and not (conditions.p99_ratio and stable.p99 is None)
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
