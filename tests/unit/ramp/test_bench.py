"""What the ramps with random faults are held to."""

import pytest

from bench.ramps.faults import is_as_it_must_be
from petmesh.ramp.machine import Phase, State
from petmesh.ramp.target import Release


@pytest.mark.parametrize(
    ("fault", "phase", "weight", "is_good"),
    [
        ("errors", Phase.ROLLED_BACK, 0, True),
        ("errors", Phase.PROMOTED, 0, False),
        ("slow", Phase.PROMOTED, 0, False),
        ("none", Phase.PROMOTED, 0, True),
        ("none", Phase.ROLLED_BACK, 0, False),
        ("kill", Phase.ROLLED_BACK, 0, False),
        ("crash", Phase.ROLLED_BACK, 0, True),
        ("crash", Phase.STUCK, 0, False),
        ("interrupt", Phase.ROLLED_BACK, 25, False),
    ],
)
def test_a_ramp_ends_leaves_no_weight_and_takes_a_bad_version_back(
    fault: str, phase: Phase, weight: int, *, is_good: bool
) -> None:
    assert is_as_it_must_be(fault, State(phase), Release("v1", "v2", weight)) == is_good
