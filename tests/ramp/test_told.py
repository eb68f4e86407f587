"""What the commands tell and ask: status, reports, webhooks, requests to the ramp that runs."""

import asyncio
import errno
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.ramp import control, locations, ramping
from petmesh.ramp.driver import Driver
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.options import Options
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.commanded import PLAN, left_at_10, phase, run
from tests.unit.ramp.fakes import BAD, QUICK, SERVICE, FakeTarget, start


def test_a_ramp_that_goes_back_has_a_status_of_its_own(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    target.canary = BAD
    assert run(tmp_path, "ramp", "--json", *PLAN) == 3
    assert target.live == Release("v1", "v2")
    captured = capsys.readouterr()
    assert [json.loads(line)["phase"] for line in captured.out.splitlines()][-1] == "rolled back"
    assert captured.err.splitlines()[-1].startswith("rolled back: v2 is at weight 0, v1 gets every")


def test_status_tells_what_is_live_beside_what_the_journal_says(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    target.live = Release("v1", "v2", 60)
    assert run(tmp_path, "status") == 0
    text = capsys.readouterr().out
    assert "live: v1 40%, v2 60%" in text
    assert re.search(
        r"  v2: \d+ requests in the last \d+ s, 100.00% of them good, p50 3.02 ms, p99 5 ms", text
    )
    assert "  live is v1 40%, v2 60%; the journal's last: v1 90%, v2 10%" in text
    target.live = Release("v2", "v3")
    assert run(tmp_path, "status") == 0
    assert "the stack went on without it" in capsys.readouterr().out
    assert run(tmp_path, "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["live"][SERVICE] == {"stable": "v2", "canary": "v3", "weight": 0, "mirror": 0}


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
    options = Options(service=SERVICE)
    with locations.held_stack(tmp_path, options):
        assert run(tmp_path, "promote") == 1
    assert "the ramp waits at 10" in capsys.readouterr().err


def asked_of(folder: Path, driver: Driver, *commands: str) -> list[int]:
    """The exit statuses of commands that are given in turn while a ramp runs."""
    options = Options(service=SERVICE)

    async def ramp() -> list[int]:
        with locations.held_stack(folder, options):
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
    lock = locations.lock_folder(Options(service=SERVICE))
    driver = start(lock, target)
    target.slowness = 60
    assert asked_of(lock, driver, "pause", "pause", "resume", "resume") == [0, 1, 0, 1]
    captured = capsys.readouterr()
    pausing = "v2 is applying at weight 0: will pause once 10% is set"
    going_on = "v2 is applying at weight 0: sets 10%"
    assert captured.out.splitlines() == [pausing, going_on]
    assert captured.err.splitlines() == [
        f"petmesh: stack local: pause changes nothing: {pausing}",
        f"petmesh: stack local: resume changes nothing: {going_on}",
    ]


def test_requests_and_status_are_of_the_latest_ramp_though_the_clock_was_set_back(
    target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = locations.lock_folder(Options(service=SERVICE))
    asyncio.run(start(lock, FakeTarget()).run())
    [ended] = lock.glob("*.jsonl")
    ended.rename(lock / "20991231-235959.999-v2.jsonl")
    plan = Plan.model_validate({**QUICK.model_dump(), "hold": 60.0, "gates": (10,)})
    driver = start(lock, target, plan)
    assert asked_of(lock, driver, "status", "pause", "resume", "approve") == [0, 0, 0, 0]
    assert (driver.state.stage, driver.state.approvals) == (0, 1)
    told = capsys.readouterr().out
    assert "ramp: v2 is waiting for approval at weight 0: 10 needs an approval" in told
    assert "v2 is paused at weight 0: asked for" in told
    assert "promoted" not in told


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

    options = Options(service=SERVICE)
    lock = locations.lock_folder(options)
    with locations.held_stack(lock, options):
        monkeypatch.setattr(Path, "write_text", full)
        assert run(lock, command) == 1
    assert capsys.readouterr().err == (
        f"petmesh: stack local: process {os.getpid()} runs a ramp of it and can't be asked: "
        f"{lock}: No space left on device; interrupt it, or end it and run rollback\n"
    )
    assert [path.name for path in lock.iterdir()] == ["lock"]
    assert target.changes == []


def test_another_folder_of_journals_is_no_way_round_the_lock(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(service=SERVICE)
    with locations.held_stack(tmp_path / "one", options):
        assert run(tmp_path / "two", "ramp", *PLAN) == 1
    assert "runs a ramp of it" in capsys.readouterr().err
    assert target.changes == []


def test_every_command_finds_the_journal_of_the_ramp_that_runs(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path / "ramp", target)
    options = Options(service=SERVICE)
    with locations.held_stack(tmp_path / "ramp", options):
        assert main(["status"]) == 0
    told = capsys.readouterr().out
    assert "ramp: v2 is watching at weight 10" in told
    assert "  a process drives it" in told


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
    assert "petmesh: the webhook failed: it broke" in captured.err
    assert captured.out.splitlines()[-1].startswith("rolled back: v2 is at weight 0")
    assert "secret" not in captured.err + captured.out
    monkeypatch.setenv("CANARY_WEBHOOK", "hooks.example.com/secret")
    assert run(tmp_path, "ramp", *PLAN) == 2
    assert capsys.readouterr().err == (
        "petmesh: CANARY_WEBHOOK: must be an http:// or https:// address\n"
    )


def test_the_stack_is_free_while_the_webhook_is_still_told(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    options = Options(service=SERVICE)

    async def close(*_: object) -> None:
        held.append(control.is_held(locations.lock_folder(options)))

    monkeypatch.setattr(ramping.Webhook, "close", close)
    target.canary = BAD
    assert run(tmp_path, "ramp", *PLAN, "--webhook", "http://127.0.0.1:1") == 3
    assert held == [False]


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
    monkeypatch.setattr(target, "releases", unknown)
    run(tmp_path, "status")
    told = capsys.readouterr().out
    assert "live: not known: no engine" in told
    assert "v2 is at weight 0" not in told
    assert "ramp: the latest one ended: rolled back: v2: success 40.00%" in told


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
