"""The verdicts that are compared: the ramp's own, the one it had before, and two of others.

Each takes the intervals of one ramp in turn, and says whether it takes the canary back.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.verdicts.simulate import SimulatedInterval
from petmesh.ramp.conditions import Conditions, Outcome
from petmesh.ramp.judge import Judge
from petmesh.ramp.measurements import Figures, Observation


class CompareRule(Protocol):
    """Whether a canary is taken back."""

    def take(self, seen: SimulatedInterval) -> bool | None:
        """Take a further interval; None where the weight is lowered, so as to compare again."""
        ...


class Own:
    """The ramp's."""

    def __init__(self, before: Sequence[Observation], *, warm_up: float) -> None:
        self._judge = Judge(Conditions(warm_up=warm_up), before)
        self._weight = 0

    def take(self, seen: SimulatedInterval) -> bool | None:
        """Take a further interval."""
        if seen.weight != self._weight:
            self._judge.begin_stage()
            self._weight = seen.weight
        outcome = self._judge.take(seen.observation).outcome
        return None if outcome is Outcome.NOT_COMPARABLE else outcome is Outcome.FAIL


class Windows:
    """The ramp's until it had a sequential test: fixed 99% bounds and ratios, two times in a row.

    At least 99% of the requests succeed, no more than one point less than the stable version's; p50
    and p99 are no more than 1.5 times the stable version's, or 10 ms longer, over two minutes.
    """

    _Z = 2.326
    _REQUESTS, _SECONDS = 500, 120.0

    def __init__(self) -> None:
        self._window: list[Observation] = []
        self._weight = self._failures = 0
        self._earlier = Figures()

    def take(self, seen: SimulatedInterval) -> bool:
        """Take a further interval."""
        if seen.weight != self._weight:
            self._window, self._weight, self._failures = [], seen.weight, 0
        most = round(self._SECONDS / seen.observation.seconds)
        self._window = [*self._window, seen.observation][-most:]
        canary = sum((each.canary for each in self._window), Figures())
        stable = sum((each.stable for each in self._window), Figures())
        if stable.requests >= self._REQUESTS:
            self._earlier = stable
        if canary.requests < self._REQUESTS and canary.errors < 10:  # noqa: PLR2004 (its default)
            return False
        if self._fails(canary, self._earlier):
            self._failures += 1
            self._window = []
        elif canary.requests >= self._REQUESTS:
            self._failures = 0
        return self._failures > 1

    def _fails(self, canary: Figures, stable: Figures) -> bool:
        own, low, _ = self._bounds(canary)
        if own > 0.01 and low > 0.01:  # noqa: PLR2004 (99%)
            return True
        if not stable.requests:
            return False
        other, _, high = self._bounds(stable)
        if own - other - math.hypot(own - low, high - other) > 0.01:  # noqa: PLR2004 (a point)
            return True
        return canary.requests >= self._REQUESTS and any(
            (canary.quantile(part) or 0.0) > max(1.5 * base, base + 10)
            for part in (0.5, 0.99)
            if (base := stable.quantile(part)) is not None
        )

    def _bounds(self, figures: Figures) -> tuple[float, float, float]:
        """The part that fails, and Wilson's bounds of it."""
        rate = figures.errors / figures.requests
        weight = self._Z**2 / figures.requests
        spread = self._Z * math.sqrt(
            rate * (1 - rate) / figures.requests + weight**2 / 4 / self._Z**2
        )
        middle = rate + weight / 2
        return rate, (middle - spread) / (1 + weight), (middle + spread) / (1 + weight)


class Threshold:
    """Flagger's by default: five looks at which under 99% succeed, or the p99 is over 500 ms.

    Source:
        https://docs.flagger.app/usage/how-it-works#canary-analysis
    """

    _LOOKS, _SUCCESS, _P99 = 5, 99.0, 500.0

    def __init__(self) -> None:
        self._failed = 0

    def take(self, seen: SimulatedInterval) -> bool:
        """Take a further interval."""
        canary = seen.observation.canary
        rate, p99 = canary.success_rate, canary.quantile(0.99)
        if (rate is not None and rate < self._SUCCESS) or (p99 is not None and p99 > self._P99):
            self._failed += 1
        return self._failed >= self._LOOKS


class MannWhitney:
    """Kayenta's by default: Mann-Whitney at 98% on each metric's points, with a tolerance of 25%.

    A metric fails where the confidence interval of the versions' shift lies above the tolerance;
    the metrics are the part that fails, p50 and p99, a point an interval over the whole step. Where
    one of the three fails, the score is 67: under the usual 75. With under 5 points there is none.

    Source:
        MannWhitneyClassifier.scala in https://github.com/spinnaker/kayenta
    """

    _Z, _TOLERANCE, _FEWEST = 2.326, 0.25, 5

    def __init__(self) -> None:
        self._points: list[Observation] = []
        self._weight = 0

    def take(self, seen: SimulatedInterval) -> bool:
        """Take a further interval."""
        if seen.weight != self._weight:
            self._points, self._weight = [], seen.weight
        observation = seen.observation
        if observation.stable.requests and observation.canary.requests:
            self._points.append(observation)
        if len(self._points) < self._FEWEST:
            return False
        canary = np.array([self._metrics(each.canary) for each in self._points])
        stable = np.array([self._metrics(each.stable) for each in self._points])
        return any(self._is_high(canary[:, each], stable[:, each]) for each in range(3))

    def _metrics(self, figures: Figures) -> tuple[float, float, float]:
        return (
            figures.errors / figures.requests,
            figures.quantile(0.5) or 0.0,
            figures.quantile(0.99) or 0.0,
        )

    def _is_high(self, canary: NDArray[np.float64], stable: NDArray[np.float64]) -> bool:
        shifts = np.sort(np.subtract.outer(canary, stable).ravel())
        number = len(canary)
        spread = self._Z * math.sqrt(number * number * (2 * number + 1) / 12)
        lowest = max(0, math.floor(number * number / 2 - spread))
        return bool(shifts[lowest] > self._TOLERANCE * abs(np.median(shifts)))
