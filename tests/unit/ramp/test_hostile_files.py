"""Files that are in a ramp's way: each is one line or passed over, and rollback always works."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.project import ROOT
from petmesh.ramp import control, locations
from petmesh.ramp.events import Approve, Pause
from petmesh.ramp.files import private_folder, read_regular
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Journal, JournalError, latest, read
from petmesh.ramp.machine import Phase
from petmesh.ramp.options import Options
from petmesh.ramp.target import Release
from tests.unit.ramp.commanded import PLAN, left_at_10, phase, run
from tests.unit.ramp.fakes import MEMBERS, QUICK, SERVICE, FakeTarget, start

NAMED = "20991231-235959.999-v2.jsonl"


def nested(folder: Path) -> Path:
    [path] = folder.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"[" * 100_000 + b"\n" + lines[1])
    return path


def test_rollback_works_with_a_line_nested_without_end_in_the_journal(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    path = nested(tmp_path)
    assert run(tmp_path, "status") == 0
    assert f"ramp: not known: {path}: line 2 is no ramp's event" in capsys.readouterr().out
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.endswith(f"without the journal: {path}: line 2 is no ramp's event")


def test_rollback_works_whatever_a_journal_does(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise RecursionError

    monkeypatch.setattr("petmesh.ramp.commands.latest", broken)
    target.live = Release("v1", "v2", 40)
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")


def header(at: str) -> RampHeader:
    return RampHeader(at=at, stack="local", target="fake", members=MEMBERS, plan=QUICK)


def test_the_latest_ramp_is_the_one_that_began_last_though_the_clock_was_set_back(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "ramp", *PLAN) == 0
    [path] = tmp_path.glob("*.jsonl")
    path.rename(tmp_path / NAMED)
    target.live = Release("v1", "v2")
    left_at_10(tmp_path, target)
    assert phase(tmp_path) is Phase.WATCHING
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert "a ramp is unfinished" in capsys.readouterr().err
    assert run(tmp_path, "rollback") == 0
    assert "rolled back: v2 is at weight 0" in capsys.readouterr().out
    assert phase(tmp_path) is Phase.ROLLED_BACK
    for at in ("2030-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"):
        Journal.create(tmp_path, header(at)).close()
    record = latest(tmp_path)
    assert record is not None
    assert record.header.at.startswith("2020")
    assert record.header.number == 4


@pytest.mark.parametrize("name", ["notes.jsonl", "zzz.jsonl"])
def test_a_stray_file_is_no_journal_and_blocks_no_ramp(
    tmp_path: Path, target: FakeTarget, name: str
) -> None:
    (tmp_path / name).write_text('{"some": "data"}\n')
    (tmp_path / f"{name}.jsonl").mkdir()
    os.mkfifo(tmp_path / f"x-{name}")
    for loop in (f"y-{name}", NAMED):
        (tmp_path / loop).symlink_to(loop)
    assert run(tmp_path, "ramp", *PLAN) == 0
    assert run(tmp_path, "status") == 0
    assert target.live == Release("v2", "")


def test_a_damaged_journal_is_named_until_a_later_one_is_there(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAMED).write_text("{}\n")
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert capsys.readouterr().err == f"petmesh: {tmp_path / NAMED}: line 1 is no ramp's header\n"
    (tmp_path / NAMED).rename(tmp_path / NAMED.replace("2099", "2019"))
    assert run(tmp_path, "ramp", *PLAN) == 1
    left_at_10(tmp_path / "other", target)
    [later] = (tmp_path / "other").glob("*.jsonl")
    later.rename(tmp_path / later.name)
    assert phase(tmp_path) is Phase.WATCHING


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left_at_10(tmp_path, target)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("petmesh.ramp.journal.os.scandir", refuse)
    assert run(tmp_path, "status") == 0
    told = f"{tmp_path}: Permission denied"
    assert f"ramp: not known: {told}" in capsys.readouterr().out
    assert run(tmp_path, "ramp", *PLAN) == 1
    assert capsys.readouterr().err == f"petmesh: {told}\n"
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("gone", ["deleted", "replaced"])
async def test_a_journal_that_is_taken_away_under_a_ramp_gives_weight_0(
    tmp_path: Path, gone: str
) -> None:
    target = FakeTarget()

    def take_away() -> None:
        [path] = tmp_path.glob("*.jsonl")
        path.unlink()
        if gone == "replaced":
            path.write_text("")

    task = asyncio.create_task(start(tmp_path, target).run())
    async with asyncio.timeout(5), target.changed:
        await target.changed.wait_for(lambda: target.live.weight == 10)
    take_away()
    state = await task
    assert (state.phase, target.live.weight) == (Phase.ROLLED_BACK, 0)
    reason = "No such file" if gone == "deleted" else "another file is in its place"
    assert reason in state.reason


def test_a_pipe_or_a_folder_named_as_a_request_holds_up_neither_a_ramp_nor_its_requests(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "request-b.json"
    folder.mkdir()
    with control.held(tmp_path, "local"):
        os.mkfifo(tmp_path / "request-a.json")
        (tmp_path / "request-c.json").symlink_to("request-c.json")
        control.send(tmp_path, "local", Pause())
        assert list(control.take(tmp_path)) == [Pause()]
        assert list(tmp_path.glob("request-*.json")) == [folder]


def undeletable(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path.match(pattern):
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)


def test_a_request_that_cannot_be_deleted_is_never_taken_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with control.held(tmp_path, "local"):
        stays = control.send(tmp_path, "local", Approve(gate="10"))
        undeletable(monkeypatch, stays.name)
        control.send(tmp_path, "local", Pause())
        assert list(control.take(tmp_path)) == [Pause()]
        assert list(tmp_path.glob("request-*.json")) == [stays]


def test_who_asks_by_a_request_that_cannot_be_deleted_is_told_so_in_one_line(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left_at_10(tmp_path, target)
    monkeypatch.setattr("petmesh.ramp.commands._TAKEN_SECONDS", 0.0)
    options = Options(service=SERVICE)
    with locations.held_stack(tmp_path, options):
        undeletable(monkeypatch, "request-*.json")
        assert run(tmp_path, "pause") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(" didn't answer within 0 s: end it, then run rollback")


def test_a_journal_longer_than_a_ramp_can_write_is_named_and_read_no_further(
    tmp_path: Path,
    target: FakeTarget,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    monkeypatch.setattr("petmesh.ramp.journal._LONGEST", 2**20)
    os.truncate(path, 2**20)
    assert phase(tmp_path) is Phase.WATCHING
    os.truncate(path, 2**30)
    assert run(tmp_path, "status") == 0
    assert f"ramp: not known: {path}: it is longer than 1 MiB\n" in capsys.readouterr().out
    assert run(tmp_path, "rollback") == 0
    assert target.live == Release("v1", "v2")


def test_a_pipe_in_place_of_a_report_is_refused_in_one_line(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    pipe = path.with_suffix(".html")
    os.mkfifo(pipe)
    assert run(tmp_path, "ramp-report") == 1
    assert capsys.readouterr().err == f"petmesh: {pipe}: it is no regular file\n"
    assert run(tmp_path, "rollback") == 0
    told = f"petmesh: no report was written: {pipe}: it is no regular file\n"
    assert capsys.readouterr().err == told
    assert run(tmp_path, "ramp", *PLAN, "--report", str(pipe)) == 2
    assert capsys.readouterr().err == f"petmesh: --report = {pipe}: it is no regular file\n"


def test_a_shorter_report_replaces_a_longer_one_whole(tmp_path: Path, target: FakeTarget) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    report = path.with_suffix(".html")
    report.write_text("x" * 10**6)
    assert run(tmp_path, "ramp-report") == 0
    assert report.read_text().endswith("</html>\n")


RAMP = """
import asyncio, sys
from pathlib import Path
from petmesh.ramp.ramping import _interrupting
from tests.unit.ramp.fakes import FakeTarget, QUICK, start

async def ramp():
    driver = start(Path(sys.argv[1]), FakeTarget(), QUICK.model_copy(update={"hold": 60.0}))
    with _interrupting(driver):
        print("begun", flush=True)
        print((await driver.run()).phase.value)

asyncio.run(ramp())
"""


def test_ctrl_c_reaches_a_ramp_beside_a_pipe_that_is_named_as_a_request(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RAMP, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "begun\n"
        pipe = tmp_path / "request-a.json"
        os.mkfifo(pipe)
        while pipe.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "rolled back\n"
    finally:
        process.kill()
        process.wait()


def test_a_pipe_as_a_lock_is_no_lock_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    assert not control.is_held(tmp_path)
    with pytest.raises(control.LockError, match="no regular file"), control.held(tmp_path, "local"):
        pass
    with pytest.raises(OSError, match="no regular file"):
        read_regular(tmp_path / "lock", 1)


def test_every_folder_that_a_ramp_makes_is_its_owners_alone(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    umask = os.umask(0)
    try:
        monkeypatch.setattr(locations, "STATE", tmp_path / ".state" / "canary")
        monkeypatch.setattr(locations, "LOCKS", tmp_path / "petmesh" / "locks")
        assert main(["ramp", *PLAN]) == 0
        private_folder(tmp_path / "made" / "deep")
    finally:
        os.umask(umask)
    assert target.live == Release("v2", "")
    made = [each for each in tmp_path.rglob("*") if each.is_dir()]
    assert len(made) >= 7
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {0o700}


def test_text_of_a_journal_steers_no_terminal(tmp_path: Path, target: FakeTarget) -> None:
    left_at_10(tmp_path, target)
    [path] = tmp_path.glob("*.jsonl")
    failed = b'{"at": "2026-01-01T00:00:00Z", "event": {"kind": "failed", "reason": "%s"}}\n'
    path.write_bytes(path.read_bytes() + failed % rb"no\u001b[2J\nline" * 2)
    reasons = [getattr(entry.event, "reason", "") for entry in read(path).entries]
    assert reasons[-1] == "no\ufffd[2J; line"
    path.write_bytes(path.read_bytes() + b'{"at": "noon", "event": {"kind": "done"}}\n' * 2)
    with pytest.raises(JournalError, match="is no ramp's event"):
        read(path)


@pytest.mark.parametrize("module", ["demo.ramps", "bench.ramps.rollback"])
def test_a_build_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    module: str,
) -> None:
    (tmp_path / "build").touch()
    monkeypatch.setattr("demo.ramps.REPORTS", tmp_path / "build" / "ramp-demo")
    monkeypatch.setattr("petmesh.rehearsal.run_folder.RUNS", tmp_path / "build" / "rehearsal")
    monkeypatch.setattr(sys, "argv", [module])
    imported = __import__(module, fromlist=["main"])
    assert imported.main() == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"petmesh: {tmp_path / 'build'}")
    assert line.endswith("Not a directory")


def test_a_state_that_cannot_be_kept_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".state").touch()
    monkeypatch.setattr("petmesh.program.pulumi_cli.STATE", tmp_path / ".state")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    for command in ("status", "rollback", "ramp"):
        assert main([command]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"petmesh: {tmp_path / '.state'}: can't be written: ")
