"""How identical versions may differ from interval to interval.

By how much the odds that a bad answer is the canary's are off, as a logarithm, is the offset of an
interval. By nothing but chance it is always 0. Else it has one of these spreads:

    runs of requests: trouble strikes some requests in a row, so that an interval varies so many
        times as much as by chance, and the less, the more requests it has;
    wandering: the offset is normally distributed, and moves as an autoregressive process does;
    spells: it is 0 but in a small part of the time, when it is large until it is drawn anew;

where what wanders, and a spell, resembles what it was for a moment or some time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Offsets, narrowly spaced where they are small.
_SIZES = 0.05 * 2 ** (np.arange(23) / 3)
OFFSETS: Floats = np.concatenate((-_SIZES[::-1], [0.0], _SIZES))
_WIDTHS: Floats = np.gradient(OFFSETS)
_SMALLEST = 1e-9

# How likely each kind is before anything is known.
_KINDS = {"chance": 0.3, "runs": 0.2, "wandering": 0.25, "spells": 0.25}
_TIMES_AS_MUCH = tuple(2.0**power for power in range(1, 8))
# A dispersion of 32 is a tenth as likely as 1.
_POWER = -0.7
_DEVIATIONS = (0.12, 0.25, 0.5, 1.0, 2.0)
_PARTS = (0.003, 0.01, 0.04, 0.15)
_LEAST_OF_A_SPELL = 0.45
# How much more a version may be worse than a degree, and how likely that is beside chance.
_DEGREE_DEVIATION, _DEGREE = 0.5, 0.5
_NEVER = -1e9
# For how many intervals an offset lasts, and how likely that is: that trouble of one version alone
# lasts for minutes is rare. Of what wanders, a past in which it is seen says for how long it lasts.
_LASTS = {0.0: 1.0, 0.5: 0.3, 1.5: 0.02, 5.0: 0.005}
_SEEN_LASTS = {0.0: 1.0, 0.5: 0.8, 1.5: 0.8, 5.0: 0.5}

# How likely it is that the versions differ by less than the past shows, since what strikes both at
# once shows there too; and that the past doesn't show how they differ.
_LESS, _UNSEEN = 0.2, 0.003


@dataclass(frozen=True)
class Past:
    """How the stable version's past is looked at.

    Attributes:
        apart: an interval is held against those so many before and after it. What wanders for long
            shows only far apart, and there what changes for both versions shows too.
        more: how likely it is that the versions differ by more, or for longer, than that shows.
    """

    apart: int
    more: float


PAST_FAILURES, PAST_LATENCIES = Past(apart=4, more=0.0), Past(apart=2, more=0.2)


@dataclass(frozen=True)
class _Spread:
    kind: str
    size: float
    lasts: float
    likely: float
    likely_seen: float


def _spreads() -> list[_Spread]:
    runs = [_Spread("runs", each, 0.0, each**_POWER, each**_POWER) for each in _TIMES_AS_MUCH]
    wandering = [
        _Spread("wandering", size, lasts, likely, _SEEN_LASTS[lasts])
        for lasts, likely in _LASTS.items()
        for size in _DEVIATIONS
    ]
    spells = [
        _Spread("spells", part, lasts, likely, likely)
        for lasts, likely in _LASTS.items()
        for part in _PARTS
    ]
    chance = _Spread("chance", 0.0, 0.0, 1.0, 1.0)
    degree = _Spread("degree", _DEGREE_DEVIATION, math.inf, 0.0, 0.0)
    return [chance, degree, *runs, *wandering, *spells]


# A worse version alone has the second: by how much more it is worse than its degree, for good.
CHANCE, DEGREE = 0, 1
_SPREADS = _spreads()
NUMBER = len(_SPREADS)
_DURATIONS = np.array([each.lasts for each in _SPREADS])
_SIZES_OF_SPREADS = np.array([each.size for each in _SPREADS])
_WANDERING_ROWS = [row for row, each in enumerate(_SPREADS) if each.kind == "wandering"]
_RUNS_ROWS = [row for row, each in enumerate(_SPREADS) if each.kind == "runs"]
_RUNS_SIZES = _SIZES_OF_SPREADS[_RUNS_ROWS]


def _likely(each: Sequence[float]) -> Floats:
    """How likely each spread is, whose likelihood within its kind is given."""
    likely = np.zeros(NUMBER)
    for kind, part in _KINDS.items():
        own = np.where([spread.kind == kind for spread in _SPREADS], each, 0.0)
        likely += part * own / own.sum()
    return likely


_PRIOR = _likely([each.likely for each in _SPREADS])
_PRIOR_OF_THE_PAST = _likely([each.likely_seen for each in _SPREADS])


def _log(likely: Floats) -> Floats:
    return np.where(likely > 0, np.log(np.maximum(likely, 1e-300)), _NEVER)


NOTHING_LEARNED: Floats = _log(_PRIOR)


def _smaller() -> Floats:
    """From each spread in equal parts to those of its kind that are no larger, and to chance."""
    parts = np.array(
        [
            [
                each.kind == "chance"
                or (
                    (each.kind, each.lasts) == (spread.kind, spread.lasts)
                    and each.size <= spread.size
                )
                for each in _SPREADS
            ]
            for spread in _SPREADS
        ],
        dtype=float,
    )
    return parts / parts.sum(axis=1, keepdims=True)


_SMALLER = _smaller()


def _larger() -> Floats:
    """From each spread in equal parts to those of its kind that are the next larger or longer."""

    def following(value: float, values: set[float]) -> float:
        return min((each for each in values if each > value), default=value)

    parts = np.zeros((NUMBER, NUMBER))
    for row, spread in enumerate(_SPREADS):
        kind = [each for each in _SPREADS if each.kind == spread.kind]
        sizes = {spread.size, following(spread.size, {each.size for each in kind})}
        lasts = {spread.lasts, following(spread.lasts, {each.lasts for each in kind})}
        for column, each in enumerate(_SPREADS):
            alike = each.kind == spread.kind and each.size in sizes and each.lasts in lasts
            parts[row, column] = alike and each != spread
        parts[row, row] = not parts[row].any()
    return parts / parts.sum(axis=1, keepdims=True)


_LARGER = _larger()


def prior_after(log_likelihoods: Floats, past: Past) -> Floats:
    """The logarithm of how likely each spread is between the versions, given the past.

    Args:
        log_likelihoods: of what the past showed, for each spread.
        past: how it was looked at.
    """
    logs = log_likelihoods + _log(_PRIOR_OF_THE_PAST)
    shown = np.exp(logs - logs.max())
    shown /= shown.sum()
    seen = (1 - _LESS - past.more) * shown + _LESS * shown @ _SMALLER + past.more * shown @ _LARGER
    return _log((1 - _UNSEEN) * seen + _UNSEEN * _PRIOR)


def with_degree(prior: Floats) -> Floats:
    """How likely each spread is where the canary is worse, as logarithms."""
    worse = prior.copy()
    worse[DEGREE] = prior[CHANCE] + math.log(_DEGREE)
    return worse - math.log1p(math.exp(worse[DEGREE]))


def offsets(variance: float, past: Past | None = None) -> Floats:
    """How likely each offset is, for each spread.

    Args:
        variance: of an interval by chance, in units in which an offset of 1 changes the excess by
            the variance: what runs of requests add is the less, the larger it is.
        past: given where a version is held against itself, and how.
    """
    likely = _drawn(past).copy()
    deviations = np.sqrt((_RUNS_SIZES - 1) / max(variance, _SMALLEST))
    likely[_RUNS_ROWS] = _normal(deviations)
    return likely


def _resemblance(intervals: float) -> Floats:
    """The part of the offsets that is the same after so many intervals, for each spread."""
    return np.where(_DURATIONS > 0, np.exp(-intervals / np.maximum(_DURATIONS, _SMALLEST)), 0.0)


def following(now: Floats, fresh: Floats, past: Past | None = None) -> Floats:
    """How likely each offset is in the next interval, for each spread and degree of being worse.

    Args:
        now: how likely each is now.
        fresh: how likely each is if it is drawn anew.
        past: as of `offsets`.
    """
    same = _neighbours(past)[0][:, None, None]
    expected = same * now + (1 - same) * fresh
    expected[_WANDERING_ROWS] = now[_WANDERING_ROWS] @ _moves(past)
    return expected


@cache
def _moves(past: Past | None) -> Floats:
    """How likely each offset follows each, for the spreads that wander."""
    same, scale = _neighbours(past)
    kept = same[_WANDERING_ROWS, None, None]
    deviations = (scale * _SIZES_OF_SPREADS)[_WANDERING_ROWS, None, None] * np.sqrt(1 - kept**2)
    likely = np.exp(-(((OFFSETS - kept * OFFSETS[:, None]) / deviations) ** 2) / 2) * _WIDTHS
    return likely / likely.sum(axis=2, keepdims=True)


@cache
def _neighbours(past: Past | None) -> tuple[Floats, Floats]:
    """How neighbours resemble each other, and how many times as much one differs.

    In the past one version is held against its own mean of some intervals before and after, so
    that an offset has 3/2 of one version's variance where it has twice that between the versions,
    and less where it lasts.
    """
    if not past:
        return _resemblance(1), np.ones(NUMBER)
    apart = past.apart
    next_one, beside, twice = map(_resemblance, (1, apart, 2 * apart))
    before, after = _resemblance(apart - 1), _resemblance(apart + 1)
    twice_before, twice_after = _resemblance(2 * apart - 1), _resemblance(2 * apart + 1)
    variance = 1.5 - 2 * beside + twice / 2
    nearby = 1.5 * next_one - before - after + (twice_before + twice_after) / 4
    # What lasts for good is never seen there.
    variance = np.maximum(variance, _SMALLEST)
    return np.maximum(0.0, nearby) / variance, np.sqrt(variance / 2)


def _normal(deviations: Floats) -> Floats:
    likely = np.exp(-((OFFSETS / deviations[:, None]) ** 2) / 2) * _WIDTHS
    return likely / likely.sum(axis=1, keepdims=True)


def _spells(part: float) -> Floats:
    size = np.abs(OFFSETS)
    likely = np.where(size >= _LEAST_OF_A_SPELL, _WIDTHS / np.maximum(size, _LEAST_OF_A_SPELL), 0.0)
    likely *= part / likely.sum()
    likely[OFFSETS == 0] = 1 - part
    return likely


@cache
def _drawn(past: Past | None) -> Floats:
    """How likely each offset is, for each spread but runs."""
    deviations = _neighbours(past)[1] * _SIZES_OF_SPREADS
    likely = _normal(np.maximum(deviations, _SMALLEST))
    for row, spread in enumerate(_SPREADS):
        if spread.kind == "spells":
            likely[row] = _spells(spread.size)
    # Else a canary that is a little better for good would be best explained by one that is worse.
    likely[DEGREE, OFFSETS < 0] = 0.0
    likely[DEGREE] /= likely[DEGREE].sum()
    return likely
