"""The arguments that make targets pass on, word by word."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from settings import ROOT

PAIRS = ['ingressHosts=["pets.example.com"]', "dogApiPath=/o'clock;$(id)*", "canaryWeight=25"]


@pytest.mark.parametrize("target", ["demo", "faults", "policy", "pr-report"])
def test_a_pair_of_config_reaches_the_command_as_it_is(target: str) -> None:
    config = " ".join(PAIRS).replace("$", "$$")
    command = ["make", "--dry-run", "--silent", target, f"CONFIG={config}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(told.splitlines()[-1])
    given = [words[index + 1] for index, word in enumerate(words) if word == "--config"]
    assert given == PAIRS


def test_the_help_shows_a_command_as_it_is_typed() -> None:
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 'eval "$(make -s env)"' in told.stdout


@pytest.mark.parametrize(("given", "base"), [((), "main"), (("BASE=v1.2",), "v1.2")])
def test_a_report_compares_with_main_or_with_what_is_named(
    given: tuple[str, ...], base: str
) -> None:
    command = ["make", "--dry-run", "--silent", "pr-report", *given]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(told.splitlines()[-1])
    assert words[words.index("--base") + 1] == base


def told_though_a_lock_changed(target: str) -> str:
    """What make would run once a pull has brought another lock."""
    command = ["make", "--dry-run", "--silent", "--what-if=requirements-dev.txt", target]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", ["approve", "pause", "resume", "rollback", "promote"])
def test_a_command_to_a_ramp_is_given_by_make(command: str) -> None:
    make = ["make", "--dry-run", "--silent", command, "STACK=dev", "ARGS=--json"]
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(told.splitlines()[-1])
    assert words == [".venv/bin/petmesh", command, "--stack", "dev", "--json"]


@pytest.mark.parametrize("target", ["rollback", "ramp-status", "approve", "pause", "resume"])
def test_who_goes_back_or_looks_waits_for_no_download(target: str) -> None:
    if not (ROOT / ".venv" / "bin" / "petmesh").exists():
        pytest.skip("nothing was set up by make")
    assert "pip" not in told_though_a_lock_changed(target)
    assert "pip" in told_though_a_lock_changed("ramp")


def test_the_engines_tests_are_a_target_of_their_own() -> None:
    make = ["make", "--dry-run", "--silent", "engine"]
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shlex.split(told.splitlines()[-1])[-1] == "tests/engine"
    make = ["make", "--dry-run", "--silent", "test"]
    told = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    *_, choice = shlex.split(told.splitlines()[-1])
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-m", choice]
    done = subprocess.run(
        [*collect, "tests/engine"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout


def test_the_engines_tests_say_in_a_line_what_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "petmesh", "install-cli", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "petmesh: no Pulumi CLI: run make install-cli\n"
    assert list(tmp_path.iterdir()) == []
