"""The verdict on a canary's figures."""

import pytest

from petmesh.ramp.conditions import Conditions, Outcome, Verdict, judge
from petmesh.ramp.measurements import Figures, Observation

STABLE = Figures(requests=9000, errors=9, p50=5, p99=20)
STRICT = Conditions(min_requests=100, success_rate=99, success_drop=0.5, p99_ratio=1.5)


def verdict(
    canary: Figures,
    stable: Figures = STABLE,
    conditions: Conditions = STRICT,
    baseline: Figures | None = None,
) -> Verdict:
    return judge(Observation(seconds=60, stable=stable, canary=canary), conditions, baseline)


def test_a_canary_like_the_stable_version_passes_with_both_versions_figures() -> None:
    passed = verdict(Figures(requests=1000, errors=1, p50=5, p99=21))
    assert passed.outcome is Outcome.PASS
    assert passed.reason == (
        "1000 requests: 99.90%, p50 5 ms, p99 21 ms, stable 99.90%, p50 5 ms, p99 20 ms"
    )


def test_too_few_requests_are_no_verdict_though_some_fail() -> None:
    few = verdict(Figures(requests=99, errors=9))
    assert few.outcome is Outcome.NOT_ENOUGH_DATA
    assert few.reason == "99 of the 100 requests that a verdict needs, 9 failed"


def test_so_many_failures_that_they_cannot_be_chance_need_no_further_requests() -> None:
    failed = verdict(Figures(requests=60, errors=10))
    assert failed.outcome is Outcome.FAIL
    assert failed.reason.startswith("success 83.33% (10 of 60 failed), at least 99% is asked for")
    patient = STRICT.model_copy(update={"min_failures": None})
    none = verdict(Figures(requests=60, errors=60), conditions=patient)
    assert none.outcome is Outcome.NOT_ENOUGH_DATA
    # Ten of 60 are no fewer than one in two that may fail.
    lax = Conditions(min_requests=100, success_rate=50, success_drop=None)
    assert verdict(Figures(requests=60, errors=10), conditions=lax).outcome is not Outcome.FAIL


def test_a_rate_that_may_be_chance_neither_passes_nor_fails() -> None:
    unlucky = verdict(Figures(requests=100, errors=2, p50=5, p99=20))
    assert unlucky.outcome is Outcome.NOT_ENOUGH_DATA
    assert unlucky.reason == (
        "success 98.00% (2 of 100 failed), at least 99% is asked for: it may be chance"
    )
    assert verdict(Figures(requests=10000, errors=200, p50=5, p99=20)).outcome is Outcome.FAIL


def test_a_canary_that_most_of_its_share_does_not_reach_fails() -> None:
    observation = Observation(seconds=60, stable=STABLE, canary=Figures(requests=4, p50=5))
    lost = judge(observation, STRICT, None, due=1000)
    assert lost == Verdict(Outcome.FAIL, "4 requests reached it of about 1000 that are its share")
    for due in (0, 99):
        assert judge(observation, STRICT, None, due).outcome is Outcome.NOT_ENOUGH_DATA


def test_a_p99_of_few_answers_is_left_out_and_the_line_says_so() -> None:
    passed = verdict(Figures(requests=499, p50=5, p99=900))
    assert passed.outcome is Outcome.PASS
    assert passed.reason.endswith("; p99 needs 500 answers")
    assert verdict(Figures(requests=500, p50=5, p99=900)).outcome is Outcome.FAIL


def test_a_limit_on_the_p99_waits_for_as_many_answers_as_a_p99_needs() -> None:
    few = Figures(requests=499, p50=5, p99=20)
    for ratio in (None, 1.5):
        limited = STRICT.model_copy(update={"p99_ms": 500.0, "p99_ratio": ratio})
        waits = Verdict(Outcome.NOT_ENOUGH_DATA, "p99 needs 500 answers")
        assert verdict(few, conditions=limited) == waits
        enough = few.model_copy(update={"requests": 500.0})
        assert verdict(enough, conditions=limited).outcome is Outcome.PASS
        # What is known to be bad fails all the same.
        bad = few.model_copy(update={"errors": 200.0})
        assert verdict(bad, conditions=limited).outcome is Outcome.FAIL


def test_requests_that_reached_no_pod_are_named_as_such() -> None:
    few = verdict(Figures(requests=9, errors=9, lost=8))
    assert few.reason.endswith(", 9 failed, 8 of them reached no pod")
    failed = verdict(Figures(requests=20, errors=20, lost=20))
    assert failed.reason.startswith("success 0.00% (20 of 20 failed, 20 of them reached no pod)")


def test_a_p99_of_few_answers_of_the_stable_version_is_left_out_too() -> None:
    few = Figures(requests=499, p50=5, p99=20)
    passed = verdict(Figures(requests=500, p50=5, p99=900), few)
    assert passed.outcome is Outcome.PASS
    assert passed.reason.endswith("; p99 beside stable's needs 500 of its answers")
    limited = STRICT.model_copy(update={"p99_ms": 500})
    failed = verdict(Figures(requests=500, p50=5, p99=900), few, limited)
    assert failed == Verdict(Outcome.FAIL, "p99 900 ms, at most 500 ms is asked for")


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (
            Figures(requests=1000, errors=20, p50=5, p99=20),
            "success 98.00% (20 of 1000 failed), at least 99% is asked for",
        ),
        (
            Figures(requests=10000, errors=90, p50=5, p99=20),
            "success 99.10% (90 of 10000 failed), more than 0.5 points below stable's 99.90%",
        ),
        (
            Figures(requests=1000, errors=0, p50=5, p99=31),
            "p99 31 ms, at most 30 ms is asked for beside stable's 20 ms",
        ),
        (
            Figures(requests=1000, errors=0, p50=16, p99=20),
            "p50 16 ms, at most 15 ms is asked for beside stable's 5 ms",
        ),
    ],
)
def test_a_worse_canary_fails_and_the_line_says_by_which_figures(
    canary: Figures, reason: str
) -> None:
    assert verdict(canary) == Verdict(Outcome.FAIL, reason)


def test_a_few_milliseconds_more_are_noise() -> None:
    fast = Figures(requests=9000, errors=0, p50=1, p99=2)
    assert verdict(Figures(requests=1000, p50=3, p99=12), fast).outcome is Outcome.PASS


def test_an_absolute_limit_holds_whatever_the_stable_version_does() -> None:
    slow = Figures(requests=9000, errors=0, p50=400, p99=900)
    limited = Conditions(p99_ms=500)
    failed = verdict(Figures(requests=1000, p50=400, p99=900), slow, limited)
    assert failed == Verdict(Outcome.FAIL, "p99 900 ms, at most 500 ms is asked for")


def test_without_stable_requests_the_earlier_figures_stand_in() -> None:
    failed = verdict(Figures(requests=1000, p50=5, p99=99), Figures(), baseline=STABLE)
    reason = "p99 99 ms, at most 30 ms is asked for beside stable's earlier 20 ms"
    assert failed == Verdict(Outcome.FAIL, reason)


def test_a_canary_that_answers_nothing_fails_without_any_latency() -> None:
    assert verdict(Figures(requests=1000, errors=1000)).outcome is Outcome.FAIL


def test_conditions_can_be_switched_off() -> None:
    none = Conditions(
        success_rate=None, success_drop=None, p50_ratio=None, p99_ratio=None, min_requests=1
    )
    assert verdict(Figures(requests=1, errors=1, p99=9e9), conditions=none).outcome is Outcome.PASS


def test_answers_whose_latency_is_not_known_yet_are_no_verdict() -> None:
    assert verdict(Figures(requests=1000, p50=5)).outcome is Outcome.NOT_ENOUGH_DATA
    without = Conditions(p50_ratio=None, p99_ratio=None)
    assert verdict(Figures(requests=1000), conditions=without).outcome is Outcome.PASS


def test_without_any_figures_of_the_stable_version_a_relative_condition_has_no_verdict() -> None:
    seen = Observation(
        seconds=60, stable=Figures(), canary=Figures(requests=1000, errors=0, p50=5, p99=20)
    )
    assert judge(seen, Conditions(), None).outcome is Outcome.NOT_ENOUGH_DATA
    alone = Conditions(success_drop=None, p50_ratio=None, p99_ratio=None)
    assert judge(seen, alone, None).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"p50_ratio": 1.5}, "stable's p50 is not known"),
        ({"p99_ratio": 1.5}, "stable's p99 is not known"),
        ({"p50_ratio": 1.5, "p50_ms": 99999}, "stable's p50 is not known"),
    ],
)
def test_a_latency_of_the_stable_version_that_is_asked_for_and_not_known_is_no_pass(
    asked: dict[str, float], reason: str
) -> None:
    none: dict[str, None] = {"success_drop": None, "p50_ratio": None, "p99_ratio": None}
    conditions = Conditions.model_validate({**none, **asked})
    slow = Figures(requests=1000, p50=9000, p99=9000)
    unknown = verdict(slow, Figures(requests=9000), conditions)
    assert unknown == Verdict(Outcome.NOT_ENOUGH_DATA, reason)
    earlier = verdict(slow, Figures(), conditions, baseline=Figures(requests=9000))
    assert earlier.reason == reason.replace("stable's", "stable's earlier")


CONDITIONS = {
    "success_rate": 99.0,
    "success_drop": 1.0,
    "p50_ms": 10.0,
    "p99_ms": 50.0,
    "p50_ratio": 1.5,
    "p99_ratio": 1.5,
}
FEW, MANY = 1000, 9000
NONE = dict.fromkeys(CONDITIONS, None)


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("canary", [Figures(requests=FEW), Figures(requests=FEW, errors=FEW)])
def test_no_condition_that_is_asked_for_passes_without_the_figures_it_needs(
    name: str, canary: Figures
) -> None:
    """A canary with counts alone, beside a stable version of which nothing is known."""
    alone = Conditions.model_validate({**NONE, name: CONDITIONS[name]})
    outcome = judge(Observation(seconds=60, stable=Figures(), canary=canary), alone, None).outcome
    answered = name == "success_rate" and not canary.errors
    assert (outcome is Outcome.PASS) == answered
