"""What the commands do to a stack, on a target in memory."""

import argparse
import asyncio
import errno
import json
import os
import threading
import time
from pathlib import Path

import pytest

from canary import control, places, ramping
from canary.__main__ import main
from canary.driver import Driver
from canary.events import Pause
from canary.figures import Figures
from canary.journal import Entry, latest, now
from canary.machine import Phase
from canary.plan import Plan
from canary.target import Release, TargetError
from tests.canary.commanded import PLAN, left_at_10, phase, run
from tests.canary.fakes import BAD, GOOD, QUICK, FakeTarget, start

SLOW = Figures(requests=1000, p50=50, p99=200)


def test_a_ramp_promotes_and_says_so_last(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "ramp", *PLAN) == 0
    assert target.live == Release("v2", "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "promoted: v2 is the stable version and gets every request"
    assert list(tmp_path.glob("*.html"))


def test_a_ramp_that_goes_back_has_a_status_of_its_own(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.canary = BAD
    assert run(tmp_path, "ramp", "--json", *PLAN) == 3
    assert target.live == Release("v1", "v2")
    captured = capsys.readouterr()
    assert [json.loads(line)["phase"] for line in captured.out.splitlines()][-1] == "rolled back"
    assert captured.err.splitlines()[-1].startswith("rolled back: v2 is at weight 0, v1 gets every")


def test_a_ramp_begins_at_0_and_only_with_a_canary(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 25)
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert (
        "canaryWeight = 25, canaryMirrorPercent = 0: a ramp begins at 0" in capsys.readouterr().err
    )
    target.live = Release("v1", "")
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert "stack local has no canary" in capsys.readouterr().err


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


def test_a_ramp_that_is_taken_up_is_shown_from_where_it_stood(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.canary = BAD
    assert run(tmp_path, "ramp", "--resume", "--json") == 3
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"]["kind"] for each in shown[:3]] == ["restarted", "resume", "judged"]
    assert {(each["phase"], each["weight"]) for each in shown[:3]} == {("watching", 10)}


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


def test_rollback_ends_a_ramp_that_was_left(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    assert run(tmp_path, "rollback") == 0
    assert (target.live, phase(tmp_path)) == (Release("v1", "v2"), Phase.ROLLED_BACK)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "rolled back: v2 is at weight 0, v1 gets every request: asked for"


def test_rollback_needs_no_ramp(tmp_path: Path, target: FakeTarget) -> None:
    target.live = Release("v1", "v2", 40, 10)
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")


def test_rollback_that_fails_says_so(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 40)
    target.broken_changes = 1
    assert run(tmp_path, "rollback") == 1
    assert capsys.readouterr().err == "canary: change refused\n"
    assert target.live.weight == 40


def test_promote_from_less_than_100_has_to_be_meant(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.live = Release("v1", "v2", 50)
    assert run(tmp_path, "promote") == 1
    assert "canaryWeight = 50: a promotion moves every request at once" in capsys.readouterr().err
    assert run(tmp_path, "promote", "--now") == 0
    assert target.live == Release("v2", "")


def test_status_tells_what_is_live_beside_what_the_journal_says(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v1", "v2", 60)
    assert run(tmp_path, "status") == 0
    text = capsys.readouterr().out
    assert "live: v1 40%, v2 60%" in text
    assert "  v2: 1000 requests in the last 60 s, 100.00% of them good, p50 5 ms, p99 20 ms" in text
    assert "  live is v1 40%, v2 60%; the journal's last: v1 90%, v2 10%" in text
    target.live = Release("v2", "v3")
    assert run(tmp_path, "status") == 0
    assert "the stack went on without it" in capsys.readouterr().out
    assert run(tmp_path, "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["live"] == {"stable": "v2", "canary": "v3", "weight": 0, "mirror": 0}


def test_a_gate_opens_by_the_approval_from_another_process(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses: list[int] = []

    def approve() -> None:
        for _ in range(200):
            record = latest(tmp_path)
            if record and record.state.phase is Phase.WAITING:
                statuses.append(run(tmp_path, "approve"))
                return
            time.sleep(0.02)

    approver = threading.Thread(target=approve)
    approver.start()
    assert run(tmp_path, "ramp", *PLAN, "--gate", "promotion") == 0
    approver.join()
    assert statuses == [0]
    assert target.live == Release("v2", "")
    assert "v2 100% waiting for approval (100%)" in capsys.readouterr().out


def test_a_stack_that_went_on_is_free_for_a_new_ramp(tmp_path: Path, target: FakeTarget) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v2", "v3")
    assert run(tmp_path, "ramp", *PLAN) == 0
    assert target.live == Release("v3", "")


def test_rollback_without_a_readable_journal_goes_by_what_is_live(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace('"steps"', '"stairs"'))
    assert run(tmp_path, "status") == 0
    told = capsys.readouterr().out
    assert "live: v1 90%, v2 10%" in told
    assert "ramp: not known" in told
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")
    [warning] = capsys.readouterr().err.splitlines()
    assert "without the journal" in warning
    assert "line 1 is no ramp's opening" in warning


def test_rollback_on_a_full_disk_goes_by_what_is_live(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left_at_10(tmp_path, target)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    status = run(tmp_path, "rollback")
    monkeypatch.undo()
    assert (status, target.live) == (0, Release("v1", "v2"))
    assert "No space left on device" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_changes_no_exit_status(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ramping, "write_report", refuse)
    target.canary = BAD
    assert run(tmp_path, "ramp", *PLAN) == 3
    captured = capsys.readouterr()
    assert "no report was written" in captured.err
    assert captured.out.splitlines()[-1].startswith("rolled back: v2 is at weight 0")


def test_a_report_that_has_nowhere_to_go_is_refused_before_the_start(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "none" / "report.html"
    assert run(tmp_path, "ramp", *PLAN, "--report", str(nowhere)) == 2
    assert f"--report = {nowhere}: No such file" in capsys.readouterr().err
    assert target.changes == []


def left_promoting(folder: Path, target: FakeTarget) -> None:
    """A ramp that was killed once its promotion had moved the route."""
    asyncio.run(start(folder, target).run())
    [path] = folder.glob("*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert phase(folder) is Phase.PROMOTING


@pytest.mark.parametrize("kept", ["promoting", "paused"])
def test_a_half_done_promotion_can_be_rolled_back_or_finished(
    tmp_path: Path, target: FakeTarget, kept: str
) -> None:
    for command, status, live in (
        (["rollback"], 0, Release("v1", "v2")),
        (["ramp", "--resume"], 0, Release("v2", "")),
    ):
        folder = tmp_path / command[0]
        target.live = Release("v1", "v2")
        left_promoting(folder, target)
        if kept == "paused":
            [path] = folder.glob("*.jsonl")
            failed = json.dumps({"at": now(), "event": {"kind": "failed", "reason": "deletion"}})
            path.write_text(path.read_text() + f"{failed}\n" * 3)
            assert phase(folder) is Phase.PAUSED
        assert target.live == Release("v2", "")
        assert run(folder, *command) == status
        assert target.live == live
        assert phase(folder) in (Phase.PROMOTED, Phase.ROLLED_BACK)


def test_status_after_a_ramp_that_ended_says_that_the_stack_was_changed_since(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.canary = BAD
    run(tmp_path, "ramp", *PLAN)
    capsys.readouterr()
    run(tmp_path, "status")
    assert "ramp: rolled back: v2 is at weight 0" in capsys.readouterr().out
    target.live = Release("v1", "v2", 40)
    run(tmp_path, "status")
    told = capsys.readouterr().out
    assert "is at weight 0" not in told
    assert "the stack was changed since" in told


def test_promote_opens_no_other_gate_than_the_promotions(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    async def waiting() -> None:
        plan = Plan.model_validate({**QUICK.model_dump(), "gates": (10,)})
        task = asyncio.create_task(start(tmp_path, target, plan).run())
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(waiting())
    options = argparse.Namespace(target="cluster", stack="local")
    with places.held_stack(tmp_path, options):
        assert run(tmp_path, "promote") == 1
    assert "the ramp waits at 10" in capsys.readouterr().err


def test_a_journal_that_is_a_file_and_queries_that_are_no_text_are_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path / "state")
    file = tmp_path / "file"
    file.write_bytes(b"requests: \xff\xfe")
    assert main(["status", "--journal", str(file)]) == 2
    assert capsys.readouterr().err == f"canary: --journal = {file}: must be a folder\n"
    assert main(["rollback", "--journal", str(tmp_path), "--queries", str(file)]) == 2
    assert capsys.readouterr().err == f"canary: {file}: it is no UTF-8\n"


def test_rollback_goes_on_where_there_can_be_no_lock(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, locks in ((tmp_path, file / "locks"), (file / "x", tmp_path / "locks")):
        monkeypatch.setattr(places, "LOCKS", locks)
        target.live = Release("v1", "v2", 40)
        assert run(folder, "rollback") == 0
        assert target.live == Release("v1", "v2")
        [warning] = capsys.readouterr().err.splitlines()
        assert warning.startswith("canary: going back without a lock: ")
        assert run(folder, "status") == 0
        capsys.readouterr()


@pytest.mark.parametrize("missing", ["locks", "journals"])
def test_rollback_keeps_the_lock_that_it_can_have(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    (tmp_path / missing).touch()
    folder = tmp_path / "journals" / "local"
    options = argparse.Namespace(target="cluster", stack="local", journal=None)
    lock = places.lock_folder(options) if missing == "journals" else folder
    held: list[bool] = []

    async def apply(_: Release) -> None:
        held.append(control.is_held(lock))

    monkeypatch.setattr(target, "apply", apply)
    assert run(folder, "rollback") == 0
    assert held == [True]


def test_rollback_goes_on_where_the_file_system_has_no_locks(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", without)
    left_at_10(tmp_path, target)
    assert run(tmp_path, "rollback") == 0
    assert (target.live, phase(tmp_path)) == (Release("v1", "v2"), Phase.ROLLED_BACK)
    assert "going back without a lock: " in capsys.readouterr().err


def asked_of(folder: Path, driver: Driver, *commands: str) -> list[int]:
    """The exit statuses of commands that are given in turn while a ramp runs."""
    options = argparse.Namespace(target="cluster", stack="local", journal=None)

    async def ramp() -> list[int]:
        with places.held_stack(folder, options):
            task = asyncio.create_task(driver.run())
            await asyncio.sleep(0.05)
            statuses = [await asyncio.to_thread(run, folder, command) for command in commands]
            task.cancel()
            await asyncio.wait([task])
            return statuses

    return asyncio.run(ramp())


def test_a_request_says_what_comes_of_it_and_fails_where_nothing_can(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = places.lock_folder(argparse.Namespace(target="cluster", stack="local", journal=None))
    driver = start(lock, target)
    target.slowness = 60
    assert asked_of(lock, driver, "pause", "pause", "resume", "resume") == [0, 1, 0, 1]
    captured = capsys.readouterr()
    pausing = "v2 is applying at weight 0: will pause once 10% is set"
    going_on = "v2 is applying at weight 0: sets 10%"
    assert captured.out.splitlines() == [pausing, going_on]
    assert captured.err.splitlines() == [
        f"canary: stack local: pause changes nothing: {pausing}",
        f"canary: stack local: resume changes nothing: {going_on}",
    ]


@pytest.mark.parametrize("command", ["rollback", "pause", "resume"])
def test_a_request_on_a_full_disk_says_in_one_line_what_to_do_instead(
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    def full(path: Path, *_: object, **__: object) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    options = argparse.Namespace(target="cluster", stack="local", journal=None)
    lock = places.lock_folder(options)
    with places.held_stack(lock, options):
        monkeypatch.setattr(Path, "write_text", full)
        assert run(lock, command) == 1
    assert capsys.readouterr().err == (
        f"canary: stack local: process {os.getpid()} runs a ramp of it and can't be asked: {lock}: "
        "No space left on device; interrupt it, or end it and run rollback\n"
    )
    assert [path.name for path in lock.iterdir()] == ["lock"]
    assert target.changes == []


def test_another_folder_of_journals_is_no_way_round_the_lock(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    options = argparse.Namespace(target="cluster", stack="local")
    with places.held_stack(tmp_path / "one", options):
        assert run(tmp_path / "two", "ramp", *PLAN) == 1
    assert "runs a ramp of it" in capsys.readouterr().err
    assert target.changes == []


def test_blue_green_is_compared_with_the_figures_from_before_though_it_was_killed(
    tmp_path: Path, target: FakeTarget
) -> None:
    assert run(tmp_path, "ramp", *PLAN, "--blue-green") == 0
    [path] = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    record = latest(tmp_path)
    assert record is not None
    assert record.entries == ()
    before = record.baseline()
    assert before is not None
    assert before.stable == GOOD
    assert target.live == Release("v2", "")


def test_a_rollback_that_meets_a_ramp_about_to_end_is_done_here(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    options = argparse.Namespace(target="cluster", stack="local", journal=None)
    free = threading.Event()

    def end_without_taking() -> None:
        with places.held_stack(tmp_path, options):
            free.set()
            while not list(places.lock_folder(options).glob("request-*.json")):
                time.sleep(0.01)

    ending = threading.Thread(target=end_without_taking)
    ending.start()
    assert free.wait(5)
    assert run(tmp_path, "rollback") == 0
    ending.join()
    assert target.live == Release("v1", "v2")
    assert "rolled back: v2 is at weight 0" in capsys.readouterr().out


def test_every_command_finds_the_journal_of_the_ramp_that_runs(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path / "ramp", target)
    options = argparse.Namespace(target="cluster", stack="local", journal=None)
    with places.held_stack(tmp_path / "ramp", options):
        assert main(["status"]) == 0
    told = capsys.readouterr().out
    assert "ramp: v2 is watching at weight 10" in told
    assert "  a process drives it" in told


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


def test_a_webhook_that_breaks_changes_no_exit_status_and_its_secret_is_shown_nowhere(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_WEBHOOK", "http://127.0.0.1:1/secret")

    async def broken(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(ramping.Webhook, "close", broken)
    target.canary = BAD
    assert run(tmp_path, "ramp", *PLAN) == 3
    captured = capsys.readouterr()
    assert "canary: the webhook failed: it broke" in captured.err
    assert captured.out.splitlines()[-1].startswith("rolled back: v2 is at weight 0")
    assert "secret" not in captured.err + captured.out
    monkeypatch.setenv("CANARY_WEBHOOK", "hooks.example.com/secret")
    assert run(tmp_path, "ramp", *PLAN) == 2
    assert capsys.readouterr().err == (
        "canary: CANARY_WEBHOOK: must be an http:// or https:// address\n"
    )


def test_the_stack_is_free_while_the_webhook_is_still_told(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    options = argparse.Namespace(target="cluster", stack="local", journal=None)

    async def close(*_: object) -> None:
        held.append(control.is_held(places.lock_folder(options)))

    monkeypatch.setattr(ramping.Webhook, "close", close)
    target.canary = BAD
    assert run(tmp_path, "ramp", *PLAN, "--webhook", "http://127.0.0.1:1") == 3
    assert held == [False]


def test_a_ramp_that_rollback_ends_has_its_report_and_the_webhook_is_told(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Phase] = []
    held: list[bool] = []
    options = argparse.Namespace(target="cluster", stack="local", journal=None)

    def entry(_: object, entry: Entry) -> None:
        told.append(entry.state.phase)

    async def close(*_: object) -> None:
        held.append(control.is_held(places.lock_folder(options)))

    monkeypatch.setenv("CANARY_WEBHOOK", "http://127.0.0.1:1")
    monkeypatch.setattr(ramping.Webhook, "entry", entry)
    monkeypatch.setattr(ramping.Webhook, "close", close)
    left_at_10(tmp_path, target)
    assert run(tmp_path, "rollback") == 0
    assert told[-1] is Phase.ROLLED_BACK
    assert held == [False]
    [report] = tmp_path.glob("*.html")
    assert "rolled back: v2 is at weight 0" in report.read_text()


def test_a_webhook_that_cannot_be_used_keeps_nobody_from_going_back(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_WEBHOOK", "hooks.example.com/secret")
    left_at_10(tmp_path, target)
    assert run(tmp_path, "rollback", "--json") == 0
    assert target.live == Release("v1", "v2")
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0] == (
        "canary: no webhook is told: CANARY_WEBHOOK: must be an http:// or https:// address"
    )
    for line in captured.out.splitlines():
        json.loads(line)


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


def test_a_rollback_asked_for_during_a_promotion_that_fails_is_done_after_it(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = argparse.Namespace(target="cluster", stack="local", journal=None)
    folder = places.lock_folder(options)
    statuses: list[int] = []
    promoting = threading.Event()

    async def refused(_: Release) -> None:
        promoting.set()
        await asyncio.sleep(0.3)
        raise TargetError("promotion refused")

    monkeypatch.setattr(target, "promote", refused)

    def ask() -> None:
        assert promoting.wait(10)
        statuses.append(run(folder, "rollback"))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()

    async def ramp() -> None:
        with places.held_stack(folder, options):
            plan = QUICK.model_copy(update={"steps": (100,)})
            async with asyncio.timeout(20):
                state = await start(folder, target, plan).run()
            assert state.phase is Phase.ROLLED_BACK

    asyncio.run(ramp())
    asking.join(10)
    assert statuses == [0]
    assert target.live == Release("v1", "v2")
    record = latest(folder)
    assert record is not None
    # Once in vain, and once that went home.
    assert [entry.event.kind for entry in record.entries].count("roll back") == 2


def test_status_of_a_ramp_that_ended_says_where_it_only_has_the_journals_word(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown() -> Release:
        raise TargetError("no engine")

    target.canary = BAD
    run(tmp_path, "ramp", *PLAN)
    capsys.readouterr()
    monkeypatch.setattr(target, "release", unknown)
    run(tmp_path, "status")
    told = capsys.readouterr().out
    assert "live: not known: no engine" in told
    assert "v2 is at weight 0" not in told
    assert "ramp: the latest one ended: rolled back: v2: success 95.00%" in told


def test_status_names_a_change_that_was_under_way_when_its_ramp_was_killed(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert phase(tmp_path) is Phase.APPLYING
    run(tmp_path, "status")
    assert "  the change to 10% was under way: it may be in force, or come into force yet" in (
        capsys.readouterr().out
    )


def test_status_tells_mirroring_that_the_journal_does_not_know_of(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v1", "v2", 10, 30)
    run(tmp_path, "status")
    told = capsys.readouterr().out
    assert "  live is v1 90%, v2 10%, 30% mirrored; the journal's last: v1 90%, v2 10%" in told
