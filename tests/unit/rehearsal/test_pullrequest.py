"""The command that reviews a change; what it measures is a traffic test."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rehearsal import pullrequest
from rehearsal.basis import Base
from rehearsal.stackconfig import ROOT


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def base_of(name: str) -> Generator[Base]:
        yield Base(name, "0" * 40, ROOT)

    monkeypatch.setattr(pullrequest, "base_of", base_of)


@pytest.mark.usefixtures("unchanged")
def test_a_change_of_config_is_reported(tmp_path: Path) -> None:
    output = tmp_path / "report.md"
    arguments = ["--requests", "0", "--stacks", "local", "--output", str(output)]
    assert pullrequest.main([*arguments, "--config", "canaryWeight=25"]) == 0
    report = output.read_text()
    assert "1 changed against `main` (0000000), and the outputs." in report
    assert "```diff\n~ VirtualService petdetailsservice: weight 0 -> 25\n~ Stack local: " in report
    assert "rules, nothing to mend." in report


@pytest.mark.usefixtures("unchanged")
def test_what_breaks_a_guard_rail_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    given = 'images=["petservice/v1=registry.example.com/pets:1.0"]'
    arguments = ["--requests", "0", "--stacks", "local", "--config", given]
    assert pullrequest.main(arguments) == 1
    assert "images-by-digest: Deployment pets/petservice-v1" in capsys.readouterr().out


@pytest.mark.usefixtures("unchanged")
def test_a_stack_that_refuses_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert pullrequest.main(["--stacks", "local", "--config", "canaryWeight=101"]) == 1
    assert "```text\ncanaryWeight = 101: must be" in capsys.readouterr().out


@pytest.mark.usefixtures("unchanged")
def test_an_encrypted_value_ends_no_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.compose("{petmesh:dogApiPath: {secure: v1:abc=}}", Loader=yaml.SafeLoader)
    assert isinstance(config, yaml.MappingNode)
    nodes = [(str(key.value), value) for key, value in config.value]

    def encrypted(_: Path) -> list[tuple[str, yaml.Node]]:
        return nodes

    monkeypatch.setattr("rehearsal.stackconfig._stack_nodes", encrypted)
    assert pullrequest.main(["--requests", "0", "--stacks", "local"]) == 0
    assert "changed against `main`" in capsys.readouterr().out


def test_a_base_that_isnt_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert pullrequest.main(["--base", "no-such-branch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pr-report: BASE = no-such-branch: must be")
