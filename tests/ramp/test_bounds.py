"""How far off a rate may be by chance, against tables and by counting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petmesh.ramp.confidence import failing, least_difference


@pytest.mark.parametrize(
    ("errors", "requests", "low", "high"),
    [
        # Wilson's interval solves |p - rate| = z * sqrt(p * (1 - p) / n) for p.
        (0, 10, 0.0, 100 * 2.326**2 / (10 + 2.326**2)),
        (10, 10, 100 * 10 / (10 + 2.326**2), 100.0),
    ],
)
def test_the_bounds_where_none_or_all_fail(
    errors: int, requests: int, low: float, high: float
) -> None:
    assert failing(errors, requests) == pytest.approx((low, high))


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_at_a_bound_what_was_seen_is_so_many_standard_errors_away(
    requests: int, share: float
) -> None:
    errors = math.floor(requests * share)
    low, high = (bound / 100 for bound in failing(errors, requests))
    assert low - 1e-9 <= errors / requests <= high + 1e-9
    for bound in (low, high):
        away = (errors / requests - bound) ** 2
        assert away == pytest.approx(2.326**2 * bound * (1 - bound) / requests, abs=1e-9)


def test_a_difference_is_certain_with_more_requests_alone() -> None:
    assert least_difference((3, 100), (1, 100)) < 0
    assert least_difference((300, 10000), (100, 10000)) == pytest.approx(1.55, abs=0.03)
