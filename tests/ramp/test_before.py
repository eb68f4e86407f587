"""What is asked before a ramp moves anything."""

from pathlib import Path

import pytest

from petmesh.ramp.before import observe_baseline
from petmesh.ramp.journal import RampHeader, latest, now
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Release, TargetError
from tests.ramp.commanded import PLAN, left_at_10, run
from tests.ramp.fakes import GOOD, FakeTarget


@pytest.mark.parametrize("error", [TargetError, KeyError])
def test_a_ramp_whose_source_does_not_answer_moves_nothing(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    error: type[Exception],
) -> None:
    target.broken_metrics, target.error = True, error
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert target.changes == []
    assert latest(tmp_path) is None
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("petmesh: nothing was changed, for the figures can't be had: ")
    assert line.endswith("metrics refused") or error is KeyError


def test_a_ramp_that_was_left_is_not_taken_up_without_its_source_but_goes_back_without_it(
    tmp_path: Path, target: FakeTarget
) -> None:
    left_at_10(tmp_path, target)
    changes = list(target.changes)
    target.broken_metrics = True
    assert run(tmp_path, "ramp", "--resume") == 1
    assert target.changes == changes
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")


class Growing(FakeTarget):
    """A stable version of which more is known at each look."""

    async def observe(self, release: Release, seconds: float) -> Observation:
        looks = len(self.windows)
        self.stable = Figures(requests=300 * looks, p50=5 if looks > 2 else None, p99=20)
        return await super().observe(release, seconds)


def header(**plan: object) -> RampHeader:
    given = Plan.model_validate({"interval": 0.01, "window": 0.2, **plan})
    return RampHeader(at=now(), stack="s", target="fake", stable="v1", canary="v2", plan=given)


async def test_a_switch_at_once_waits_until_the_stable_version_is_known() -> None:
    told: list[str] = []
    target = Growing()
    seen = await observe_baseline(header(steps=(100,)), target, told.append)
    assert seen is not None
    assert (seen.stable.requests, seen.stable.p50, len(target.windows)) == (900, 5, 4)
    assert told == ["v1 is measured before the switch, 0.2 s at most"]


async def test_a_switch_at_once_is_refused_where_the_stable_version_stays_unknown() -> None:
    target = FakeTarget(stable=Figures(requests=20, p50=5, p99=20))
    with pytest.raises(TargetError, match=r"^v1 had 20 requests in 0 s: 500 with their latencies"):
        await observe_baseline(header(steps=(100,)), target, print)
    assert target.changes == []


async def test_steps_wait_for_nothing_nor_does_a_switch_that_compares_nothing() -> None:
    few = Figures(requests=20, p50=5, p99=20)
    alone = {"success_drop": None, "p50_ratio": None, "p99_ratio": None}
    for plan in (header(), header(steps=(100,), conditions=alone)):
        target = FakeTarget(stable=few)
        assert await observe_baseline(plan, target, print) is None
        assert len(target.windows) == 1
    known = await observe_baseline(header(), FakeTarget(stable=GOOD), print)
    assert known is not None
