"""The command as a whole: its help, what it imports, and the project's commands in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from petmesh.cli import app
from petmesh.cli.app import main
from petmesh.project import ROOT, project

LAUNCHER = ROOT / ".venv" / "bin" / "petmesh"


def test_the_help_names_the_commands_of_the_toolkit_and_of_the_project(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    for command in ("demo", "faults", "policy", "report", "ramp", "rollback", "install-cli"):
        assert f" {command} " in told


def test_a_ramps_help_names_the_defaults_of_its_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ramp", "--help"]) == 0
    told = capsys.readouterr().out
    assert "[default: (10,25,50,100)]" in told
    assert "--latency-margin-ms" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["romp"], "petmesh: no such command 'romp'. Did you mean 'ramp'?; see petmesh --help\n"),
        (["policy", "--config"], "petmesh: option '--config' requires an argument; see "),
        (["approve", "now"], "petmesh: got unexpected extra argument(s) (now); see "),
        (["--nothing"], "petmesh: no such option: --nothing; see "),
        (["test", "a", "--address", "b"], "petmesh: --address: needs --target cluster\n"),
        (
            ["test", "a", "--target", "cluster", "--fail-under", "90"],
            "petmesh: --fail-under and --validator-tests: no cluster tells which object decided\n",
        ),
        (["preview", "--in-process", "--diff"], "petmesh: preview in process: --diff: only the "),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("module", ["no_such_module", "json"])
def test_commands_that_cannot_be_plugged_in_are_one_line_and_keep_nobody_from_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, tmp_path: Path
) -> None:
    broken = project().model_copy(update={"commands": module})
    monkeypatch.setattr(app, "project", lambda: broken)
    assert main(["demo"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"petmesh: petmesh.yaml: commands = {module}: must be a module with an ")
    assert main(["status", "--target", "rehearsal", "--journal", str(tmp_path)]) == 0


def test_who_goes_back_or_approves_waits_for_no_import_of_pulumi_or_the_rehearsal() -> None:
    program = (
        "import sys\nfrom petmesh.cli.app import main\n"
        "assert main(['approve', '--stack', 'none-of-this-name']) == 1\n"
        "print({'pulumi', 'demo', 'petmesh.rehearsal', 'petmesh.mesh'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.skipif(not LAUNCHER.exists(), reason="nothing was set up by make")
def test_the_launcher_runs_from_any_folder_and_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "petmesh").symlink_to(LAUNCHER)
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported from the folder')")
    done = subprocess.run(
        [tmp_path / "petmesh", "ramp", "--hold", "5"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "petmesh: --hold = 5: must be a time such as 500ms, 30s, 5m or 1h\n"
