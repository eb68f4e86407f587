"""Evidence that a canary is worse than it may be, which stays valid however often it is looked at.

What is judged are intervals, and within each whose the bad answers are. The mesh sends each request
to the canary by chance, so among the answers of one interval, good and bad ones, the canary's are a
random draw where the versions are alike: how busy the interval was, how slow, or how many answers a
broken dependency spoiled, is the same for both. How much more often a draw as bad as this comes
about if the canary is worse by so and so much than if it isn't, is a factor; the product over the
intervals, averaged over several degrees of being worse, exceeds 1/risk with a probability of at
most the risk, at whatever moment one looks (Ville's inequality).

A draw varies more than that where bad answers come together in one version alone, as in a pod's
pause. How much more is learned: the factors are raised to the power 1/dispersion, and weighed over
dispersions by how well each explains the intervals so far and, before the first one, the stable
version's own past (an extended quasi-likelihood). Where neighbouring intervals err in the same
direction, they count as fewer.

Sources:
    Robbins, Statistical methods related to the law of the iterated logarithm (1970).
    Nelder and Pregibon, An extended quasi-likelihood function (1987).
    Johari, Koomen, Pekelis, Walsh, Always valid inference (2022).
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

# Each answer's score is counted from the mean of its interval.
Group = tuple[float, float, float]

_DISPERSIONS = tuple(2.0**power for power in range(13))
# Before anything is known, a dispersion of 32 is half as likely as 1.
_PRIOR_POWER = 0.2
# How likely it is that the stable version's past doesn't show how much the versions differ.
_UNSEEN = 0.005
_FEWEST_FOR_RESEMBLANCE = 6
# What lasts longer, as a step, is no resemblance of neighbours.
_APART = 4
_MOST_RESEMBLANCE = 0.5
# Standard errors.
_CHANCE = 2.0


@dataclass(frozen=True)
class Interval:
    """What one interval says.

    Attributes:
        gains: for each degree of being worse, the logarithm of how much likelier it makes what was
            seen.
        deviance: the same of the best explanation at all, at least 0.
        weight: how much it tells of the dispersion, at most 1.
        excess: how much higher the canary's score is than its share.
        variance: of the excess, by chance alone; more than 0.
    """

    gains: Sequence[float]
    deviance: float
    weight: float
    excess: float
    variance: float

    def or_else(self, gains: Sequence[float], deviance: float) -> "Interval":
        """With further ways in which the same answers may be worse."""
        return replace(self, gains=(*self.gains, *gains), deviance=max(self.deviance, deviance))


def compared(groups: Sequence[Group], share: float, tilts: Sequence[float]) -> Interval | None:
    """How an interval's answers are divided between the versions; None where it tells nothing.

    Args:
        groups: answers that are alike: how many, how many of them the canary's, and how bad; all
            of them have the mean 0.
        share: the canary's part of the answers, 0 to 1.
        tilts: by how much the odds that a request was the canary's grow with a score, as
            logarithms, for each degree of being worse.
    """
    information = sum(count * score * score for count, _, score in groups)
    if not information or not 0 < share < 1:
        return None
    excess = sum(own * score for _, own, score in groups)

    def gain(tilt: float) -> float:
        return tilt * excess - sum(
            count
            * math.log(
                share * math.exp(tilt * (1 - share) * score)
                + (1 - share) * math.exp(-tilt * share * score)
            )
            for count, _, score in groups
        )

    gains = [gain(tilt) for tilt in tilts]
    deviance = max(0.0, *gains, *(gain(-tilt) for tilt in tilts))
    weight = information / (information + 1)
    return Interval(gains, deviance, weight, excess, share * (1 - share) * information)


def beyond(bad: float, total: float, allowed: float, tilts: Sequence[float]) -> Interval | None:
    """How many answers were bad, where so large a part may be; None where there are none.

    Args:
        bad: at most `total`.
        total: of the answers.
        allowed: more than 0 and less than 1.
        tilts: as of `compared`.
    """
    variance = total * allowed * (1 - allowed)
    if not variance:
        return None
    gains = [tilt * bad - total * math.log1p(allowed * math.expm1(tilt)) for tilt in tilts]
    # Fewer than are allowed tell nothing of the dispersion.
    weight = variance / (variance + 1) / 2
    return Interval(gains, max(0.0, *gains), weight, bad - total * allowed, variance)


class _Explanation:
    """One way in which intervals may vary more than by chance.

    Args:
        dispersion: by how much more, at an interval of the usual variance.
        spells: whether trouble comes in spells of time, so that the more requests meet it, the more
            an interval varies; else it comes in runs of requests, and the more runs there are.
    """

    def __init__(self, dispersion: float, *, spells: bool) -> None:
        self.dispersion = dispersion
        self.prior = self.likelihood = 0.0
        self._spells = spells
        self.whole: list[float] = []
        self.latest: list[float] = []

    def add(self, interval: Interval, usual: float) -> None:
        """Take a further interval; `usual` is the usual variance."""
        dispersion = self.dispersion
        if self._spells:
            dispersion = 1 + (dispersion - 1) * interval.variance / usual
        normal = interval.weight / 2 * math.log(dispersion)
        self.likelihood -= interval.deviance / dispersion + normal
        gains = [gain / dispersion for gain in interval.gains]
        self.whole = _sum(self.whole, gains)
        self.latest = _sum(self.latest, gains)

    def forget(self) -> None:
        """Keep what is known of the past as the prior alone."""
        self.likelihood, self.whole, self.latest = 0.0, [], []


class Evidence:
    """The evidence of all intervals so far.

    Args:
        past: intervals of a time when there was nothing to find.
    """

    def __init__(self, past: Iterable[Interval] = ()) -> None:
        past = list(past)
        self._usual = sum(each.variance for each in past) / len(past) if past else 0.0
        kinds = [
            [_Explanation(each, spells=spells) for each in _DISPERSIONS] for spells in (False, True)
        ]
        self._explanations = [each for kind in kinds for each in kind]
        # Of the past, and of each step.
        self._errors = [_Errors()]
        for interval in past:
            self.add(interval)
        for kind in kinds:
            _set_prior(kind)
        for each in self._explanations:
            each.forget()
        self.begin()

    def add(self, interval: Interval) -> None:
        """Take a further interval."""
        self._usual = self._usual or interval.variance
        self._errors[-1].add(interval)
        for each in self._explanations:
            each.add(interval, self._usual)

    def begin(self) -> None:
        """Look for what begins now, too, beside what there is since the first interval."""
        self._errors.append(_Errors())
        for each in self._explanations:
            each.latest = []

    @property
    def log(self) -> float:
        """Its logarithm; 1 / risk is exceeded by chance in so large a part of the ramps at most."""
        whole = [each.whole for each in self._explanations]
        latest = [each.latest for each in self._explanations]
        if not whole[0]:
            return -math.inf
        null = [each.prior + each.likelihood for each in self._explanations]
        divisor = _resemblance(self._errors)

        def worse(found: Sequence[Sequence[float]]) -> float:
            gains = zip(null, found, strict=True)
            return _log_sum([likely + gain / divisor for likely, own in gains for gain in own])

        found = worse(whole)
        # The second step's part is a half, the third's a sixth, ...: together they are a whole.
        steps = len(self._errors) - 1
        if latest[0] and steps > 1:
            found = max(found, worse(latest) - math.log(steps * (steps - 1)))
        return found - math.log(len(whole[0])) - _log_sum(null)


def _set_prior(kind: Sequence[_Explanation]) -> None:
    """Set how likely each dispersion is between the versions, by the past.

    Over time one version varies by what both share too, so that the versions differ from each other
    by that much at most.
    """
    flat = [-_PRIOR_POWER * math.log(each.dispersion) for each in kind]
    logs = [prior + each.likelihood for prior, each in zip(flat, kind, strict=True)]
    total = _log_sum(logs)
    at_least = list(accumulate(math.exp(each - total) for each in reversed(logs)))[::-1]
    logs = [
        prior + math.log((1 - _UNSEEN) * part + _UNSEEN)
        for prior, part in zip(flat, at_least, strict=True)
    ]
    total = _log_sum(logs)
    for each, log in zip(kind, logs, strict=True):
        each.prior = log - total


class _Errors:
    """How intervals err from what they have in common, and how that of each resembles others'."""

    def __init__(self) -> None:
        self.number = 0
        self._latest: deque[Interval] = deque(maxlen=_APART)
        self._excess = self._variance = self._squares = 0.0
        # Of neighbours, and of intervals further apart: the products of the excesses, of one's
        # excess and the other's variance, and of the variances, over their standard deviations.
        self._near, self._far = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]

    def add(self, interval: Interval) -> None:
        """Take a further interval."""
        excess, variance = interval.excess, interval.variance
        self.number += 1
        self._excess += excess
        self._variance += variance
        self._squares += excess * excess / variance
        if self._latest:
            _multiply(self._near, self._latest[-1], interval)
        if len(self._latest) == _APART:
            _multiply(self._far, self._latest[0], interval)
        self._latest.append(interval)

    @property
    def resemblance(self) -> float:
        """The correlation of neighbours' errors beyond that of errors further apart."""
        if not self.number:
            return 0.0
        mean = self._excess / self._variance
        squares = max(self.number, self._squares - mean * self._excess)
        near, far = (
            products - mean * mixed + mean * mean * variances
            for products, mixed, variances in (self._near, self._far)
        )
        return (near - far) / squares


def _multiply(sums: list[float], one: Interval, other: Interval) -> None:
    deviation = math.sqrt(one.variance * other.variance)
    sums[0] += one.excess * other.excess / deviation
    sums[1] += (one.excess * other.variance + other.excess * one.variance) / deviation
    sums[2] += deviation


def _resemblance(series: Sequence[_Errors]) -> float:
    """By how much fewer intervals count, for each errs as its neighbour does; from 1 on."""
    number = sum(each.number for each in series)
    if number < _FEWEST_FOR_RESEMBLANCE:
        return 1.0
    mean = sum(each.number * each.resemblance for each in series) / number
    # What may be chance is taken off.
    found = min(_MOST_RESEMBLANCE, max(0.0, mean - _CHANCE / math.sqrt(number)))
    return (1 + found) / (1 - found)


def _sum(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [sum(pair) for pair in zip(one, other, strict=True)] if one else list(other)


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs))
