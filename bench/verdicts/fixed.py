"""How many requests the best test of a size fixed beforehand needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import Floats, Shape, Worsening
from bench.verdicts.simulate import Course, simulate
from petmesh.ramp.measurements import Figures

# One-sided: a risk of 1%, and 90% of the worse versions found.
_Z_RISK, _Z_POWER = 2.326, 1.282
_INTERVALS, _REQUESTS = 60, 200_000
# Intervals of identical versions, and into how many blocks they are cut at least.
_ALIKE, _FEWEST_BLOCKS = 600, 20


@dataclass(frozen=True)
class _Excess:
    """How much worse the canary's answers of an interval are than its share, and its variance."""

    requests: float
    excess: float
    variance: float


def requests_needed(shape: Shape, fault: Worsening, weight: int, rng: Generator) -> float:
    """The canary's requests beside the stable version's at a weight.

    The test knows both versions' distributions as the metrics source shows them, and compares the
    canary's answers with the stable version's in the same interval by the best score for them. It
    also knows how much more identical versions differ than by chance over as long as it takes, as
    where errors come together in one of them: it needs so many times as many requests.
    """
    part = weight / 100
    interval = min(300.0, _REQUESTS / _INTERVALS / max(0.5, float(shape.rate(np.zeros(1), 1.0)[0])))
    course = Course((50,), _INTERVALS * interval, interval, 0)
    seen = [each.observation for each in simulate(shape, fault, course, rng)]
    total = np.sum([_classes(each.canary, fault) for each in seen], axis=0)
    others = np.sum([_classes(each.stable, fault) for each in seen], axis=0)
    own, base = total / total.sum(), others / others.sum()
    mixed = part * own + (1 - part) * base
    known = mixed > 0
    score = np.zeros_like(mixed)
    score[known] = (own[known] - base[known]) / mixed[known]
    effect = float(((own - base) * score).sum())
    null = _variance(mixed, score) / (1 - part)
    real = _variance(own, score) + _variance(base, score) * part / (1 - part)
    needed = (_Z_RISK * math.sqrt(null) + _Z_POWER * math.sqrt(real)) ** 2 / effect**2
    same = Worsening(fault.name, kept=fault.kept)
    course = Course((weight,), _ALIKE * 30.0, 30.0, 0)
    pairs = (each.observation for each in simulate(shape, same, course, rng))
    return _dispersed(needed, [_excess(each.canary, each.stable, fault, score) for each in pairs])


def _classes(figures: Figures, fault: Worsening) -> Floats:
    """How many answers there are of each kind that a fault may change."""
    if fault.fails:
        return np.array([figures.requests - figures.errors, figures.errors])
    within = [0.0, *figures.within.values(), figures.answers]
    return np.diff(np.array(within))


def _variance(part: Floats, score: Floats) -> float:
    mean = float((part * score).sum())
    return float((part * (score - mean) ** 2).sum())


def _dispersed(needed: float, alike: Sequence[_Excess]) -> float:
    """How many are needed where identical versions differ by more than chance.

    Args:
        needed: by chance alone.
        alike: intervals of identical versions.
    """
    length, dispersion = 1, 1.0
    canary = max(1.0, float(np.mean([each.requests for each in alike])))
    # The more intervals, the better is seen what lasts for several of them.
    while length <= len(alike) / _FEWEST_BLOCKS:
        blocks = [alike[begin : begin + length] for begin in range(0, len(alike), length)]
        ratios = [
            sum(each.excess for each in block) ** 2 / variance
            for block in blocks
            if (variance := sum(each.variance for each in block))
        ]
        # Less what may be chance.
        certain = 1 - math.sqrt(2 / len(blocks))
        dispersion = max(1.0, certain * float(np.mean(ratios))) if ratios else 1.0
        if length * canary >= needed * dispersion:
            break
        length *= 2
    return needed * dispersion


def _excess(canary: Figures, stable: Figures, fault: Worsening, score: Floats) -> _Excess:
    own, others = _classes(canary, fault), _classes(stable, fault)
    total = own + others
    if not own.sum() or not others.sum():
        return _Excess(canary.requests, 0.0, 0.0)
    mean = float((total * score).sum() / total.sum())
    share = float(own.sum() / total.sum())
    variance = share * (1 - share) * float((total * (score - mean) ** 2).sum())
    return _Excess(canary.requests, float((own * (score - mean)).sum()), variance)
