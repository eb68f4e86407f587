"""Evidence that a canary is worse than it may be, which stays valid however often it is looked at.

What is judged are intervals, and within each whose the bad answers are. The mesh sends each request
to the canary by chance, so among the answers of one interval, good and bad ones, the canary's are a
random draw where the versions are alike: how busy the interval was, how slow, or how many answers a
broken dependency spoiled, is the same for both. How much more often a draw as bad as this comes
about if the canary is worse by so and so much than if it isn't, is a factor; the product over the
intervals, averaged over several degrees of being worse, exceeds 1/risk with a probability of at
most the risk, at whatever moment one looks (Ville's inequality).

Identical versions differ by more than the draw where trouble strikes one of them alone, as a pause
of its pods. How they may is told by `spreads`; each spread explains what was seen with and without
a canary that is worse besides, and all of them together are weighed by how well they explain it and
what the stable version did before the ramp: a hidden Markov model, whose filter this is. The bound
is then one on average over versions that differ as the spreads say, in these proportions.

Sources:
    Robbins, Statistical methods related to the law of the iterated logarithm (1970).
    Johari, Koomen, Pekelis, Walsh, Always valid inference (2022).
    Rabiner, A tutorial on hidden Markov models (1989).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from petmesh.ramp.spreads import (
    CHANCE,
    DEGREE,
    NOTHING_LEARNED,
    NUMBER,
    OFFSETS,
    Floats,
    Past,
    following,
    offsets,
    prior_after,
    with_degree,
)

# Each answer's score is counted from the mean of its interval.
Group = tuple[float, float, float]

# Beyond this variance an interval tells no more: offsets are no finer.
_MOST_VARIANCE = 100.0
_FARTHEST = 300.0
# So much of the evidence looks for what there is since the first interval; the rest for what began
# with a later step.
_WHOLE = 0.8
_IMPOSSIBLE = 1e-280
# A normal distribution of this variance has the density 1.
_CERTAIN = 1 / (2 * math.pi)
_NEWTON, _LONGEST_STEP, _SMALLEST = 12, 2.0, 1e-9
# Intervals are taken together until they tell so much: a few bad answers. Of a single one, that the
# canary's odds are off by chance and that it is worse for good are hardly told apart.
_TELLS = 0.25


@dataclass(frozen=True)
class Interval:
    """What one interval says.

    Attributes:
        gains: the logarithm of how much likelier what was seen is than by chance, by each offset;
            in the first row without a canary that is worse, then with one, by each degree.
        variance: of the canary's excess of bad answers, by chance; 0 where it tells nothing.
        bad: how many answers were bad, both versions' together.
        least: how many there would be at least, in the rows of `gains`; 0 where that isn't known.
    """

    gains: Floats
    variance: float
    bad: float = 0.0
    least: Floats = field(default_factory=lambda: np.zeros(1))

    def __add__(self, other: "Interval") -> "Interval":
        """Both, as one in which the offset was the same."""
        return Interval(
            self.gains + other.gains,
            self.variance + other.variance,
            self.bad + other.bad,
            self.least + other.least,
        )

    @property
    def likely(self) -> Floats:
        """The gains, less where fewer answers were bad than there would be at least.

        How bad answers are divided says nothing where there are none, but a worse canary would have
        some. By how much fewer there are in Poisson's distribution lowers a gain and raises none,
        so a proof gets no easier.
        """
        bad = np.minimum(self.bad, self.least)
        part = np.divide(bad, self.least, out=np.ones_like(self.least), where=self.least > 0)
        missing = self.least - bad + bad * np.log(np.maximum(part, _IMPOSSIBLE))
        return self.gains - missing[:, None]


def compared(groups: Sequence[Group], share: float, tilts: Sequence[float]) -> Interval:
    """How an interval's answers are divided between the versions.

    Args:
        groups: answers that are alike: how many, how many of them the canary's, and how bad; all
            of them have the mean 0.
        share: the canary's part of the answers, 0 to 1.
        tilts: by how much the odds that a request was the canary's grow with a score, as
            logarithms, for each degree of being worse.
    """
    table = np.array(groups, dtype=float).reshape(-1, 3)
    counts, own, scores = table.T
    variance = share * (1 - share) * float(counts @ scores**2)
    if variance <= 0:
        return Interval(np.zeros((1 + len(tilts), len(OFFSETS))), 0.0)
    every = _every(tilts)
    farther = np.clip(every[..., None] * scores, -_FARTHEST, _FARTHEST)
    likely, number = _of_so_many(farther, counts, share)
    usual = share * (1 - share) * float(counts.sum())
    gains = every * float(own @ scores) - likely
    gains += np.log(np.maximum(number, _CERTAIN) / max(usual, _CERTAIN)) / 2
    told = min(1.0, _MOST_VARIANCE / variance)
    return Interval(told * gains, told * variance)


def _of_so_many(tilts: Floats, counts: Floats, share: float) -> tuple[Floats, Floats]:
    """How likely a draw of as many answers as the canary's is, by the saddlepoint approximation.

    Args:
        tilts: by which the odds of each group of answers grow, in the last dimension.
        counts: how many answers each group has.
        share: the canary's part of all.

    Returns:
        The logarithm of what the tilts multiply the likelihood of the draws with, and the variance
        of how many are drawn if each answer is by itself.

    Source:
        Daniels, Saddlepoint approximations in statistics (1954).
    """
    drawn, odds = share * counts.sum(), math.log(share / (1 - share))
    shift, number = np.zeros(tilts.shape[:-1]), np.zeros(tilts.shape[:-1])
    for _ in range(_NEWTON):
        parts = 1 / (1 + np.exp(-(odds + tilts + shift[..., None])))
        number = np.maximum((parts * (1 - parts)) @ counts, _SMALLEST)
        step = np.clip((parts @ counts - drawn) / number, -_LONGEST_STEP, _LONGEST_STEP)
        shift -= step
        if np.abs(step).max() < _SMALLEST:
            break
    every = np.log1p(share * np.expm1(tilts + shift[..., None]))
    return every @ counts - shift * drawn, number


def beyond(bad: float, total: float, allowed: float, tilts: Sequence[float]) -> Interval:
    """How many answers were bad, where so large a part may be.

    Args:
        bad: at most `total`.
        total: of the answers.
        allowed: more than 0 and less than 1.
        tilts: as of `compared`.
    """
    every = _every(tilts)
    gains = every * bad - total * np.log1p(allowed * np.expm1(every))
    variance = total * allowed * (1 - allowed)
    told = min(1.0, _MOST_VARIANCE / variance) if variance else 0.0
    # Fewer than are allowed tell nothing of how intervals vary.
    return Interval(told * np.where(every < 0, np.minimum(gains, 0), gains), told * variance)


def _every(tilts: Sequence[float]) -> Floats:
    return np.array([0.0, *tilts])[:, None] + OFFSETS


@dataclass(frozen=True)
class _Filter:
    """How likely all that was seen is, for each spread and each degree.

    Attributes:
        logs: its logarithm.
        offsets: how likely each offset is now.
        past: given where it is the stable version's past, held against itself.
    """

    logs: Floats | None = None
    offsets: Floats = field(default_factory=lambda: np.zeros(0))
    past: Past | None = None

    def after(self, gains: Floats, variance: float) -> "_Filter":
        """With a further interval."""
        fresh = offsets(variance, self.past)[:, None, :]
        if self.logs is None:
            logs = np.zeros((NUMBER, len(gains)))
            expected = np.repeat(fresh, len(gains), axis=1)
        else:
            logs = self.logs
            expected = following(self.offsets, fresh, self.past)
        most = gains.max(axis=1, keepdims=True)
        likely = expected * np.exp(gains - most)
        total = np.maximum(likely.sum(axis=2), _IMPOSSIBLE)
        gone = (total <= _IMPOSSIBLE)[..., None]
        return replace(
            self,
            logs=logs + np.log(total) + most[:, 0],
            offsets=np.where(gone, fresh, likely / total[..., None]),
        )

    def from_now_on(self) -> "_Filter":
        """The same with a canary that was not worse until now."""
        if self.logs is None:
            return _Filter()
        degrees = self.logs.shape[1] - 1
        logs = np.repeat(self.logs[:, :1], degrees, axis=1)
        off = np.repeat(self.offsets[:, :1], degrees, axis=1)
        # By how much it is worse than its degree was not seen before it was worse.
        logs[DEGREE] = logs[CHANCE]
        off[DEGREE] = offsets(1.0)[DEGREE]
        return _Filter(logs, off)


def learned(intervals: Iterable[Interval], past: Past) -> Floats:
    """How likely each spread is between the versions, as logarithms.

    Args:
        intervals: of a time when there was nothing to find: the stable version's, each held
            against those before and after.
        past: how so.
    """
    before = _Filter(past=past)
    few: Interval | None = None
    for interval in intervals:
        few = few + interval if few else interval
        if few.variance >= _TELLS:
            before, few = before.after(few.gains[:1], few.variance), None
    return NOTHING_LEARNED if before.logs is None else prior_after(before.logs[:, 0], past)


class Evidence:
    """The evidence of all intervals so far.

    Args:
        prior: how likely each spread is, as of `learned`.
    """

    def __init__(self, prior: Floats = NOTHING_LEARNED) -> None:
        self._prior = prior
        self._prior_of_worse = with_degree(prior)
        # With and without the latest intervals, which together tell little yet.
        self._whole = self._whole_before = _Filter()
        self._latest = self._latest_before = _Filter()
        self._few: Interval | None = None
        self._steps = 1
        self._is_new = True

    def add(self, interval: Interval) -> None:
        """Take a further interval."""
        self._is_new = False
        self._few = self._few + interval if self._few else interval
        gains, variance = self._few.likely, self._few.variance
        self._whole = self._whole_before.after(gains, variance)
        if self._steps > 1:
            self._latest = self._latest_before.after(gains[1:], variance)
        if variance >= _TELLS:
            self._settle()

    def _settle(self) -> None:
        self._whole_before, self._latest_before, self._few = self._whole, self._latest, None

    def begin(self) -> None:
        """Look for what begins now, too, beside what there is since the first interval."""
        if self._is_new:
            return
        self._is_new = True
        self._steps += 1
        self._latest = self._whole.from_now_on()
        self._settle()

    @property
    def log(self) -> float:
        """Its logarithm; 1 / risk is exceeded by chance in so large a part of the ramps at most."""
        if self._whole.logs is None:
            return -math.inf
        alike = _log_sum(self._whole.logs[:, 0] + self._prior)
        worse = self._whole.logs[:, 1:] + self._prior_of_worse[:, None]
        degrees = worse.shape[1]
        found = math.log(_WHOLE) + _log_sum(worse)
        if self._latest.logs is not None:
            # The second step's part is a half, the third's a sixth, ...: together they are a whole.
            part = (1 - _WHOLE) / (self._steps * (self._steps - 1))
            latest = math.log(part) + _log_sum(self._latest.logs + self._prior_of_worse[:, None])
            found = float(np.logaddexp(found, latest))
        return found - math.log(degrees) - alike


def _log_sum(logs: Floats) -> float:
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))
