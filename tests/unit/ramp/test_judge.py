"""The verdict on a canary, interval by interval."""

import pytest

from petmesh.ramp.conditions import Conditions, Outcome, Verdict
from petmesh.ramp.judge import Judge
from petmesh.ramp.measurements import Figures, Observation
from tests.unit.ramp.fakes import BOUNDS, figures

STABLE = figures(9000, 9)
WARM = Conditions(min_requests=100, warm_up=0)
ALONE = WARM.model_copy(update={"compare": ()})


def seen(canary: Figures, stable: Figures = STABLE, seconds: float = 30) -> Observation:
    return Observation(seconds=seconds, stable=stable, canary=canary)


def verdicts(
    *canaries: Figures,
    stable: Figures = STABLE,
    conditions: Conditions = WARM,
    before: tuple[Figures, ...] = (),
) -> list[Verdict]:
    judge = Judge(conditions, [seen(Figures(), each) for each in before])
    return [judge.take(seen(each, stable)) for each in canaries]


def found_after(*canaries: Figures, **more: object) -> int | None:
    """How many intervals it takes until the canary fails."""
    outcomes = [each.outcome for each in verdicts(*canaries, **more)]  # pyright: ignore[reportArgumentType]
    return outcomes.index(Outcome.FAIL) + 1 if Outcome.FAIL in outcomes else None


def test_a_canary_like_the_stable_version_passes_with_both_versions_figures() -> None:
    [passed] = verdicts(figures(1000, 1))
    assert passed.outcome is Outcome.PASS
    assert passed.reason == (
        "1000 requests: 99.90%, p50 3.02 ms, p99 5 ms, stable 99.90%, p50 3.02 ms, p99 5 ms"
    )


def test_too_few_requests_are_no_verdict_though_some_fail() -> None:
    [few] = verdicts(figures(99, 9))
    assert few == Verdict(
        Outcome.NOT_ENOUGH_DATA, "99 of the 100 requests that a verdict needs, 9 failed"
    )
    assert verdicts(figures(99))[0].clean


def test_the_requests_of_a_step_are_counted_together_and_those_of_another_are_not() -> None:
    judge = Judge(WARM)
    assert judge.take(seen(figures(60))).outcome is Outcome.NOT_ENOUGH_DATA
    assert judge.take(seen(figures(60))).outcome is Outcome.PASS
    judge.begin_stage()
    assert judge.take(seen(figures(60))).outcome is Outcome.NOT_ENOUGH_DATA


def test_a_canary_that_fails_most_requests_fails_in_one_interval_however_few_they_are() -> None:
    assert verdicts(figures(12, 10)) == [
        Verdict(
            Outcome.FAIL,
            "success 16.67% (10 of 12 failed), stable 99.90% (9 of 9000 failed)",
        )
    ]
    assert found_after(figures(4, 4), figures(4, 4), figures(4, 4)) in (2, 3)
    lost = Figures(requests=1000, errors=1000, lost=1000)
    assert "1000 of them reached no pod" in verdicts(lost)[0].reason


def test_what_fails_in_both_versions_is_no_fault_of_the_canary() -> None:
    broken = figures(9000, 8000)
    assert found_after(*[figures(1000, 890)] * 20, stable=broken) is None


def test_a_few_more_failures_fail_within_a_few_intervals_and_not_in_one() -> None:
    assert 1 < (found_after(*[figures(1000, 20)] * 20, stable=figures(9000, 90)) or 0) <= 8
    assert found_after(*[figures(1000, 10)] * 200, stable=figures(9000, 90)) is None
    [*_, last] = verdicts(*[figures(1000, 50)] * 9)
    assert last.reason.startswith("success 95.00% (450 of 9000 failed), stable 99.90% ")


def test_a_suspicion_holds_a_step_up_for_ten_intervals_at_most() -> None:
    judge = Judge(WARM)
    outcomes = [judge.take(seen(figures(1000, 20), figures(9000, 90))).outcome]
    while outcomes[-1] is not Outcome.NOT_ENOUGH_DATA:
        outcomes.append(judge.take(seen(figures(1000, 20), figures(9000, 90))).outcome)
    # No worse any more, so that it is neither proven nor forgotten.
    later = [judge.take(seen(figures(0), figures(0))).outcome for _ in range(12)]
    assert later == [Outcome.NOT_ENOUGH_DATA] * 9 + [Outcome.PASS] * 3


def test_slower_answers_fail_after_the_warm_up_alone() -> None:
    slow = [figures(1000, ms=10)] * 9
    assert (found_after(*slow) or 0) <= 6
    cold = WARM.model_copy(update={"warm_up": 120.0})
    assert found_after(*slow[:4], conditions=cold) is None
    assert "once it is warm" in verdicts(*slow[:4], conditions=cold)[-1].reason
    assert 4 < (found_after(*slow, *slow, conditions=cold) or 0) <= 4 + (found_after(*slow) or 0)
    [*_, last] = verdicts(*slow)
    assert last.reason.startswith("slower than stable: p50 7.53 ms, p99 10 ms; stable p50 3.02 ms")


def test_a_part_that_is_slower_than_the_margin_is_found_and_what_is_within_it_passes() -> None:
    margin = WARM.model_copy(update={"latency_margin_ms": 100.0})
    before = (STABLE,) * 20
    partly = dict.fromkeys(BOUNDS, 360.0) | {1.0: 0.0, 500.0: 1000.0}
    slow = Figures(requests=1000, answers=1000, within=partly)
    assert (found_after(*[slow] * 20, conditions=margin, before=before) or 99) <= 4
    within = verdicts(*[figures(1000, ms=50)] * 50, conditions=margin, before=before)
    assert {each.outcome for each in within} == {Outcome.PASS}


def test_what_is_suspected_for_two_reasons_is_told_once() -> None:
    [waits] = verdicts(figures(100, 9), stable=figures(900, 1))
    assert waits.reason.count("it may be chance") == 1


def test_a_canary_that_most_of_its_share_does_not_reach_fails() -> None:
    judge = Judge(WARM)
    assert judge.take(seen(figures(4)), due=60).outcome is Outcome.NOT_ENOUGH_DATA
    lost = judge.take(seen(figures(4)), due=60)
    assert lost == Verdict(Outcome.FAIL, "8 requests reached it of about 120 that are its share")
    assert Judge(WARM).take(seen(figures(51)), due=100).outcome is Outcome.NOT_ENOUGH_DATA


def test_without_any_figures_of_the_stable_version_there_is_nothing_to_compare_with() -> None:
    [none] = verdicts(figures(1000), stable=Figures())
    assert none.reason == "no figures of the stable version are known yet"
    assert none.outcome is Outcome.NOT_ENOUGH_DATA
    assert verdicts(figures(1000), stable=Figures(), conditions=ALONE)[0].outcome is Outcome.PASS


def test_at_100_it_is_compared_with_the_stable_versions_worst_from_before() -> None:
    before = (figures(9000, 9), figures(9000, 90, ms=10)) * 10

    def outcomes(*canaries: Figures) -> list[Outcome]:
        return [each.outcome for each in verdicts(*canaries, stable=Figures(), before=before)]

    [passed] = verdicts(figures(1000, 40, ms=10), stable=Figures(), before=before)
    assert "stable earlier 99.45%" in passed.reason
    assert passed.outcome is Outcome.PASS
    assert set(outcomes(*[figures(1000, 40, ms=10)] * 50)) == {Outcome.PASS}
    waits, lowers = Outcome.NOT_ENOUGH_DATA, Outcome.NOT_COMPARABLE
    for worse in (figures(1000, 150), figures(1000, ms=50)):
        assert outcomes(worse, worse) == [waits, lowers]
        assert outcomes(worse, figures(9000), worse) == [waits, Outcome.PASS, waits]
    few = figures(15, 3)
    assert outcomes(few, few, few) == [waits, waits, lowers]
    [failed] = verdicts(figures(1000, 600), stable=Figures(), before=before)
    assert failed.outcome is Outcome.FAIL
    assert failed.reason.endswith("stable earlier 99.45% (990 of 180000 failed)")


def test_limits_are_held_without_a_comparison() -> None:
    rate = ALONE.model_copy(update={"success_rate": 99.0})
    assert found_after(*[figures(1000, 10)] * 100, conditions=rate) is None
    assert (found_after(*[figures(1000, 30)] * 20, conditions=rate) or 0) <= 8
    unlucky = verdicts(figures(100, 2), conditions=rate)[0]
    assert unlucky == Verdict(
        Outcome.NOT_ENOUGH_DATA,
        "success 98.00% (2 of 100 failed), at least 99% is asked for: it may be chance",
    )
    for name, limit, ms in (("p50_ms", 10.0, 25), ("p99_ms", 50.0, 100)):
        latency = ALONE.model_copy(update={name: limit})
        assert found_after(*[figures(1000)] * 100, conditions=latency) is None
        assert (found_after(*[figures(1000, ms=ms)] * 20, conditions=latency) or 0) <= 8


def test_a_limit_beyond_the_histograms_last_bound_is_not_known_to_be_held() -> None:
    far = ALONE.model_copy(update={"p99_ms": 2 * BOUNDS[-1]})
    [unknown] = verdicts(figures(1000), conditions=far)
    assert unknown.outcome is Outcome.NOT_ENOUGH_DATA
    assert unknown.reason == "its p99 is not known: the histogram has no bound from 1000 ms on"


def test_a_lower_risk_takes_longer() -> None:
    bad = [figures(1000, 20)] * 20
    careful = WARM.model_copy(update={"risk": 0.001})
    quick = WARM.model_copy(update={"risk": 10.0})
    stable = figures(9000, 90)
    soon, late = (found_after(*bad, stable=stable, conditions=each) for each in (quick, careful))
    assert soon is not None
    assert late is None or soon < late


def own(bad: float, total: float = 1000) -> Figures:
    return figures(1000).model_copy(update={"own": {"checkouts": (bad, total)}})


def test_what_the_users_own_query_counts_is_judged_alone_or_beside_stable() -> None:
    beside = ALONE.model_copy(update={"own": {"checkouts": None}})
    stable = figures(9000).model_copy(update={"own": {"checkouts": (90.0, 9000.0)}})
    assert found_after(*[own(10)] * 100, conditions=beside, stable=stable) is None
    assert (found_after(*[own(40)] * 20, conditions=beside, stable=stable) or 0) <= 8
    [*_, last] = verdicts(*[own(40)] * 8, conditions=beside, stable=stable)
    assert last.reason == "checkouts: 4.00% (320 of 8000), stable 1.00% (720 of 72000)"
    alone = ALONE.model_copy(update={"own": {"checkouts": 5.0}})
    assert found_after(*[own(40)] * 100, conditions=alone) is None
    assert (found_after(*[own(90)] * 20, conditions=alone) or 0) <= 8
    [unknown] = verdicts(figures(1000), conditions=alone)
    assert unknown.reason == "its checkouts is not known"
    assert unknown.outcome is Outcome.NOT_ENOUGH_DATA


ASKED = {
    "compare": ("failures",),
    "success_rate": 99.0,
    "p50_ms": 10.0,
    "p99_ms": 50.0,
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("canary", [Figures(requests=1000), Figures(requests=1000, errors=1000)])
def test_no_condition_that_is_asked_for_passes_without_the_figures_it_needs(
    name: str, canary: Figures
) -> None:
    """A canary with counts alone, beside a stable version of which nothing is known."""
    alone = Conditions.model_validate({**ALONE.model_dump(), name: ASKED[name]})
    [verdict] = verdicts(canary, stable=Figures(), conditions=alone)
    answered = name == "success_rate" and not canary.errors
    assert (verdict.outcome is Outcome.PASS) == answered


def test_answers_whose_latency_is_not_known_are_no_pass() -> None:
    compared = WARM.model_copy(update={"compare": ("latency",)})
    [unknown] = verdicts(Figures(requests=1000), conditions=compared)
    assert unknown == Verdict(Outcome.NOT_ENOUGH_DATA, "its latencies are not known", clean=True)
    [others] = verdicts(figures(1000), stable=Figures(requests=9000), conditions=compared)
    assert others.reason == "stable's latencies are not known"


@pytest.mark.parametrize("errors", [70, 80, 100, 120, 160, 250, 400])
def test_however_much_worse_than_its_limit_it_is_found(errors: int) -> None:
    limit = ALONE.model_copy(update={"success_rate": 95.0})
    assert (found_after(*[figures(1000, errors)] * 20, conditions=limit) or 99) <= 12


@pytest.mark.parametrize(
    ("canary", "stable", "alarmed"),
    [
        (figures(100, 30), STABLE, True),
        (figures(100, 4), STABLE, False),
        (figures(1000, 49), STABLE, False),
        (figures(100, 30), figures(9000, 3000), False),
    ],
)
def test_much_that_fails_in_the_canary_alone_is_looked_at_again_soon(
    canary: Figures, stable: Figures, *, alarmed: bool
) -> None:
    judge = Judge(WARM)
    judge.take(seen(canary, stable))
    assert judge.alarmed == alarmed
    assert not judge.is_broken(seen(canary, stable))
    assert judge.is_broken(seen(figures(20, 11)))


def test_alone_what_the_stable_version_did_once_excuses_an_interval_and_no_step() -> None:
    calm, storm = figures(1000, 10), figures(4000, 2000)
    before = (calm, calm, storm, calm)

    def alone(*canaries: Figures) -> list[Outcome]:
        return [each.outcome for each in verdicts(*canaries, stable=Figures(), before=before)]

    waits, lowers, passes = Outcome.NOT_ENOUGH_DATA, Outcome.NOT_COMPARABLE, Outcome.PASS
    assert set(alone(figures(4000, 2100), *[calm] * 20)[1:]) == {passes}
    assert alone(*[figures(4000, 2100)] * 2) == [waits, Outcome.FAIL]
    assert alone(*[figures(4000, 1900)] * 3) == [passes, waits, lowers]
    assert alone(figures(4000, 2300)) == [Outcome.FAIL]
    assert found_after(figures(4000, 2100), stable=Figures(), before=(calm, calm)) == 1


def test_alone_answers_beyond_the_last_bound_are_slow_though_some_of_the_stable_versions_are() -> (
    None
):
    within = dict.fromkeys(BOUNDS, 980.0)
    usual = Figures(requests=1000, answers=1000, within=within)
    slow = Figures(requests=1000, answers=1000, within=dict.fromkeys(BOUNDS, 0.0))
    outcomes = [
        each.outcome for each in verdicts(slow, slow, stable=Figures(), before=(usual, usual))
    ]
    assert outcomes == [Outcome.NOT_ENOUGH_DATA, Outcome.NOT_COMPARABLE]


def test_what_fails_more_than_a_half_never_passes() -> None:
    broken = figures(9000, 5400)
    both = verdicts(*[figures(1000, 600)] * 20, stable=broken, before=(broken, broken))
    assert {each.outcome for each in both} == {Outcome.NOT_ENOUGH_DATA}
    assert "what fails more than a half never passes" in both[-1].reason


def checkouts(bad: float, total: float, requests: int = 1000) -> Figures:
    return figures(requests, 1).model_copy(update={"own": {"checkouts": (bad, total)}})


OWN = Conditions(min_requests=100, warm_up=0, compare=(), own={"checkouts": None})


def test_a_count_of_the_users_that_only_the_canary_has_is_no_pass() -> None:
    calm, broken = (checkouts(1, 900), checkouts(1, 900)), checkouts(900, 900)
    [verdict] = verdicts(checkouts(0, 900), stable=checkouts(0, 0), conditions=OWN)
    assert verdict.outcome is Outcome.NOT_ENOUGH_DATA
    assert verdict.reason == "stable's checkouts is not known"
    first, second = verdicts(broken, broken, stable=Figures(), conditions=OWN, before=calm)
    assert first.outcome is Outcome.NOT_ENOUGH_DATA
    assert second == Verdict(
        Outcome.NOT_COMPARABLE,
        "checkouts: 100.00% (1800 of 1800), stable earlier 0.11% (2 of 1800)",
    )
    [good] = verdicts(checkouts(1, 900), stable=Figures(), conditions=OWN, before=calm)
    assert good.outcome is Outcome.PASS


def test_latencies_that_cannot_be_compared_are_no_pass() -> None:
    slow = figures(1000, 1, ms=50)
    without = STABLE.model_copy(update={"answers": 0.0, "within": {}})
    [verdict] = verdicts(slow, stable=without, before=(STABLE,))
    assert verdict.outcome is Outcome.NOT_ENOUGH_DATA
    assert verdict.reason.startswith("stable's latencies are not known; ")
    other = slow.model_copy(update={"within": {bound + 1: n for bound, n in slow.within.items()}})
    [verdict] = verdicts(other, before=(STABLE,))
    assert verdict.outcome is Outcome.NOT_ENOUGH_DATA
    assert verdict.reason.startswith("stable's latencies are not known by the same bounds")


def test_a_margin_is_kept_wherever_in_its_bucket_an_answer_was() -> None:
    within = {0.0: 0.0, 25.0: 1000.0, 50.0: 1000.0}
    stable = Figures(requests=1000, answers=1000, within=within)
    canary = stable.model_copy(update={"within": {**within, 25.0: 0.0}})
    margin = WARM.model_copy(update={"latency_margin_ms": 5.0})
    assert found_after(*[canary] * 40, stable=stable) is not None
    assert found_after(*[canary] * 40, stable=stable, conditions=margin) is None


def test_testers_are_compared_with_nobody() -> None:
    judge = Judge(WARM)
    slow = seen(figures(150, 12, ms=50))
    outcomes = {judge.take(slow, due=None).outcome for _ in range(20)}
    assert Outcome.FAIL not in outcomes
    judge.begin_stage()
    assert judge.take(seen(figures(150, 0)), due=150).outcome is Outcome.PASS
    assert judge.take(seen(figures(20, 20)), due=None).outcome is Outcome.FAIL


def test_a_limit_of_latency_alone_passes_no_canary_that_fails_everything() -> None:
    limit = ALONE.model_copy(update={"p99_ms": 100.0})
    assert verdicts(figures(500, 500), conditions=limit)[0].outcome is Outcome.FAIL
