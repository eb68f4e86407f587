"""Evidence that a canary is worse: what chance may make of it, and what it is right about."""

import math
import random
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petmesh.ramp.evidence import Evidence, Interval, beyond, compared, learned
from petmesh.ramp.measurements import Figures
from petmesh.ramp.scores import later, more_beyond, more_failures, more_than, slower
from petmesh.ramp.spreads import NOTHING_LEARNED, OFFSETS, PAST_FAILURES

TILTS = (0.5, 1.0, 3.0)
COUNTS = st.integers(0, 12)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 0.95))
def test_by_chance_a_draw_gains_nothing_on_average(bad: int, good: int, share: float) -> None:
    """Over every way to draw the canary's answers from all, each as likely as it is."""
    total = bad + good
    canarys = min(total - 1, max(1, round(share * total)))
    part = bad / total
    means = np.zeros((1 + len(TILTS), len(OFFSETS)))
    for own in range(max(0, canarys - good), min(bad, canarys) + 1):
        ways = math.comb(bad, own) * math.comb(good, canarys - own) / math.comb(total, canarys)
        groups = ((bad, own, 1 - part), (good, canarys - own, -part))
        means += ways * np.exp(compared(groups, canarys / total, TILTS).gains)
    assert np.all(means <= 1.2)
    assert means[:, np.abs(OFFSETS) < 0.5][0] == pytest.approx(1.0, abs=0.05)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.floats(0.01, 0.99))
def test_at_what_is_allowed_a_limit_gains_nothing_on_average(total: int, allowed: float) -> None:
    means = np.zeros((1 + len(TILTS), len(OFFSETS)))
    for bad in range(total + 1):
        likely = math.comb(total, bad) * allowed**bad * (1 - allowed) ** (total - bad)
        means += likely * np.exp(beyond(bad, total, allowed, TILTS).gains)
    assert np.all(means <= 1 + 1e-9)
    assert means[:, OFFSETS > 0] == pytest.approx(1.0)


def failures(
    canary: tuple[float, float],
    stable: tuple[float, float],
    known: Figures | None = None,
    *,
    itself: bool = False,
) -> Interval:
    one, other = (Figures(requests=of, errors=part) for part, of in (canary, stable))
    return more_failures(one, other, (known or Figures()) + one + other, itself=itself)


def evidence(*intervals: Interval, past: Sequence[Interval] = ()) -> float:
    known = Evidence(learned(past, PAST_FAILURES))
    for each in intervals:
        known.add(each)
    return known.log


# At a risk of 1%, of which the slowest thousandth has 15%, and failures have more.
NEEDED = math.log(100 / 0.15)
WORSE = failures((8, 150), (7, 1350))
CALM = [failures((8 + sign, 1500), (8 - sign, 1500)) for sign in (-1, 1)] * 17


def test_a_worse_version_is_found_in_few_intervals_and_an_alike_one_in_none() -> None:
    assert evidence(*[WORSE] * 6) > NEEDED
    assert evidence(*[failures((1, 150), (9, 1350))] * 200) < 0
    assert evidence(*[failures((0, 150), (9, 1350))] * 200) < 0


@pytest.mark.parametrize("past", [[], CALM], ids=["unknown", "calm"])
def test_a_version_that_is_a_little_better_for_good_is_no_worse_one(past: list[Interval]) -> None:
    for part in (0.5, 0.8, 0.9, 0.95):
        better = failures((15 * part, 1500), (135, 13500))
        assert evidence(*[better] * 60, past=past) < 0


def test_after_a_calm_past_two_intervals_are_enough_and_one_is_not() -> None:
    assert evidence(WORSE, past=CALM) < NEEDED < evidence(WORSE, WORSE, past=CALM)
    assert evidence(failures((40, 150), (7, 1350)), past=CALM) < NEEDED


def test_a_stable_version_that_varies_much_before_the_ramp_makes_it_later() -> None:
    wild = [failures((16, 1500), (0, 1500)), failures((0, 1500), (16, 1500))] * 17
    assert evidence(*[WORSE] * 5) > NEEDED > evidence(*[WORSE] * 5, past=wild)
    assert evidence(*[WORSE] * 40, past=wild) > NEEDED


def test_one_strange_interval_among_others_is_no_evidence() -> None:
    good = failures((1, 150), (9, 1350))
    strange = failures((40, 150), (9, 1350))
    for at in range(6):
        intervals = [strange if at == number else good for number in range(6)]
        assert evidence(*intervals, past=CALM) < NEEDED


def test_what_begins_in_a_later_step_is_found_as_soon() -> None:
    known = Evidence(NOTHING_LEARNED)
    for _ in range(200):
        known.add(failures((1, 150), (9, 1350)))
    known.begin()
    for _ in range(6):
        known.add(WORSE)
    assert known.log > NEEDED


def test_to_begin_twice_before_an_interval_is_to_begin_once() -> None:
    once, twice = Evidence(NOTHING_LEARNED), Evidence(NOTHING_LEARNED)
    for each, times in ((once, 1), (twice, 3)):
        each.add(WORSE)
        for _ in range(times):
            each.begin()
        each.add(WORSE)
    assert once.log == twice.log


def test_intervals_that_wander_together_count_as_fewer() -> None:
    past = [failures((12 + 8 * (-1) ** (at // 4), 1500), (12, 1500)) for at in range(34)]
    worse = failures((3, 150), (13, 1350))
    assert evidence(*[worse] * 20, past=past) < evidence(*[worse] * 20, past=CALM) - 3


FLAWLESS = Figures(requests=90_000)


def test_a_burst_is_no_fault_that_lasts_once_nothing_fails_any_more() -> None:
    burst, silent = (failures((bad, 150), (0, 1350), FLAWLESS) for bad in (8, 0))
    assert evidence(burst, burst) > 2
    assert evidence(burst, burst, *[silent] * 9) < 0
    assert evidence(*[silent] * 200) < 0


def test_a_past_in_which_nothing_fails_shows_that_trouble_is_not_usual() -> None:
    past = [failures((0, 1500), (0, 1500), FLAWLESS, itself=True)] * 60
    fault = failures((7, 150), (0, 1350), FLAWLESS)
    assert evidence(fault, fault, past=past) > NEEDED > evidence(fault, fault)


def test_failures_are_found_where_an_interval_has_a_request_or_two() -> None:
    rng = random.Random(5)  # noqa: S311
    known = Figures(requests=1000, errors=5)
    logs = {}
    for part in (0.005, 0.05):
        held = Evidence(NOTHING_LEARNED)
        for _ in range(500):
            one, other = (
                Figures(requests=of, errors=sum(rng.random() < bad for _ in range(of)))
                for of, bad in ((2, part), (14, 0.005))
            )
            held.add(more_failures(one, other, known + one + other))
        logs[part] = held.log
    assert logs[0.05] > NEEDED > 0 > logs[0.005]


BOUNDS = (10.0, 25.0, 50.0, 100.0)


slowest, farthest = partial(more_beyond, part=0.97), partial(more_beyond, part=0.999)


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
        logs = [evidence(*[way(one, other, one + other)] * 9) for way in (slower, slowest)]
        assert (max(logs) > NEEDED) == found


@pytest.mark.parametrize("width", [0.3, 0.6, 1.5])
def test_answers_that_are_a_little_slower_are_none_however_much_they_vary(width: float) -> None:
    def answers(number: int, times: float = 1.0) -> Figures:
        parts = [NormalDist(3, width).inv_cdf((each + 0.5) / number) for each in range(number)]
        return histogram([times * math.exp(part) for part in parts])

    stable, known = answers(1350), answers(10_000)
    a_little, slow = (
        evidence(*[slower(answers(150, times), stable, known)] * 40) for times in (1.05, 1.3)
    )
    assert slow > NEEDED > 0 > a_little


def test_answers_later_than_any_that_were_known_are_found_though_the_slowest_vary() -> None:
    slow, usual = histogram([20.0] * 1290 + [60.0] * 60), histogram([20.0] * 1345 + [60.0] * 5)
    stable = [slow, usual] * 30
    known = sum(stable, Figures())
    past = {
        way: [way(one, other, known, itself=True) for one, other in pairwise(stable)]
        for way in (slowest, farthest)
    }
    canary = histogram([20.0] * 142 + [200.0] * 8)
    found = {
        way: evidence(*[way(canary, slow, known + canary + slow)] * 2, past=past[way])
        for way in (slowest, farthest)
    }
    assert found[farthest] > NEEDED > found[slowest]


def test_a_few_answers_later_than_all_of_a_calm_hour_are_found_in_one_interval() -> None:
    calm, known = histogram([20.0] * 1500), histogram([20.0] * 180_000)
    past = [farthest(calm, calm, known, itself=True)] * 112
    canary, stable = histogram([20.0] * 144 + [300.0] * 6), histogram([20.0] * 1350)
    late = farthest(canary, stable, known + canary + stable)
    assert evidence(late, past=past) > NEEDED > evidence(late)


def test_a_margin_is_taken_as_if_the_stable_version_were_slower_by_it() -> None:
    stable, canary = histogram([20.0, 24.0] * 700), histogram([32.0, 36.0] * 80)
    known = stable + canary
    assert evidence(*[slower(canary, stable, known)] * 5) > NEEDED
    assert evidence(*[slower(canary, later(stable, 20), known)] * 5) < 0


def test_an_interval_in_which_nothing_can_differ_tells_nothing() -> None:
    nothing = histogram([])
    for interval in (
        failures((0, 100), (0, 900)),
        failures((5, 5), (0, 0)),
        slower(nothing, histogram([20.0]), nothing),
        slower(Figures(requests=9), histogram([20.0]), nothing),
        slowest(Figures(requests=9), histogram([20.0]), nothing),
        more_than(0, 0, 0.01),
    ):
        assert not interval.variance
        assert not interval.gains.any()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), min_size=1, max_size=30))
def test_evidence_is_a_finite_number_whatever_the_counts_are(
    counts: list[tuple[int, int, int, int]],
) -> None:
    known = Evidence(NOTHING_LEARNED)
    for errors, good, others, rest in counts:
        known.add(failures((errors, errors + good), (others, others + rest)))
        assert math.isfinite(known.log)


def test_evidence_is_finite_however_many_requests_there_are() -> None:
    known = Evidence(NOTHING_LEARNED)
    for errors in (0, 2**40, 2**50):
        known.add(failures((errors, 2**50), (2**30, 2**52)))
        assert math.isfinite(known.log)
