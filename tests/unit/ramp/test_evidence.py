"""Evidence that a canary is worse: what chance may make of it, and what it is right about."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petmesh.ramp.evidence import Evidence, Interval, beyond, compared
from petmesh.ramp.measurements import Figures
from petmesh.ramp.scores import more_failures, more_than, slower

TILTS = (0.5, 1.0, 3.0)
COUNTS = st.integers(0, 12)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 0.95))
def test_by_chance_a_draw_gains_nothing_on_average(bad: int, good: int, share: float) -> None:
    """Over every way in which the requests may have been divided, each as likely as it is."""
    part = bad / (bad + good)
    means = [0.0] * len(TILTS)
    for own_bad in range(bad + 1):
        for own_good in range(good + 1):
            likely = math.comb(bad, own_bad) * math.comb(good, own_good)
            likely *= share ** (own_bad + own_good)
            likely *= (1 - share) ** (bad + good - own_bad - own_good)
            groups = ((bad, own_bad, 1 - part), (good, own_good, -part))
            interval = compared(groups, share, TILTS)
            assert interval is not None
            for index, gain in enumerate(interval.gains):
                means[index] += likely * math.exp(gain)
    assert means == pytest.approx([1.0] * len(TILTS))


@given(st.integers(1, 40), st.floats(0.01, 0.99))
def test_at_what_is_allowed_a_limit_gains_nothing_on_average(total: int, allowed: float) -> None:
    means = [0.0] * len(TILTS)
    for bad in range(total + 1):
        likely = math.comb(total, bad) * allowed**bad * (1 - allowed) ** (total - bad)
        interval = beyond(bad, total, allowed, TILTS)
        assert interval is not None
        for index, gain in enumerate(interval.gains):
            means[index] += likely * math.exp(gain)
    assert means == pytest.approx([1.0] * len(TILTS))


def failures(canary: tuple[float, float], stable: tuple[float, float]) -> Interval | None:
    return more_failures(
        Figures(requests=canary[1], errors=canary[0]), Figures(requests=stable[1], errors=stable[0])
    )


def evidence(*intervals: Interval | None, past: tuple[Interval | None, ...] = ()) -> float:
    known = Evidence(each for each in past if each)
    for each in intervals:
        if each:
            known.add(each)
    return known.log


NEEDED = math.log(600)
WORSE = failures((8, 150), (7, 1350))


def test_a_worse_version_is_found_in_few_intervals_and_an_alike_one_in_none() -> None:
    assert evidence(*[WORSE] * 6) > NEEDED
    assert evidence(*[failures((1, 150), (9, 1350))] * 200) < 0
    assert evidence(*[failures((0, 150), (9, 1350))] * 200) < 0


def test_a_stable_version_that_varies_little_before_the_ramp_makes_it_sooner() -> None:
    calm = [failures((8 + sign, 1500), (8 - sign, 1500)) for sign in (-1, 1)] * 10
    wild = [failures((16, 1500), (0, 1500)), failures((0, 1500), (16, 1500))] * 10
    soon = evidence(WORSE, WORSE, WORSE, past=tuple(calm))
    assert soon > NEEDED > evidence(WORSE, WORSE, WORSE)
    assert evidence(WORSE, WORSE, WORSE, past=tuple(wild)) < NEEDED


def test_one_interval_is_not_enough_where_nothing_is_known_of_how_much_they_vary() -> None:
    assert evidence(failures((40, 150), (7, 1350))) < NEEDED


def test_what_begins_in_a_later_step_is_found_as_soon() -> None:
    known = Evidence()
    for _ in range(200):
        if good := failures((1, 150), (9, 1350)):
            known.add(good)
    known.begin()
    for _ in range(6):
        assert WORSE is not None
        known.add(WORSE)
    assert known.log > NEEDED


def test_intervals_that_each_err_as_the_one_before_count_as_fewer() -> None:
    def wave(length: int) -> float:
        bad, good = failures((20, 750), (4, 750)), failures((9, 750), (9, 750))
        return evidence(*([bad] * length + [good] * length) * (24 // length))

    assert wave(4) < wave(1) / 2


BOUNDS = (10.0, 25.0, 50.0, 100.0)


def histogram(latencies: list[float]) -> Figures:
    within = {bound: float(sum(each <= bound for each in latencies)) for bound in BOUNDS}
    return Figures(requests=len(latencies), answers=len(latencies), within=within)


def test_slower_answers_are_found_wherever_they_are_and_faster_ones_are_not() -> None:
    rng = random.Random(5)  # noqa: S311
    stable = [rng.lognormvariate(3, 0.6) for _ in range(1350)]
    alike = [rng.lognormvariate(3, 0.6) for _ in range(150)]
    for canary, found in (
        (alike, False),
        ([each * 0.7 for each in alike], False),
        ([each * 1.3 for each in alike], True),
        ([each + 300 * (index % 20 == 0) for index, each in enumerate(alike)], True),
    ):
        one, other = histogram(canary), histogram(stable)
        assert (evidence(*[slower(one, other, one + other)] * 5) > NEEDED) == found


def test_a_margin_is_taken_as_if_the_stable_version_were_slower_by_it() -> None:
    stable, canary = histogram([20.0, 24.0] * 700), histogram([32.0, 36.0] * 80)
    known = stable + canary
    assert evidence(*[slower(canary, stable, known)] * 5) > NEEDED
    assert evidence(*[slower(canary, stable, known, margin=20)] * 5) < 0


def test_an_interval_in_which_nothing_can_differ_tells_nothing() -> None:
    assert failures((0, 100), (0, 900)) is None
    assert failures((5, 5), (0, 0)) is None
    nothing = histogram([])
    assert slower(nothing, histogram([20.0]), nothing) is None
    assert slower(Figures(requests=9), histogram([20.0]), nothing) is None
    assert more_than(0, 0, 0.01) is None


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), min_size=1, max_size=30))
def test_evidence_is_a_finite_number_whatever_the_counts_are(
    counts: list[tuple[int, int, int, int]],
) -> None:
    known = Evidence()
    for errors, good, others, rest in counts:
        found = failures((errors, errors + good), (others, others + rest))
        if found:
            known.add(found)
            assert math.isfinite(known.log)


def test_evidence_grows_with_each_interval_that_is_as_bad() -> None:
    logs = [evidence(*[WORSE] * number) for number in range(1, 20)]
    assert all(low < high for low, high in pairwise(logs))
