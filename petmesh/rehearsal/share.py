"""The canary's share of a number of requests, compared with its weight."""

import math
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.999


@dataclass(frozen=True)
class CanaryShare:
    """The canary's share of some requests.

    Attributes:
        weight: the canary's weight in the route, in percent.
        canary: the number of requests to the canary.
        total: the number of requests to all versions.
    """

    weight: int
    canary: int
    total: int

    @property
    def ratio(self) -> float:
        """The share, from 0 to 1; 0 without requests."""
        return self.canary / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[int, int]:
        """The counts of the canary's requests that go with its weight, at 99.9% confidence."""
        return binomial_interval(self.total, self.weight / 100, CONFIDENCE)

    @property
    def ratios(self) -> tuple[float, float]:
        """The interval as shares, from 0 to 1."""
        lowest, highest = self.interval
        total = self.total or 1
        return lowest / total, highest / total

    @property
    def is_within(self) -> bool:
        """Whether the share is within the interval; never without requests."""
        lowest, highest = self.interval
        return self.total > 0 and lowest <= self.canary <= highest


def binomial_interval(trials: int, probability: float, confidence: float) -> tuple[int, int]:
    """Return the lowest and the highest count between the tails of a binomial distribution.

    Args:
        trials: the number of trials.
        probability: of success in each.
        confidence: the least probability of the interval, such as 0.999; each tail has at most half
            of the rest.
    """
    if probability in (0.0, 1.0):
        sure = round(trials * probability)
        return sure, sure
    tail = (1 - confidence) / 2
    chances = [_chance(trials, count, probability) for count in range(trials + 1)]
    return _within(chances, tail), trials - _within(chances[::-1], tail)


def _chance(trials: int, count: int, probability: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return math.exp(
        ways + count * math.log(probability) + (trials - count) * math.log1p(-probability)
    )


def _within(chances: list[float], tail: float) -> int:
    total = 0.0
    for count, chance in enumerate(chances):
        total += chance
        if total > tail:
            return count
    return len(chances) - 1
