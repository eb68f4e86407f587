"""Whose the requests are that reached neither version."""

import pytest

from petmesh.ramp.measurements import (
    Figures,
    Observation,
    UnroutedRequests,
    attribute_unrouted,
)
from petmesh.ramp.target import Release
from tests.unit.ramp.fakes import figures


@pytest.mark.parametrize(
    ("stable", "canary", "lost", "weight", "own"),
    [
        pytest.param(900, 0, 100, 10, 100, id="every pod of the canary is gone"),
        pytest.param(0, 100, 900, 10, 0, id="every pod of the stable version is gone"),
        pytest.param(900, 60, 40, 10, 40, id="the canary went away within the window"),
        pytest.param(0, 0, 500, 100, 500, id="at weight 100 all are the canary's"),
        pytest.param(900, 5, 3, 0, 3, id="testers"),
        pytest.param(0, 5, 300, 0, 0, id="the stable version is gone before any weight"),
        pytest.param(900, 100, 0, 10, 0, id="nothing was lost"),
    ],
)
def test_what_a_version_is_short_of_its_share_never_reached_it(
    stable: int, canary: int, lost: int, weight: int, own: int
) -> None:
    known = (
        Figures(requests=stable, errors=1 if stable else 0),
        Figures(requests=canary, answers=canary),
    )
    first, second = attribute_unrouted(*known, UnroutedRequests(lost), weight)
    assert (second.requests, second.errors, second.answers) == (canary + own, own, canary)
    assert first.requests + second.requests == stable + canary + lost
    assert first.errors + second.errors == known[0].errors + lost
    assert (first.lost, second.lost) == (lost - own, own)


def test_what_overflows_the_stable_version_at_weight_0_is_no_failure_of_the_testers() -> None:
    known = Figures(requests=900), Figures(requests=5)
    stable, canary = attribute_unrouted(*known, UnroutedRequests(23, overflowed=20), 0)
    assert (stable.errors, canary.errors) == (20, 3)
    # With a weight it is the share that tells.
    stable, canary = attribute_unrouted(*known, UnroutedRequests(100, overflowed=100), 10)
    assert (stable.errors, canary.errors) == (4.5, 95.5)


def test_what_is_due_to_the_canary_is_its_weight_or_its_copies() -> None:
    seen = Observation(seconds=60, stable=Figures(requests=800), canary=Figures(requests=200))
    assert Release("v1", "v2", 25).due(seen) == 250
    assert Release("v1", "v2", 0, 50).due(seen) == 400
    assert Release("v1", "v2").due(seen) == 0


def test_what_came_since_an_earlier_look_is_never_less_than_nothing() -> None:
    early, late = figures(100, 4), figures(160, 5)
    assert late.since(early).requests == 60
    assert late.since(early).errors == 1
    assert early.since(late) == figures(0)
    seen = Observation(seconds=60, stable=late, canary=early)
    assert seen.since(None) == seen


def test_figures_that_have_other_bounds_are_added_at_those_that_both_have() -> None:
    one = Figures(requests=9, answers=9, within={10.0: 4, 50.0: 9})
    other = Figures(requests=1, answers=1, within={50.0: 1, 100.0: 1})
    assert one + other == Figures(requests=10, answers=10, within={50.0: 10})
    assert one + Figures() == one


def test_a_quantile_lies_between_two_bounds_or_is_the_last_one() -> None:
    known = Figures(answers=100, within={10.0: 50, 20.0: 90, 40.0: 95})
    assert (known.quantile(0.25), known.quantile(0.7), known.quantile(0.99)) == (5, 15, 40)
    assert known.slower_than(20) == 10
    assert Figures(requests=5).quantile(0.5) is None
