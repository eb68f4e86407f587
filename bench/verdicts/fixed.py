"""How many requests the best test of a size fixed beforehand needs."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import Floats, Shape, Worsening
from bench.verdicts.simulate import Course, simulate
from petmesh.ramp.measurements import Figures, Observation

# One-sided: a risk of 1%, and 90% of the worse versions found.
_Z_RISK, _Z_POWER = 2.326, 1.282
# What is simulated, in slices of so many requests; and how many times as much as a test needs is
# wanted to see how it varies.
_SLICES, _REQUESTS, _LONGEST = 4000, 250.0, 30.0
_WINDOWS = 100
_FEWEST, _MOST, _FINE = 10.0, 1e6, 1.02
# What is no more than so many deviations is taken for chance.
_BY_CHANCE, _LEAST = 2.5, 1e-300


def requests_needed(shape: Shape, fault: Worsening, weight: int, rng: Generator) -> float:
    """The canary's requests beside the stable version's at a weight.

    The test knows both versions' distributions as the metrics source shows them, and compares the
    canary's answers with the stable version's of the same time by the best score for them. It also
    knows how the sum of these scores varies over so many requests of identical versions of the
    shape, and takes as its limit what one of a hundred exceeds.
    """
    rate = max(0.5, float(shape.rate(np.zeros(1), 1.0)[0]))
    seconds = min(_LONGEST, _REQUESTS / rate)
    course = Course((weight,), _SLICES * seconds, seconds, 0)
    alike = [
        each.observation
        for each in simulate(shape, Worsening(fault.name, kept=fault.kept), course, rng)
    ]
    worse = [each.observation for each in simulate(shape, fault, course, rng)]
    score = _best_score(worse, fault, weight / 100)
    same, found = _Scores.of(alike, fault, score), _Scores.of(worse, fault, score)
    requests = _FEWEST
    while requests < _MOST:
        if found.at_least(requests, -_Z_POWER) > same.at_least(requests, _Z_RISK):
            break
        requests *= _FINE
    return requests


def _best_score(seen: list[Observation], fault: Worsening, part: float) -> Floats:
    own = np.sum([_classes(each.canary, fault) for each in seen], axis=0)
    others = np.sum([_classes(each.stable, fault) for each in seen], axis=0)
    own, others = own / own.sum(), others / others.sum()
    mixed = part * own + (1 - part) * others
    return np.divide(own - others, mixed, out=np.zeros_like(mixed), where=mixed > 0)


def _classes(figures: Figures, fault: Worsening) -> Floats:
    """How many answers there are of each kind that a fault may change."""
    if fault.fails:
        return np.array([figures.requests - figures.errors, figures.errors])
    within = [0.0, *figures.within.values(), figures.answers]
    return np.diff(np.array(within))


@dataclass(frozen=True)
class _Scores:
    """The canary's requests until each slice's end, and by how much its scores are in excess."""

    requests: Floats
    excess: Floats

    @classmethod
    def of(cls, seen: list[Observation], fault: Worsening, score: Floats) -> "_Scores":
        own = np.array([_classes(each.canary, fault) for each in seen])
        total = own + np.array([_classes(each.stable, fault) for each in seen])
        number = own.sum(axis=1)
        share = number / np.maximum(1.0, total.sum(axis=1))
        excess = own @ score - share * (total @ score)
        return cls(np.cumsum([0.0, *number]), np.cumsum([0.0, *excess]))

    def at_least(self, requests: float, deviations: float) -> float:
        """What the sum over so many requests exceeds as a normal one does so many deviations.

        Windows of so many requests, or of as many as there are enough of, say how much the sum
        varies; where that is by no more than slices that have nothing to do with each other would,
        it is taken for that. Its skewness is theirs (Cornish and Fisher's expansion).
        """
        slices: Floats = np.diff(self.excess)
        number = len(slices)
        total = float(self.requests[-1])
        mean, variance = float(self.excess[-1]) / total, float(slices.var()) * number
        skewness = float(((slices - float(slices.mean())) ** 3).mean())
        skewness /= max(float(slices.std()), _LEAST) ** 3
        if abs(self.excess[-1]) < _BY_CHANCE * math.sqrt(variance):
            mean = 0.0
        most = total / _WINDOWS
        begins = int(np.searchsorted(self.requests, total - min(requests, most)))
        ends = np.searchsorted(self.requests, self.requests[:begins] + min(requests, most))
        windows = self.excess[ends] - self.excess[:begins]
        length = float(np.mean(self.requests[ends] - self.requests[:begins]))
        part = length / total
        more = float(windows.var()) / max(part * variance, _LEAST)
        if abs(more - 1) < _BY_CHANCE * math.sqrt(2 * part):
            more = 1.0
        deviation = math.sqrt(more * variance * requests / total)
        skew = (deviations**2 - 1) / 6 * skewness / math.sqrt(number * requests / total)
        return requests * mean + deviation * (deviations + skew)
