"""The Pulumi CLI as the make targets call it, with a CLI that records its arguments."""

from pathlib import Path

import pytest
import yaml

from petmesh.cli.app import main
from petmesh.program import pulumi_cli
from petmesh.program.pulumi_cli import PINNED_VERSION, state_environment
from petmesh.project import ROOT

RECORDER = """#!/bin/sh
[ "$1" = version ] && echo v3.272.0 && exit
echo "$@" >> "$RECORD"
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pulumi").write_text(RECORDER)
    (tmp_path / "pulumi").chmod(0o755)
    record = tmp_path / "record"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RECORD", str(record))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere")
    return record


@pytest.mark.parametrize("name", ["preview", "up"])
def test_what_is_applied_is_held_against_the_guard_rails(asked: Path, name: str) -> None:
    assert main([name, "--stack", "dev", "--yes"]) == 0
    assert asked.read_text().splitlines() == [
        "stack select dev --create",
        f"{name} --stack dev --policy-pack petmesh/guardrails --yes",
    ]


def test_a_cli_that_was_installed_for_the_checkout_comes_before_the_paths(
    asked: Path, tmp_path: Path
) -> None:
    installed = tmp_path / ".pulumi" / "versions" / PINNED_VERSION / "bin" / "pulumi"
    installed.parent.mkdir(parents=True)
    installed.write_text(RECORDER.replace('"$@"', '"installed: $@"'))
    installed.chmod(0o755)
    assert main(["destroy", "--stack", "dev"]) == 0
    assert asked.read_text().splitlines()[-1] == "installed: destroy --stack dev"


def test_what_is_removed_is_not(asked: Path) -> None:
    assert main(["destroy", "--stack", "dev"]) == 0
    assert asked.read_text().splitlines()[-1] == "destroy --stack dev"


def test_a_kill_leaves_no_file_of_the_local_state_half_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pulumi_cli, "STATE", tmp_path / "state")
    variables = state_environment({"PULUMI_HOME": str(tmp_path)})
    assert variables["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/state?metadata=skip"


def test_the_policy_pack_runs_in_the_checkouts_environment() -> None:
    pack = ROOT / "petmesh" / "guardrails"
    held = yaml.safe_load((pack / "PulumiPolicy.yaml").read_text())
    assert (pack / held["runtime"]["options"]["virtualenv"]).resolve() == (ROOT / ".venv").resolve()
