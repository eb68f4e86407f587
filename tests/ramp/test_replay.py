"""A past ramp judged anew."""

import asyncio
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.ramp.conditions import Conditions, Outcome
from petmesh.ramp.group_judge import GroupJudge
from petmesh.ramp.journal import latest
from petmesh.ramp.measurements import Observation
from tests.unit.ramp.fakes import GOOD, QUICK, SERVICE, FakeTarget, figures, start

RISKY = Conditions(min_requests=100, warm_up=0, compare=())


def ramped(folder: Path, conditions: Conditions) -> Path:
    """The journal of a ramp whose canary fails one request in ten."""
    plan = QUICK.model_copy(update={"hold": 0.3, "conditions": conditions})
    asyncio.run(start(folder, FakeTarget(canary=figures(errors=100)), plan).run())
    record = latest(folder)
    assert record is not None
    return record.path


def test_a_ramp_that_was_promoted_would_have_been_taken_back_by_other_conditions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ramped(tmp_path, RISKY)
    before = path.read_bytes()
    assert main(["ramp", "--replay", str(path)]) == 0
    assert "it would not have been rolled back; it was promoted" in capsys.readouterr().out
    assert main(["ramp", "--replay", str(path), "--compare", "failures"]) == 3
    *_, fails, last = capsys.readouterr().out.splitlines()
    assert "v2 10%: fail: success 90.00%" in fails
    assert last.startswith("it would have been rolled back at ")
    assert last.endswith("; it was promoted")
    assert main(["ramp", "--replay", str(path), "--success-rate", "95"]) == 3
    assert path.read_bytes() == before


def test_a_ramp_that_was_taken_back_might_have_gone_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ramped(tmp_path, RISKY.model_copy(update={"compare": ("failures",)}))
    assert main(["ramp", "--replay", str(path)]) == 3
    assert main(["ramp", "--replay", str(path), "--compare", "latency"]) == 0
    assert "would not have been rolled back; it was rolled back" in capsys.readouterr().out


def test_a_ramp_that_is_taken_up_knows_what_the_process_before_knew(tmp_path: Path) -> None:
    path = ramped(tmp_path, RISKY.model_copy(update={"compare": ("failures",)}))
    lines = path.read_bytes().splitlines(keepends=True)
    [fails] = [number for number, line in enumerate(lines) if b'"outcome": "fail"' in line]
    assert fails > 2
    path.write_bytes(b"".join(lines[:fails]))
    record = latest(tmp_path)
    assert record is not None
    seen = {SERVICE: Observation(seconds=0.02, stable=GOOD, canary=figures(errors=100))}
    fresh = GroupJudge(record.header.plan.conditions, [SERVICE])

    def until_found(judge: GroupJudge) -> int:
        outcomes = (judge.take(seen, {SERVICE: 0.0}).outcome for _ in range(20))
        return list(outcomes).index(Outcome.FAIL)

    assert until_found(record.judge()) < until_found(fresh)


def test_what_was_never_judged_can_not_be_judged_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ramped(tmp_path, RISKY)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert main(["ramp", "--replay", str(path)]) == 1
    assert "the ramp was never judged" in capsys.readouterr().err
    assert main(["ramp", "--replay", str(path), "--risk", "99"]) == 2
