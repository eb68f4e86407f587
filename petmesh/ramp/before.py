"""What a ramp needs before it moves anything: a source that answers, and stable's figures."""

import asyncio
from collections.abc import Callable, Sequence

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.header import RampHeader
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.schedule import Clock, is_open, utc_now
from petmesh.ramp.target import Observations, Target, TargetError

_OBSERVE_SECONDS = 10.0
_HISTORY_SECONDS = 30.0
_AT_ONCE = 8
_LOOK_SECONDS = 1.0
_UNKNOWN = "nothing was changed, for the figures can't be had"


async def ask_source(header: RampHeader, target: Target, seconds: float) -> Observations:
    """The figures of the last so many seconds, with nobody watching yet.

    Raises:
        TargetError: the source doesn't answer, or with no figures.
    """
    try:
        async with asyncio.timeout(_OBSERVE_SECONDS):
            return await target.observe(header.releases(), seconds)
    except TimeoutError as error:
        reason = f"no answer within {_OBSERVE_SECONDS:g} s"
        raise TargetError(f"{_UNKNOWN}: {reason}") from error
    except TargetError as error:
        raise TargetError(f"{_UNKNOWN}: {error}") from error
    except Exception as error:  # a source that can't be read, whatever it says
        raise TargetError(f"{_UNKNOWN}: {type(error).__name__}: {error}") from error


async def until_open(
    header: RampHeader,
    tell: Callable[[str], None],
    clock: Clock = utc_now,
) -> None:
    """Wait for a time in which the ramp may move.

    Args:
        header: the ramp.
        tell: is told what is waited for.
        clock: the time with its zone.
    """
    windows = header.plan.windows
    if not is_open(windows, clock()):
        tell(f"waits for {' or '.join(windows)}")
    while not is_open(windows, clock()):  # noqa: ASYNC110 (it is the time that is waited for)
        await asyncio.sleep(_LOOK_SECONDS)


async def observe_before(
    header: RampHeader, target: Target, tell: Callable[[str], None]
) -> tuple[Observations, ...]:
    """How the versions did before the ramp, interval by interval, the latest last.

    How much the stable version's intervals vary tells how soon a difference is more than that. A
    ramp whose first step is 100 sees no more of the stable version, so where that is compared with,
    it is waited for, for as long as its source may be silent.

    Args:
        header: the ramp.
        target: where it is to run.
        tell: is told what is waited for.

    Raises:
        TargetError: the source doesn't answer, or too little is known for a first step of 100.
    """
    plan, conditions = header.plan, header.plan.conditions
    needed = plan.steps[0] == plan.steps[-1] and conditions.compare
    until = _now() + plan.silence
    seen = await _history(header, target)
    if needed and not _is_known(seen, header):
        tell(f"{header.stable} is measured before the switch, {plan.silence:g} s at most")
    while needed and not _is_known(seen, header) and _now() < until:
        await asyncio.sleep(min(plan.interval, max(0.0, until - _now())))
        seen = await _history(header, target)
    for member in header.members if needed else ():
        known = [each[member.service] for each in seen]
        if not _is_enough(known, conditions):
            of = f"{member.service} " if header.is_group else ""
            raise TargetError(
                f"{of}{member.stable} had {_stable(known).requests:.0f} requests in "
                f"{sum(each.seconds for each in known):.0f} s: {conditions.min_requests} with "
                "their latencies are needed before a switch to 100%, "
                f"to compare {member.canary} with; nothing was changed"
            )
    called = [
        {service: each for service, each in interval.items() if each.stable.requests}
        for interval in seen
    ]
    return tuple(filter(None, called))


async def _history(header: RampHeader, target: Target) -> Sequence[Observations]:
    """The last intervals, from looks that reach back ever further.

    They are fewer where that takes long, or where the source doesn't answer a look.
    """
    interval = header.plan.interval
    looks = [await ask_source(header, target, interval)]
    until = _now() + _HISTORY_SECONDS
    while len(looks) < target.looks_before and _now() < until:
        backs = range(len(looks) + 1, min(len(looks) + _AT_ONCE, target.looks_before) + 1)
        try:
            looks += await asyncio.gather(
                *(ask_source(header, target, back * interval) for back in backs)
            )
        except TargetError:
            break
        # It may know of no earlier time.
        known = [
            each
            for back, each in enumerate(looks, 1)
            if min(one.seconds for one in each.values()) > (back - 0.5) * interval
        ]
        if len(known) < len(looks):
            looks = known or looks[:1]
            break
    pairs = zip([{}, *looks], looks, strict=False)
    return [
        {service: each.since(shorter.get(service)) for service, each in longer.items()}
        for shorter, longer in pairs
    ][::-1]


def _is_known(seen: Sequence[Observations], header: RampHeader) -> bool:
    """Whether enough is known of every stable version."""
    return all(
        _is_enough([each[service] for each in seen], header.plan.conditions)
        for service in header.services
    )


def _is_enough(seen: list[Observation], conditions: Conditions) -> bool:
    """Whether the stable version had enough requests, and the latencies to compare are known."""
    stable = _stable(seen)
    latencies = "latency" in conditions.compare
    return stable.requests >= conditions.min_requests and (
        not latencies or stable.quantile(0.5) is not None
    )


def _stable(seen: list[Observation]) -> Figures:
    return sum((each.stable for each in seen), Figures())


def _now() -> float:
    return asyncio.get_running_loop().time()
