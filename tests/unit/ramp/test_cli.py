"""The command line: mistakes in one line, and what `status` tells from a journal."""

import asyncio
import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.project import ROOT, project
from petmesh.ramp import control
from petmesh.ramp.journal import latest
from petmesh.ramp.options import RampOptions
from petmesh.ramp.plan import PROMOTION, Plan
from petmesh.ramp.target import UsageError
from petmesh.ramp.targets import faults_of
from tests.unit.ramp.fakes import BAD, QUICK, SERVICE, FakeTarget, start

RAMP = ["ramp", "--target", "rehearsal"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command is refused with."""
    assert main(arguments) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--steps", "10,25"], "steps = 10,25: the last one must be 100"),
        (["--steps", "25,10,100"], "must be whole percents that rise from 1 to 100"),
        (["--steps", "0,100"], "must be whole percents that rise from 1 to 100"),
        (["--steps", "10,x"], "--steps = x: must be a whole number"),
        (["--hold", "5"], "--hold = 5: must be a time such as 500ms, 30s, 5m or 1h"),
        (["--gate", "33"], "gate = 33: must be one of the steps 10,25,50,100, or promotion"),
        (["--interval", "0s"], "--interval = 0.0: input should be greater than or equal to 0.001"),
        (["--interval", "0.0001ms"], "input should be greater than or equal to 0.001"),
        (["--risk", "60%"], "--risk = 60.0: input should be less than 50"),
        (["--compare", "p50"], "--compare = p50: input should be 'failures' or 'latency'"),
        (["--success-rate", "101"], "--success-rate = 101.0: input should be less than or equal"),
        (["--p99-ms", "fast"], "--p99-ms = fast: must be a number, or off"),
        (["--mirror-percent", "200"], "--mirror-percent = 200: input should be less than or equal"),
        (
            ["--on-interrupt", "ignore"],
            "--on-interrupt = 'ignore' is not one of 'rollback', 'pause'",
        ),
        (["--resume", "--steps", "100"], "--resume goes on with the ramp's own plan"),
        (["--resume"], "stack local: no ramp was left to go on with"),
        (["--webhook", "hooks.example.com"], "--webhook: must be an http:// or https:// address"),
        (["--fault", "x"], "--fault = x: must be KEY=VALUE"),
        (["--stack", "nope"], "nope"),
        (["--stack", "../../x"], "--stack = ../../x: must be a stack's name, such as dev"),
        (["--fault", "NOPE=3"], "--fault = NOPE: must be FAULT_ERROR_PERCENT or"),
        (["--blue-green", "--steps", "10,100"], "--blue-green is --steps 100: give one of the two"),
        (
            ["--target", "cluster", "--fault", "FAULT_ERROR_PERCENT=1"],
            "--fault: a rehearsal alone takes it",
        ),
        (["--target", "cluster", "--config", "A=1"], "--config: a rehearsal alone takes it"),
        (["--replay", "none.jsonl"], "none.jsonl: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert text in refused([*RAMP, "--journal", str(tmp_path), *arguments], capsys)


def test_the_faults_of_a_rehearsal_are_those_of_the_service() -> None:
    source = (ROOT / "apps/petdetailsservice/__main__.py").read_text()
    assert set(re.findall(r'"(FAULT_[A-Z_]+)"', source)) == {*project().faults["petdetailsservice"]}


def test_a_lock_that_cannot_be_made_is_a_mistake_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    line = refused([*RAMP, "--journal", str(file / "x")], capsys)
    assert line == f"petmesh: {file / 'x'}: no lock can be made in it: Not a directory"


def test_a_file_system_without_locks_is_a_mistake_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", without)
    line = refused([*RAMP, "--journal", str(tmp_path)], capsys)
    assert line == f"petmesh: {tmp_path}: no lock can be made in it: No locks available"


def test_a_late_request_that_stays_is_a_mistake_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "request-late.json").touch()
    monkeypatch.setattr(Path, "unlink", refuse)
    line = refused([*RAMP, "--journal", str(tmp_path)], capsys)
    assert line == f"petmesh: {tmp_path}: no lock can be made in it: Operation not permitted"


def test_a_request_that_is_taken_back_meanwhile_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    (tmp_path / "request-gone.json").symlink_to(tmp_path / "nowhere")
    with control.held(tmp_path, "local"):
        assert control.is_held(tmp_path)


def test_without_a_ramp_there_is_nothing_to_pause_or_approve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = ["--journal", str(tmp_path)]
    assert "no process runs a ramp of it" in refused(["pause", *journal], capsys)
    assert "no process runs a ramp of it" in refused(["resume", *journal], capsys)
    assert "nothing waits for an approval" in refused(["approve", *journal], capsys)
    assert "there is no journal of a ramp" in refused(["ramp-report", *journal], capsys)


def test_a_second_ramp_of_a_stack_is_refused_while_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with control.held(tmp_path, "local"):
        line = refused([*RAMP, "--journal", str(tmp_path)], capsys)
    assert line == f"petmesh: stack local: process {os.getpid()} runs a ramp of it"


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom petmesh.ramp.control import held\n"
        "with held(Path(sys.argv[1]), 'local'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert control.is_held(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not control.is_held(tmp_path)
    with control.held(tmp_path, "local"):
        pass


def test_status_tells_where_a_ramp_stands_though_its_process_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan.model_validate({**QUICK.model_dump(), "gates": (PROMOTION,)})

    async def killed() -> None:
        task = asyncio.create_task(start(tmp_path, FakeTarget(), plan).run())
        while (record := latest(tmp_path)) is None or "approval" not in record.state.reason:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(killed())
    status = ["status", "--target", "rehearsal", "--journal", str(tmp_path)]
    assert main(status) == 0
    text = capsys.readouterr().out
    assert "v2 is waiting for approval at weight 100: promotion needs an approval" in text
    assert "NO process drives it: go on with ramp --resume, or end it with rollback" in text
    assert main([*status, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], told["ramp"]["phase"]) == (False, "waiting for approval")


def test_a_report_needs_nothing_from_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(start(tmp_path, FakeTarget(canary=BAD)).run())
    assert main(["ramp-report", "--journal", str(tmp_path)]) == 0
    html = Path(capsys.readouterr().out.strip()).read_text()
    assert html.count("<svg") == 4
    assert "rolled back: v2 is at weight 0, v1 gets every request: success 40.00%" in html
    for outside in ("http://", "https://", "<script", "<link", "<img", "src="):
        assert outside not in html


def test_waiting_for_the_lock_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(control.time, "sleep", pauses.append)
    tmp_path.joinpath("lock").touch()
    with tmp_path.joinpath("lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(control.BusyError), control.held(tmp_path, "local"):
            pass
    assert 0 < sum(pauses) < 1


def test_where_nobody_reads_any_more_printing_ends_nothing() -> None:
    program = (
        "import sys\nfrom petmesh.ramp.progress import say\nsys.stdin.readline()\n"
        "say('journal', sys.stdout)\nsay('promoted', sys.stdout)\nsys.exit(3)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(b"\n", 20)
    assert (process.returncode, errors) == (3, b"")


@pytest.mark.parametrize(
    ("faults", "services", "found"),
    [
        (
            ["FAULT_ERROR_PERCENT=5"],
            ["petservice", SERVICE],
            {SERVICE: {"FAULT_ERROR_PERCENT": "5"}},
        ),
        (
            [f"{SERVICE}.FAULT_ERROR_PERCENT=7", "FAULT_ERROR_PERCENT=5"],
            [SERVICE],
            {SERVICE: {"FAULT_ERROR_PERCENT": "7"}},
        ),
        ([], ["petservice"], {}),
    ],
)
def test_a_fault_goes_to_the_services_that_know_it(
    faults: list[str], services: list[str], found: dict[str, dict[str, str]]
) -> None:
    given = dict(each.split("=") for each in faults)
    assert faults_of(RampOptions(faults=given), services) == found


@pytest.mark.parametrize(
    ("fault", "services", "program", "able"),
    [
        ("petservice.FAULT_ERROR_PERCENT", ["petservice", SERVICE], None, SERVICE),
        ("FAULT_ERROR_PERCENT", ["petservice"], None, "a service that is ramped"),
        ("FAULT_ERROR_PERCENT", [SERVICE], ROOT / "examples/releases", "a service that is ramped"),
    ],
)
def test_a_fault_that_would_do_nothing_is_refused(
    fault: str, services: list[str], program: Path | None, able: str
) -> None:
    options = RampOptions(faults={fault: "5"}, program=program)
    with pytest.raises(UsageError) as refused:
        faults_of(options, services)
    assert str(refused.value) == (
        f"--fault {fault}: must be of {able}, as faults in petmesh.yaml has it"
    )
