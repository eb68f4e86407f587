"""What the commands do to a stack, on a target in memory."""

import asyncio
import json
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.ramp import locations
from petmesh.ramp.events import Pause
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.measurements import Figures
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.commanded import PLAN, left_at_10, phase, run
from tests.unit.ramp.fakes import BAD, GOOD, SERVICE, SLOW, FakeTarget, start


def test_a_ramp_promotes_and_says_so_last(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "ramp", *PLAN) == 0
    assert target.live == Release("v2", "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "promoted: v2 is the stable version and gets every request"
    assert list(tmp_path.glob("*.html"))


def test_a_rollback_after_a_promotion_goes_back_to_the_version_that_was_kept(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "ramp", *PLAN) == 0
    capsys.readouterr()
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "")
    assert capsys.readouterr().out == (
        "rolled back: v1 is the stable version again and gets every request, v2 is kept\n"
    )


def test_a_ramp_begins_at_0_and_only_with_a_canary(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 25)
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert capsys.readouterr().err == (
        "petmesh: stack local: petdetailsservice has its canary at weight 25, mirror percent 0: "
        "a ramp begins at 0; run rollback first\n"
    )
    target.live = Release("v1", "")
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert "stack local: petdetailsservice has no canary" in capsys.readouterr().err


def test_a_ramp_that_was_left_is_not_forgotten(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert "a ramp is unfinished, v2 is watching at weight 10" in capsys.readouterr().err
    assert run(tmp_path, "promote") == 1
    assert "a ramp is unfinished" in capsys.readouterr().err
    assert target.live.weight == 10


def test_resume_goes_on_with_the_ramps_own_plan(tmp_path: Path, target: FakeTarget) -> None:
    left_at_10(tmp_path, target)
    target.canary = BAD
    assert run(tmp_path, "ramp", "--resume") == 3
    assert (target.live.weight, phase(tmp_path)) == (0, Phase.ROLLED_BACK)


def test_a_live_weight_that_is_no_percent_is_gone_back_from_and_not_on_with(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v1", "v2", 150)
    assert run(tmp_path, "ramp", "--resume") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(".jsonl: it can't be gone on with: live is v1 -50%, v2 150%")
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")


def test_a_ramp_that_is_taken_up_is_shown_from_where_it_stood(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.canary = BAD
    assert run(tmp_path, "ramp", "--resume", "--json") == 3
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"]["kind"] for each in shown[:3]] == ["restarted", "resume", "judged"]
    assert {(each["phase"], each["weight"]) for each in shown[:2]} == {("watching", 10)}


def test_a_ramp_that_was_paused_during_a_change_and_killed_goes_on_with_resume(
    tmp_path: Path, target: FakeTarget
) -> None:
    async def killed() -> None:
        target.slowness = 60
        driver = start(tmp_path, target)
        task = asyncio.create_task(driver.run())
        await asyncio.sleep(0.05)
        driver.post(Pause())
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(killed())
    target.slowness = 0
    record = latest(tmp_path)
    assert record is not None
    assert record.state.pause_asked
    assert run(tmp_path, "ramp", "--resume") == 0
    assert target.live == Release("v2", "")


def test_a_promotion_that_fails_again_and_again_ends_a_ramp_that_nobody_attends(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(_: Release) -> None:
        raise TargetError("promotion refused")

    monkeypatch.setattr(target, "promote", refused)
    assert run(tmp_path, "ramp", *PLAN, "--blue-green") == 4
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("paused: v2 is at weight 100 and nothing watches it")
    assert "the promotion failed: promotion refused" in last


def test_promote_from_less_than_100_has_to_be_meant(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 50)
    assert run(tmp_path, "promote") == 1
    assert "the canary is at weight 50: a promotion moves every request" in capsys.readouterr().err
    assert run(tmp_path, "promote", "--now") == 0
    assert target.live == Release("v2", "")


def test_a_stack_that_went_on_is_free_for_a_new_ramp(tmp_path: Path, target: FakeTarget) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v2", "v3")
    assert run(tmp_path, "ramp", *PLAN) == 0
    assert target.live == Release("v3", "")


def test_a_journal_that_is_a_file_and_queries_that_are_no_text_are_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locations, "STATE", tmp_path / "state")
    file = tmp_path / "file"
    file.write_bytes(b"requests: \xff\xfe")
    assert main(["status", "--journal", str(file)]) == 2
    assert capsys.readouterr().err == f"petmesh: --journal = {file}: must be a folder\n"
    assert main(["rollback", "--journal", str(tmp_path), "--queries", str(file)]) == 2
    assert capsys.readouterr().err == f"petmesh: {file}: it is no UTF-8\n"


def test_blue_green_is_compared_with_the_figures_from_before_though_it_was_killed(
    tmp_path: Path, target: FakeTarget
) -> None:
    assert run(tmp_path, "ramp", *PLAN, "--blue-green") == 0
    [path] = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    record = latest(tmp_path)
    assert record is not None
    assert record.entries == ()
    assert [each[SERVICE].stable for each in record.header.before] == [GOOD]
    assert target.live == Release("v2", "")


def test_commands_answer_in_json_where_that_is_asked_for(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 50)
    assert run(tmp_path, "promote", "--now", "--json") == 0
    text = "promoted: v2 is the stable version and gets every request"
    assert json.loads(capsys.readouterr().out) == {"stack": "local", "text": text}
    target.live = Release("v1", "v2", 50)
    assert run(tmp_path, "rollback", "--json") == 0
    assert json.loads(capsys.readouterr().out)["text"].startswith("rolled back: v2 is at weight 0")


def test_a_blue_green_ramp_that_was_killed_is_driven_to_its_end(
    tmp_path: Path, target: FakeTarget
) -> None:
    assert run(tmp_path, "ramp", *PLAN, "--blue-green") == 0
    [path] = tmp_path.glob("*.jsonl")
    whole = path.read_bytes().splitlines(keepends=True)
    # Killed once it was watched at 100, where the stable version gets nothing to compare with.
    path.write_bytes(b"".join(whole[:3]))
    assert phase(tmp_path) is Phase.WATCHING
    target.live, target.stable = Release("v1", "v2", 100), Figures()
    assert run(tmp_path, "ramp", "--resume") == 0
    assert target.live == Release("v2", "")
    path.write_bytes(b"".join(whole[:3]))
    target.live, target.canary = Release("v1", "v2", 100), SLOW
    assert run(tmp_path, "ramp", "--resume") == 3
    assert target.live == Release("v1", "v2")


def test_the_conditions_of_own_queries_are_the_ramps(tmp_path: Path, target: FakeTarget) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text("own: {orders: {bad: late, total: orders, allowed: 2}}")
    counted = GOOD.model_copy(update={"own": {"orders": (1.0, 100.0)}})
    target.canary = target.stable = counted
    assert run(tmp_path / "good", "ramp", *PLAN, "--queries", str(file)) == 0
    record = latest(tmp_path / "good")
    assert record is not None
    assert record.header.plan.conditions.own == {"orders": 2}
    target.live = Release("v1", "v2")
    target.canary = GOOD.model_copy(update={"own": {"orders": (900.0, 1000.0)}})
    assert run(tmp_path / "bad", "ramp", *PLAN, "--queries", str(file)) == 3
