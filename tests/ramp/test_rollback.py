"""Rollback always works: whatever the ramp, its journal, its lock and its webhook do."""

import asyncio
import errno
import json
import threading
import time
from pathlib import Path

import pytest

from petmesh.ramp import control, locations, ramping
from petmesh.ramp.journal import Entry, latest, now
from petmesh.ramp.machine import Phase
from petmesh.ramp.options import Options
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.commanded import left_at_10, phase, run
from tests.unit.ramp.fakes import QUICK, SERVICE, FakeTarget, start


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
    assert capsys.readouterr().err == "petmesh: change refused\n"
    assert target.live.weight == 40


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
    assert "line 1 is no ramp's header" in warning


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


def test_rollback_goes_on_where_there_can_be_no_lock(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, locks in ((tmp_path, file / "locks"), (file / "x", tmp_path / "locks")):
        monkeypatch.setattr(locations, "LOCKS", locks)
        target.live = Release("v1", "v2", 40)
        assert run(folder, "rollback") == 0
        assert target.live == Release("v1", "v2")
        [warning] = capsys.readouterr().err.splitlines()
        assert warning.startswith("petmesh: going back without a lock: ")
        assert run(folder, "status") == 0
        capsys.readouterr()


@pytest.mark.parametrize("missing", ["locks", "journals"])
def test_rollback_keeps_the_lock_that_it_can_have(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    (tmp_path / missing).touch()
    folder = tmp_path / "journals" / "local"
    options = Options(service=SERVICE)
    lock = locations.lock_folder(options) if missing == "journals" else folder
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


def test_a_rollback_that_meets_a_ramp_about_to_end_is_done_here(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    options = Options(service=SERVICE)
    free = threading.Event()

    def end_without_taking() -> None:
        with locations.held_stack(tmp_path, options):
            free.set()
            while not list(locations.lock_folder(options).glob("request-*.json")):
                time.sleep(0.01)

    ending = threading.Thread(target=end_without_taking)
    ending.start()
    assert free.wait(5)
    assert run(tmp_path, "rollback") == 0
    ending.join()
    assert target.live == Release("v1", "v2")
    assert "rolled back: v2 is at weight 0" in capsys.readouterr().out


def test_a_ramp_that_rollback_ends_has_its_report_and_the_webhook_is_told(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Phase] = []
    held: list[bool] = []
    options = Options(service=SERVICE)

    def entry(_: object, entry: Entry) -> None:
        told.append(entry.state.phase)

    async def close(*_: object) -> None:
        held.append(control.is_held(locations.lock_folder(options)))

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
        "petmesh: no webhook is told: CANARY_WEBHOOK: must be an http:// or https:// address"
    )
    for line in captured.out.splitlines():
        json.loads(line)


def test_a_rollback_asked_for_during_a_promotion_that_fails_is_done_after_it(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(service=SERVICE)
    folder = locations.lock_folder(options)
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
        with locations.held_stack(folder, options):
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
