"""Whose the requests are that reached neither version."""

import pytest

from petmesh.ramp.measurements import Figures, Lost, Observation, attribute_unrouted, baseline
from petmesh.ramp.target import Release


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
    known = Figures(requests=stable, errors=1 if stable else 0), Figures(requests=canary, p50=5)
    first, second = attribute_unrouted(*known, Lost(lost), weight)
    assert (second.requests, second.errors, second.p50) == (canary + own, own, 5)
    assert first.requests + second.requests == stable + canary + lost
    assert first.errors + second.errors == known[0].errors + lost
    assert (first.lost, second.lost) == (lost - own, own)


def test_what_overflows_the_stable_version_at_weight_0_is_no_failure_of_the_testers() -> None:
    known = Figures(requests=900), Figures(requests=5)
    stable, canary = attribute_unrouted(*known, Lost(23, overflowed=20), 0)
    assert (stable.errors, canary.errors) == (20, 3)
    # With a weight it is the share that tells.
    stable, canary = attribute_unrouted(*known, Lost(100, overflowed=100), 10)
    assert (stable.errors, canary.errors) == (4.5, 95.5)


def test_what_is_due_to_the_canary_is_its_weight_or_its_copies() -> None:
    seen = Observation(seconds=60, stable=Figures(requests=800), canary=Figures(requests=200))
    assert Release("v1", "v2", 25).due(seen) == 250
    assert Release("v1", "v2", 0, 50).due(seen) == 400
    assert Release("v1", "v2").due(seen) == 0


def test_the_baseline_is_from_before_or_else_the_busiest_window_with_enough_requests() -> None:
    def seen(requests: int, seconds: float) -> Observation:
        return Observation(seconds=seconds, stable=Figures(requests=requests), canary=Figures())

    before, at_50, few, storm = seen(6000, 60), seen(6000, 120), seen(400, 1), seen(9000, 30)
    assert baseline(before, (at_50, storm), 500) == before
    assert baseline(None, (at_50, few), 500) == at_50
    assert baseline(few, (at_50,), 500) == at_50
    assert baseline(few, (), 500) == few
    assert baseline(None, (few,), 500) is None
