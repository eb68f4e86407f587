"""What an interval tells of the failures and of the latencies of two versions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from petmesh.ramp.evidence import Interval, beyond, compared, learned
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.spreads import PAST_FAILURES, PAST_LATENCIES, Floats

# So large a part more of the requests that fail, or of the answers that are slow. A version that is
# worse by one of these has a half of that at least.
_MORE = (0.002, 0.005, 0.01, 0.02, 0.04, 0.075, 0.15, 0.4, 1.0)
_AT_LEAST = 0.5
# What is usual is no less than this, and where no more is known, such a part of what fails; a few
# bad answers more or less say nothing of it.
_LEAST_USUAL, _UNKNOWN, _FEW = 0.0002, 0.1, 2.0
# Of a canary that fails everything some answer may be good.
_NEARLY_ALL = 0.999
# By how much the odds that an answer was the canary's grow as its rank does by 1: so many times as
# much as where all answers take a quarter longer. What is less than half as slow as that is never
# found to be slower: the nodes of identical versions' pods differ by as much.
_SLOWER, _LONGER = (1.0, 1.7, 2.8, 4.7, 8.0, 13.0, 22.0, 37.0, 60.0), 1.25
_LEAST_SLOWER, _MOST_SLOWER = 0.1, 1.0
# Where the past shows fewer bad answers than this, neither version had trouble of its own.
_EVEN = 0.002
_NEARLY_AT_ONCE = 1e-6


def beside(canary: Figures, stable: Figures, known: Figures) -> Iterator[tuple[str, Interval]]:
    """What an interval says of a version beside another, by the evidence that it belongs to."""
    for name, (compare, _) in _COMPARISONS.items():
        yield name, compare(canary, stable, known)


def learned_before(past: Sequence[Observation]) -> dict[str, Floats]:
    """How likely each spread is after the stable version's past, for each evidence of `beside`."""
    known = sum((each.stable for each in past), Figures())
    return {
        name: learned(
            [
                compare(seen, others, known, itself=True)
                for seen, others in _held_against(past, looked_at.apart)
            ],
            looked_at,
        )
        for name, (compare, looked_at) in _COMPARISONS.items()
    }


def _held_against(past: Sequence[Observation], apart: int) -> Iterator[tuple[Figures, Figures]]:
    """Each interval, and as much of as long before and after: what changes steadily is in both."""
    for early, seen, late in zip(past, past[apart:], past[2 * apart :], strict=False):
        fewer = min(early.stable.requests, late.stable.requests)
        yield seen.stable, _part(early.stable, fewer) + _part(late.stable, fewer)


def more_failures(
    canary: Figures, stable: Figures, known: Figures, *, itself: bool = False
) -> Interval:
    """Whether more of the canary's requests fail than of the stable version's.

    Args:
        canary: one version's figures of the interval.
        stable: the other's, of the same interval.
        known: the stable version's until now, and both of this interval.
        itself: whether one version is held against itself, which is never worse; where hardly any
            requests failed, they are taken as evenly divided.
    """
    requests, errors = canary.requests + stable.requests, canary.errors + stable.errors
    degrees, even = ((), _EVEN) if itself else (_MORE, 0.0)
    if not requests:
        return compared((), 0.0, degrees)
    share = canary.requests / requests
    besides = max(0.0, even * requests - errors)
    bad, own = errors + besides, canary.errors + besides * share
    failing = bad / requests
    groups = ((bad, own, 1 - failing), (requests - bad, canary.requests - own, -failing))
    earlier = max(0.0, known.requests - requests)
    before = max(0.0, known.errors - errors) / earlier if earlier else _UNKNOWN * failing
    usual = max(before, _LEAST_USUAL)
    seen = (bad + _FEW) / (requests + _FEW / usual)
    # The canary's excess is among what is seen.
    others = [max(seen - share * more, min(seen, usual) / 2) for more in degrees]
    tilts = [
        _logit(min(part + more, _NEARLY_ALL)) - _logit(min(part, _NEARLY_ALL / 2))
        for more, part in zip(degrees, others, strict=True)
    ]
    least = _AT_LEAST * canary.requests * np.array([0.0, *degrees])
    return replace(compared(groups, share, tilts), bad=errors, least=least)


def _logit(part: float) -> float:
    return math.log(part / (1 - part))


def slower(canary: Figures, stable: Figures, known: Figures, *, itself: bool = False) -> Interval:
    """Whether the canary's answers are slower than the stable version's: Wilcoxon's rank sums.

    Args:
        canary: as of `more_failures`.
        stable: as there.
        known: as there; an answer's score is the rank of its bucket among these.
        itself: as there.
    """
    bounds = _common_bounds(canary, stable, known)
    total = canary.answers + stable.answers
    if not bounds or not canary.answers or not stable.answers:
        return compared((), 0.0, () if itself else _SLOWER)
    own = _buckets(canary, bounds)
    counts = [mine + others for mine, others in zip(own, _buckets(stable, bounds), strict=True)]
    scores = _ranks(_buckets(known, bounds))
    degrees = () if itself else [each * _of_longer(known, bounds, scores) for each in _SLOWER]
    mean = sum(count * score for count, score in zip(counts, scores, strict=True)) / total
    groups = [
        (count, mine, score - mean)
        for count, mine, score in zip(counts, own, scores, strict=True)
        if count
    ]
    return compared(groups, canary.answers / total, degrees)


def more_beyond(
    canary: Figures, stable: Figures, known: Figures, *, part: float, itself: bool = False
) -> Interval:
    """Whether more of the canary's answers are among the slowest.

    Args:
        canary: as of `more_failures`.
        stable: as there.
        known: as there.
        part: these are beyond the first bound within which so large a part of the known ones was.
        itself: as there.
    """
    bounds = _common_bounds(canary, stable, known)
    if not bounds:
        return compared((), 0.0, () if itself else _MORE)
    bound = next((b for b in bounds if known.within[b] >= part * known.answers), bounds[-1])
    slow = (
        Figures(requests=each.answers, errors=each.slower_than(bound))
        for each in (canary, stable, known)
    )
    return more_failures(*slow, itself=itself)


_COMPARISONS = {
    "failures": (more_failures, PAST_FAILURES),
    "latency": (slower, PAST_LATENCIES),
    "slowest": (partial(more_beyond, part=0.97), PAST_LATENCIES),
    "farthest": (partial(more_beyond, part=0.999), PAST_LATENCIES),
}


def more_than(bad: float, total: float, allowed: float) -> Interval:
    """Whether a larger part is bad than may be.

    Args:
        bad: at most `total`.
        total: of requests or answers.
        allowed: what may be; 0 and 1 are taken as a little more and less.
    """
    allowed = min(max(allowed, 1e-6), 1 - 1e-6)
    tilts = [math.log1p(more / allowed) for more in _MORE]
    return beyond(bad, total, allowed, tilts)


def _part(figures: Figures, requests: float) -> Figures:
    """Figures of so many requests that are like these."""
    part = requests / figures.requests if figures.requests else 0.0
    return Figures(
        requests=part * figures.requests,
        errors=part * figures.errors,
        answers=part * figures.answers,
        within={bound: part * count for bound, count in figures.within.items()},
    )


def _common_bounds(canary: Figures, stable: Figures, known: Figures) -> list[float]:
    return sorted(canary.within.keys() & stable.within.keys() & known.within.keys())


def _buckets(figures: Figures, bounds: Sequence[float]) -> list[float]:
    """How many answers there are up to each bound and beyond the last one."""
    within = [0.0, *(figures.within[bound] for bound in bounds), figures.answers]
    return [max(0.0, upper - lower) for lower, upper in pairwise(within)]


def _ranks(counts: Sequence[float]) -> list[float]:
    """Each bucket's rank among all answers, with the variance 1 where no bucket holds many."""
    total, before = sum(counts), 0.0
    ranks: list[float] = []
    for count in counts:
        ranks.append(math.sqrt(12) * (before + count / 2) / total if total else 0.0)
        before += count
    return ranks


def _of_longer(figures: Figures, bounds: Sequence[float], scores: Sequence[float]) -> float:
    """By how much the odds grow with a score where all answers take a quarter longer.

    How many answers then pass a bound is told by how dense they are on both sides of it, on a
    logarithmic scale on which the first bucket and the last are as wide as a factor of e.
    """
    counts = np.array(_buckets(figures, bounds))
    edges = np.log(np.maximum(bounds, _NEARLY_AT_ONCE))
    density = counts / np.array([1.0, *np.diff(edges), 1.0])
    passing = math.log(_LONGER) * np.sqrt(density[:-1] * density[1:])
    variance = float(counts @ np.square(scores)) - float(counts @ scores) ** 2 / figures.answers
    growth = float(passing @ np.diff(scores)) / variance if variance > 0 else _MOST_SLOWER
    return min(max(growth, _LEAST_SLOWER), _MOST_SLOWER)


def later(figures: Figures, margin: float) -> Figures:
    """The figures if each answer had taken longer by so many milliseconds.

    Where in its bucket an answer was isn't known: each is taken as late as it may have been.
    """
    counts = {0.0: 0.0, **figures.within}

    def within(moment: float) -> float:
        return counts[max(bound for bound in counts if bound <= moment)]

    shifted = {bound: within(max(0.0, bound - margin)) for bound in figures.within}
    return figures.model_copy(update={"within": shifted})
