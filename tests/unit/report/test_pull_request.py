"""The command that reviews a change; what it measures is a traffic test."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.program.declaration import Declaration
from petmesh.program.exported import ExportedRelease
from petmesh.project import ROOT
from petmesh.rehearsal.session import Session
from petmesh.rehearsal.share import CanaryShare
from petmesh.rehearsal.split import Split
from petmesh.report import pull_request as pullrequest
from petmesh.report.base_checkout import Base
from tests.unit.declared import local


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base of which the checkout differs in its config alone, where that is given."""

    @contextmanager
    def base_of(name: str) -> Generator[Base]:
        yield Base(name, "0" * 40, ROOT)

    def declaration_of(_: Base, stack: str) -> Declaration:
        assert stack == "local"
        return local()

    monkeypatch.setattr(pullrequest, "base_of", base_of)
    monkeypatch.setattr(pullrequest, "declaration_of", declaration_of)


@pytest.mark.usefixtures("unchanged")
def test_a_change_of_config_is_reported(tmp_path: Path) -> None:
    output = tmp_path / "report.md"
    arguments = ["report", "--requests", "0", "--stack", "local", "--output", str(output)]
    assert main([*arguments, "--config", "canaryWeight=25"]) == 0
    report = output.read_text()
    assert "1 changed against `main` (0000000), and the outputs." in report
    assert "```diff\n~ VirtualService petdetailsservice: weight 0 -> 25\n~ Stack local: " in report
    assert "rules, no violation." in report


@pytest.mark.usefixtures("unchanged")
def test_what_breaks_a_guard_rail_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    given = 'images=["petservice/v1=registry.example.com/pets:1.0"]'
    arguments = ["report", "--requests", "0", "--stack", "local", "--config", given]
    assert main(arguments) == 1
    assert "images-by-digest: Deployment pets/petservice-v1" in capsys.readouterr().out


@pytest.mark.usefixtures("unchanged")
def test_a_stack_that_refuses_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--stack", "local", "--config", "canaryWeight=101"]) == 1
    assert "```text\ncanaryWeight = 101: must be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "status", "told"),
    [
        ([], 0, "changed against `main`"),
        (["dogApiPath"], 1, "dogApiPath = [secret]: must be no secret"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_an_encrypted_value_ends_no_report(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keys: list[str],
    status: int,
    told: str,
) -> None:
    def encrypted(_: Path, project: str) -> dict[str, object]:
        return {
            "gcp:accessToken": {"secure": "v1:abc="},
            **{f"{project}:{key}": {"secure": "v1:abc="} for key in keys},
        }

    monkeypatch.setattr("petmesh.program.stack_config._stack_values", encrypted)
    assert main(["report", "--requests", "0", "--stack", "local"]) == status
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(("share", "status"), [(0.26, 0), (0.15, 1)])
@pytest.mark.usefixtures("unchanged")
def test_a_share_that_is_outside_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], share: float, status: int
) -> None:
    async def nothing(_: Session) -> None:
        pass

    async def measured(_: Session, release: ExportedRelease, requests: int) -> Split:
        return Split(
            workload=release.workloads[release.canary],
            share=CanaryShare(release.weight, round(share * requests), requests),
            requests=requests,
            problems=("outside",) if status else (),
        )

    monkeypatch.setattr(Session, "start", nothing)
    monkeypatch.setattr(pullrequest, "measure_split", measured)
    arguments = ["report", "--requests", "1000", "--stack", "local", "--config", "canaryWeight=25"]
    assert main(arguments) == status
    assert f"is to get 25%, and got {share:.1%} of 1,000" in capsys.readouterr().out


@pytest.mark.usefixtures("unchanged")
def test_a_program_that_crashes_is_reported_and_where_is_for_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def declare(*_: object) -> Declaration:
        raise KeyError("x")

    monkeypatch.setattr(pullrequest, "declare", declare)
    assert main(["report", "--stack", "local"]) == 1
    said = capsys.readouterr()
    assert "```text\nKeyError: 'x'\n```" in said.out
    assert f'File "{__file__}"' in said.err


@pytest.mark.usefixtures("unchanged")
def test_a_rehearsal_that_crashes_leaves_the_rest_of_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start(_: Session) -> None:
        raise KeyError("x")

    monkeypatch.setattr(Session, "start", start)
    assert main(["report", "--stack", "local", "--config", "canaryWeight=25"]) == 1
    said = capsys.readouterr()
    assert "```text\nrehearsal: KeyError: 'x'\n```" in said.out
    assert "weight 0 -> 25" in said.out
    assert f'File "{__file__}"' in said.err


@pytest.mark.parametrize("output", ["/nowhere/report.md", "/"])
def test_an_output_that_cant_be_written_is_said_before_the_work(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--output", output]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"petmesh: --output = {output}: must be a file in a folder")


def test_a_base_that_isnt_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--base", "no-such-branch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("petmesh: --base = no-such-branch: must be")


@pytest.mark.envoy
@pytest.mark.usefixtures("unchanged")
def test_expectations_that_are_not_met_fail_the_command_and_are_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "expectations.yaml"
    asked = 'from: outside, url: "http://pets.localhost/pet/123"'
    file.write_text(f"expectations: [{{{asked}, expect: {{status: 418}}}}]")
    arguments = ["report", "--requests", "0", "--stack", "local", "--expectations", str(file)]
    assert main(arguments) == 1
    report = capsys.readouterr().out
    assert "**0 of 1 expectations met; coverage" in report
    assert "status 418 expected, got 200: VirtualService pets/petservice-public" in report


@pytest.mark.usefixtures("unchanged")
def test_expectations_that_cannot_be_read_are_to_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["report", "--requests", "0", "--stack", "local", "--expectations"]
    assert main([*arguments, str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml: there is no such file" in capsys.readouterr().out
