"""How many requests the best test of a size fixed beforehand needs."""

import math

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import Floats, Shape, Worsening
from bench.verdicts.simulate import Course, simulate
from petmesh.ramp.measurements import Figures

# One-sided: a risk of 1%, and 90% of the worse versions found.
_Z_RISK, _Z_POWER = 2.326, 1.282
_INTERVALS, _REQUESTS = 60, 200_000


def requests_needed(shape: Shape, fault: Worsening, weight: int, rng: Generator) -> float:
    """The canary's requests beside the stable version's at a weight.

    The test knows both versions' distributions as the metrics source shows them, and compares the
    canary's answers with the stable version's in the same interval by the best score for them. It
    also knows how much more identical versions differ than by chance, as where errors come together
    in one of them: it needs so many times as many requests.
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
    return needed * _dispersion(shape, fault, weight, score, rng)


def _classes(figures: Figures, fault: Worsening) -> Floats:
    """How many answers there are of each kind that a fault may change."""
    if fault.fails:
        return np.array([figures.requests - figures.errors, figures.errors])
    within = [0.0, *figures.within.values(), figures.answers]
    return np.diff(np.array(within))


def _variance(part: Floats, score: Floats) -> float:
    mean = float((part * score).sum())
    return float((part * (score - mean) ** 2).sum())


def _dispersion(
    shape: Shape, fault: Worsening, weight: int, score: Floats, rng: Generator
) -> float:
    """By how much more the intervals of identical versions differ than by chance; at least 1."""
    alike = Worsening(fault.name, kept=fault.kept, fails=0.0)
    course = Course((weight,), 300 * 30.0, 30.0, 0)
    seen = (each.observation for each in simulate(shape, alike, course, rng))
    excesses = [_excess(each.canary, each.stable, fault, score) for each in seen]
    ratios = [excess * excess / variance for excess, variance in excesses if variance]
    return max(1.0, float(np.mean(ratios))) if ratios else 1.0


def _excess(
    canary: Figures, stable: Figures, fault: Worsening, score: Floats
) -> tuple[float, float]:
    own, others = _classes(canary, fault), _classes(stable, fault)
    total = own + others
    if not own.sum() or not others.sum():
        return 0.0, 0.0
    mean = float((total * score).sum() / total.sum())
    share = float(own.sum() / total.sum())
    variance = share * (1 - share) * float((total * (score - mean) ** 2).sum())
    return float((own * (score - mean)).sum()), variance
