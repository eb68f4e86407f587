"""The verdict on a canary's figures."""

import pytest

from canary.conditions import Conditions, Outcome, Verdict, judge
from canary.figures import Figures, Observation

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


def test_too_few_requests_are_no_verdict_even_if_all_fail() -> None:
    few = verdict(Figures(requests=99, errors=99))
    assert few.outcome is Outcome.NOT_ENOUGH_DATA
    assert few.reason == "99 of the 100 requests that a verdict needs"


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (
            Figures(requests=1000, errors=20, p50=5, p99=20),
            "success 98.00% (20 of 1000 failed), at least 99% is asked for",
        ),
        (
            Figures(requests=1000, errors=8, p50=5, p99=20),
            "success 99.20% (8 of 1000 failed), more than 0.5 points below stable's 99.90%",
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
