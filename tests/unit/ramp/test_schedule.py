"""Times in which a ramp may move."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from petmesh.ramp.before import until_open
from petmesh.ramp.conditions import Outcome
from petmesh.ramp.driver import Driver, RampRun
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Journal, latest, now
from petmesh.ramp.machine import Phase, begin
from petmesh.ramp.plan import Plan
from petmesh.ramp.schedule import Window, is_open
from tests.unit.ramp.commanded import PLAN, run
from tests.unit.ramp.fakes import MEMBERS, QUICK, FakeTarget
from tests.unit.ramp.world import World, judged

OFFICE = "Mon-Fri 09:00-16:00 Europe/Berlin"
# The first is a Friday; Berlin is two hours ahead in July, one in January.
FRIDAY, SATURDAY = datetime(2026, 7, 3, 7, 0, tzinfo=UTC), datetime(2026, 7, 4, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "moment", "opened"),
    [
        ((), SATURDAY, True),
        ((OFFICE,), FRIDAY, True),
        ((OFFICE,), FRIDAY.replace(hour=6, minute=59), False),
        ((OFFICE,), FRIDAY.replace(hour=14), False),
        ((OFFICE,), SATURDAY, False),
        ((OFFICE,), FRIDAY.replace(month=1, day=2), False),
        ((OFFICE,), FRIDAY.replace(month=1, day=2, hour=8), True),
        ((OFFICE, "Sat 10:00-11:00 Europe/Berlin"), SATURDAY, True),
        (("Fri-Mon 00:00-23:59 UTC",), SATURDAY, True),
        (("Fri-Mon 00:00-23:59 UTC",), FRIDAY.replace(day=7), False),
    ],
)
def test_a_window_is_of_its_own_zone_with_its_summer_time(
    windows: tuple[str, ...], moment: datetime, *, opened: bool
) -> None:
    assert is_open(windows, moment) == opened


@pytest.mark.parametrize(
    "window",
    [
        "always",
        "Mon-Fri 9-16 Europe/Berlin",
        "Mon 16:00-09:00 Europe/Berlin",
        "Mon 09:00-25:00 UTC",
        "Mon 09:00-16:00 Europe/Atlantis",
        "Mon 09:00-16:00 ../../etc/passwd",
        "Mon 09:00-16:00",
    ],
)
def test_what_is_no_window_is_a_mistake_that_is_told(
    window: str, tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](Window).validate_python(window)
    assert run(tmp_path, "ramp", *PLAN, "--window", window) == 2
    assert f"--window = {window}: " in capsys.readouterr().err
    assert target.changes == []


def test_a_step_that_passed_waits_for_a_window_and_is_watched() -> None:
    world = World(Plan(steps=(10, 100), hold=10, wait=50))
    world.carry_out(in_force=True, reported=True)
    shut = judged(Outcome.PASS, 10_000).model_copy(update={"shut": True})
    world.send(shut)
    assert (world.state.phase, world.state.reason) == (Phase.WATCHING, "waits for a window")
    world.send(judged(Outcome.FAIL, 10_001).model_copy(update={"shut": True}))
    assert world.state.phase is Phase.ROLLING_BACK


async def test_a_ramp_moves_within_its_window_alone(tmp_path: Path) -> None:
    plan = QUICK.model_copy(update={"windows": (OFFICE,), "steps": (10, 100)})
    header = RampHeader(at=now(), stack="s", target="fake", members=MEMBERS, plan=plan)
    target, looks = FakeTarget(), list[int]()

    def clock() -> datetime:
        looks.append(target.live.weight)
        return SATURDAY if len(looks) < 6 else FRIDAY

    journal = Journal.create(tmp_path, header)
    ramp = RampRun(header, journal, begin(plan), header.judge(), clock=clock)
    state = await Driver(ramp, target, tmp_path).run()
    assert state.phase is Phase.PROMOTED
    assert looks[:6] == [10] * 6
    record = latest(tmp_path)
    assert record is not None
    assert "waits for a window" in [each.state.reason for each in record.entries]


async def test_a_ramp_that_is_begun_outside_its_window_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("petmesh.ramp.before._LOOK_SECONDS", 0.0)
    plan = QUICK.model_copy(update={"windows": (OFFICE,)})
    header = RampHeader(at=now(), stack="s", target="fake", members=MEMBERS, plan=plan)
    moments, told = iter([SATURDAY, SATURDAY, SATURDAY, FRIDAY]), list[str]()
    await until_open(header, told.append, lambda: next(moments))
    assert told == [f"waits for {OFFICE}"]
    assert next(moments, None) is None
