"""Mistakes on the command line, and the preview."""

import pytest

from petmesh.cli.app import main


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--stack", "nowhere"], "stack nowhere: Pulumi.nowhere.yaml does not exist"),
        (["demo", "--config", "canaryWeight"], "canaryWeight: must be KEY=VALUE"),
        (["demo", "--config", "canaryWeight=101"], "canaryWeight"),
        (["demo", "--config", "canaryWeigth=10"], "did you mean canaryWeight"),
        (["demo", "--weights", "0,101"], "0,101: must be whole numbers from 0 to 100"),
        (["demo", "--weights", ""], "must be whole numbers from 0 to 100"),
        (["demo", "--requests", "5"], "5: must be a whole number from 100 to 1000000"),
        (["demo", "--port", "0"], "0: must be a whole number from 1 to 65535"),
        (["demo", "--nothing"], "no such option: --nothing"),
        (
            ["preview", "--in-process", "--stack", "nowhere"],
            "stack nowhere: Pulumi.nowhere.yaml does not exist",
        ),
        (["preview", "--config", "platform=mars"], "platform"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    line = refusal(capsys, *arguments)
    assert line.startswith("petmesh: ")
    assert said in line


def test_a_mistake_in_the_environment_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS", "many")
    assert "many: must be a whole number from 100 to 1000000" in refusal(capsys, "demo")


def test_the_preview_is_a_tree_that_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--in-process", "--config", "canaryWeight=25"]) == 0
    shown = capsys.readouterr().out
    assert "without the Pulumi engine" in " ".join(shown.split())
    assert "weighted: v1 75%, v2 25%" in " ".join(shown.split())
    assert "Release istiod  chart istiod" in shown


def test_a_gke_stack_is_previewed_with_a_placeholder_project(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["preview", "--in-process", "--stack", "dev"]) == 0
    shown = capsys.readouterr().out
    assert "gcp:container:Cluster" in shown
    assert "known after the update" in shown


def test_a_stack_is_held_against_the_guard_rails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(" rules: no violation")


def test_what_breaks_a_guard_rail_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    given = 'images=["petservice/v1=registry.example.com/pets:1.0"]'
    assert main(["policy", "--config", given]) == 1
    violation, count = capsys.readouterr().out.splitlines()
    assert violation.startswith("images-by-digest: Deployment pets/petservice-v1: spec.template")
    assert count.endswith(" rules: 1 violation")
