"""What is asked before a ramp moves anything."""

from pathlib import Path

import pytest

from petmesh.ramp.before import observe_before
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import latest, now
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Observations, Release, Releases, TargetError
from tests.unit.ramp.commanded import PLAN, left_at_10, run
from tests.unit.ramp.fakes import MEMBERS, SERVICE, FakeTarget, figures


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
    """A stable version that gets its first requests after two looks."""

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        self.stable = figures(300) if len(self.windows) > 1 else Figures()
        return await super().observe(releases, seconds)


class Old(FakeTarget):
    """A source that knows of ten requests a second since long ago."""

    async def observe(self, releases: Releases, seconds: float) -> Observations:
        seen = Observation(seconds=seconds, stable=figures(10 * seconds), canary=Figures())
        return dict.fromkeys(releases, seen)


def header(**plan: object) -> RampHeader:
    given = Plan.model_validate({"interval": 0.01, "silence": 0.3, **plan})
    return RampHeader(at=now(), stack="s", target="fake", members=MEMBERS, plan=given)


async def test_a_ramp_looks_at_the_intervals_before_it() -> None:
    seen = await observe_before(header(interval=30), Old(), print)
    assert len(seen) == 120
    for each in seen:
        assert each[SERVICE].seconds == pytest.approx(30)
        assert each[SERVICE].stable.requests == pytest.approx(300)


async def test_a_source_that_refuses_to_look_far_back_is_asked_for_less() -> None:
    class Rationed(Old):
        async def observe(self, releases: Releases, seconds: float) -> Observations:
            if seconds > 700:
                raise TargetError("status 429")
            return await super().observe(releases, seconds)

    seen = await observe_before(header(interval=30), Rationed(), print)
    assert len(seen) == 17


async def test_a_switch_at_once_waits_until_the_stable_version_is_known() -> None:
    told: list[str] = []
    seen = await observe_before(header(steps=(100,)), Growing(), told.append)
    assert sum(each[SERVICE].stable.requests for each in seen) >= 500
    assert told == ["v1 is measured before the switch, 0.3 s at most"]


async def test_a_switch_at_once_is_refused_where_the_stable_version_stays_unknown() -> None:
    target = FakeTarget(stable=figures(0))
    with pytest.raises(TargetError, match=r"^v1 had 0 requests in \d s: 500 with their latencies"):
        await observe_before(header(steps=(100,)), target, print)
    assert target.changes == []


async def test_steps_wait_for_nothing_nor_does_a_switch_that_compares_nothing() -> None:
    for plan in (header(), header(steps=(100,), conditions={"compare": ()})):
        told: list[str] = []
        await observe_before(plan, FakeTarget(stable=figures(20)), told.append)
        assert told == []
