"""How many requests the best test of a size fixed beforehand needs."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import Floats, Shape, Worsening
from bench.verdicts.simulate import Course, simulate
from petmesh.ramp.measurements import Figures, Observation

# One-sided: so many identical versions taken for worse, and so many worse ones found.
_RISK, _POWER = 0.01, 0.9
_Z_RISK, _Z_POWER = (NormalDist().inv_cdf(part) for part in (1 - _RISK, _POWER))
# What is simulated, in slices of so many requests; and how many times as much as a test needs is
# wanted to see how it varies.
_SLICES, _REQUESTS, _LONGEST = 4000, 250.0, 30.0
_WINDOWS = 100
_FEWEST, _MOST, _FINE = 10.0, 1e6, 1.02
# So many draws say how often a test of few answers errs.
_DRAWS = 4000
# What is no more than so many deviations is taken for chance.
_BY_CHANCE, _LEAST = 2.5, 1e-300


def requests_needed(shape: Shape, fault: Worsening, weight: int, rng: Generator) -> float:
    """The canary's requests beside the stable version's at a weight.

    The test knows both versions' distributions as the metrics source shows them, and compares the
    canary's answers with the stable version's of the same time by the best score for them. It also
    knows how the sum of these scores varies over so many requests of identical versions of the
    shape, and takes as its limit what one of a hundred exceeds. Few answers are no normal
    distribution: so many must be enough if each is drawn by itself, too.
    """
    rate = max(0.5, float(shape.rate(np.zeros(1), 1.0)[0]))
    seconds = min(_LONGEST, _REQUESTS / rate)
    course = Course((weight,), _SLICES * seconds, seconds, 0)
    alike = [
        each.observation
        for each in simulate(shape, Worsening(fault.name, kept=fault.kept), course, rng)
    ]
    worse = [each.observation for each in simulate(shape, fault, course, rng)]
    share = weight / 100
    usual, (own, others) = _mixed(*_parts(alike, fault), share), _parts(worse, fault)
    score = _best_score(own, others, share)
    same, found = _Scores.of(alike, fault, score), _Scores.of(worse, fault, score)
    requests = _FEWEST
    while requests < _MOST:
        draws = _Draws(round(requests), share, score)
        if found.at_least(requests, -_Z_POWER) > same.at_least(requests, _Z_RISK) and draws.tell(
            usual, own, others, rng
        ):
            break
        requests *= _FINE
    return requests


def _parts(seen: list[Observation], fault: Worsening) -> tuple[Floats, Floats]:
    """What part of the canary's answers, and of the stable version's, is of each kind."""
    own = np.sum([_classes(each.canary, fault) for each in seen], axis=0)
    others = np.sum([_classes(each.stable, fault) for each in seen], axis=0)
    return own / own.sum(), others / others.sum()


def _mixed(own: Floats, others: Floats, share: float) -> Floats:
    return share * own + (1 - share) * others


def _best_score(own: Floats, others: Floats, share: float) -> Floats:
    mixed = _mixed(own, others, share)
    return np.divide(own - others, mixed, out=np.zeros_like(mixed), where=mixed > 0)


@dataclass(frozen=True)
class _Draws:
    """Answers that are drawn each by itself, so many of them the canary's."""

    requests: int
    share: float
    score: Floats

    def tell(self, usual: Floats, own: Floats, others: Floats, rng: Generator) -> bool:
        """Whether the best test tells the canary's answers from those that are as usual."""
        limit = np.quantile(self._excess(usual, usual, rng), 1 - _RISK, method="higher")
        return float(np.mean(self._excess(own, others, rng) > limit)) >= _POWER

    def _excess(self, own: Floats, others: Floats, rng: Generator) -> Floats:
        canarys = rng.multinomial(self.requests, own, _DRAWS)
        stables = round(self.requests * (1 / self.share - 1))
        every = canarys + rng.multinomial(stables, others, _DRAWS)
        return canarys @ self.score - self.share * (every @ self.score)


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
