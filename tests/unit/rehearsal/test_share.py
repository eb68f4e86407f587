"""The interval of a share that goes with a weight."""

import math
from fractions import Fraction

import pytest

from petmesh.rehearsal.share import CanaryShare, binomial_interval


def exact(trials: int, count: int, percent: int) -> Fraction:
    """The chance of a count, without rounding."""
    share = Fraction(percent, 100)
    return math.comb(trials, count) * share**count * (1 - share) ** (trials - count)


@pytest.mark.parametrize(("trials", "percent"), [(200, 10), (200, 25), (501, 50), (300, 99)])
def test_the_interval_cuts_off_as_much_as_it_may_on_each_side(trials: int, percent: int) -> None:
    tail = Fraction(5, 10_000)
    lowest, highest = binomial_interval(trials, percent / 100, 0.999)
    below = sum(exact(trials, count, percent) for count in range(lowest))
    above = sum(exact(trials, count, percent) for count in range(highest + 1, trials + 1))
    assert below <= tail < below + exact(trials, lowest, percent)
    assert above <= tail < above + exact(trials, highest, percent)


def test_a_sure_share_leaves_no_room() -> None:
    assert binomial_interval(2000, 0.0, 0.999) == (0, 0)
    assert binomial_interval(2000, 1.0, 0.999) == (2000, 2000)


def test_more_trials_narrow_the_interval() -> None:
    few, many = (binomial_interval(n, 0.25, 0.999) for n in (2000, 10_000))
    assert (many[1] - many[0]) / 10_000 < (few[1] - few[0]) / 2000


@pytest.mark.parametrize(("canary", "is_within"), [(250, True), (215, True), (190, False)])
def test_a_share_is_compared_with_the_interval_of_its_weight(
    canary: int,
    *,
    is_within: bool,
) -> None:
    share = CanaryShare(25, canary, 1000)
    assert share.is_within is is_within
    assert share.ratio == canary / 1000
    assert share.ratios[0] < 0.25 < share.ratios[1]


@pytest.mark.parametrize("weight", [0, 25, 100])
def test_nothing_counted_is_never_within(weight: int) -> None:
    assert not CanaryShare(weight, 0, 0).is_within
