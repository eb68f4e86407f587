"""A stack's drift, from the engine's preview of what is really there."""

import json
from pathlib import Path
from typing import Any

import pytest

from petmesh.cli import drift as command
from petmesh.cli.app import main
from petmesh.report.drift import DriftError, drift_of, markdown

ROUTE = "kubernetes:networking.istio.io/v1:VirtualService"
CLUSTER = "gcp:container/cluster:Cluster"


def state(type_: str, name: str, /, **inputs: object) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::petmesh::{type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "inputs": inputs}


def step(op: str, old: dict[str, Any] | None, new: dict[str, Any] | None, *reasons: str) -> Any:  # noqa: ANN401 (data)
    known = new or old or {}
    states = {"oldState": old, "newState": new}
    kept = {key: each for key, each in states.items() if each}
    return {"op": op, "urn": known["urn"], "diffReasons": [*reasons], **kept}


def route(weight: int) -> dict[str, Any]:
    shares = {"v1": 100 - weight, "v2": weight}
    targets = [
        {"destination": {"host": "details", "subset": version}, "weight": share}
        for version, share in shares.items()
    ]
    http = [{"name": "weighted", "route": targets}]
    return state(ROUTE, "details-route", metadata={"name": "details"}, spec={"http": http})


STEPS = [
    step("same", state(CLUSTER, "gke"), state(CLUSTER, "gke")),
    step("read", None, state("pulumi:pulumi:StackReference", "platform")),
    step("update", route(50), route(10), "spec"),
    step("create", None, state("gcp:compute/firewall:Firewall", "webhook", name="webhook")),
    step("delete", state("kubernetes:core/v1:ConfigMap", "stray"), None),
    step("update", state(CLUSTER, "lost", name="c"), state(CLUSTER, "lost", name="c"), "endpoint"),
]


def told(steps: list[Any]) -> str:
    return json.dumps({"config": {}, "steps": steps, "changeSummary": {}})


def test_what_is_there_comes_first_and_what_is_declared_after_it() -> None:
    assert [str(each) for each in drift_of(told(STEPS))] == [
        "~ VirtualService details: weight 50 -> 10",
        "+ Firewall webhook",
        "- ConfigMap stray",
        "~ Cluster lost: update: endpoint",
    ]


def test_no_step_that_changes_nothing_is_drift() -> None:
    assert drift_of(told(STEPS[:2])) == ()
    assert markdown("dev", ()) == ""


def test_a_component_is_nothing_that_drifts() -> None:
    part = {**state("petmesh:apps:Workload", "pets"), "custom": False}
    assert drift_of(told([step("create", None, part)])) == ()


@pytest.mark.parametrize("answer", ["", "{}", "[]", '{"steps": [{}]}', "error: no stack"])
def test_what_is_no_plan_is_not_known_to_be_without_drift(answer: str) -> None:
    with pytest.raises(DriftError, match="the engine's preview is no plan"):
        drift_of(answer)


def test_it_is_told_in_a_block_that_it_cannot_end() -> None:
    hostile = state("kubernetes:core/v1:ConfigMap", "a", metadata={"name": "a```\n@somebody"})
    text = markdown("dev", drift_of(told([STEPS[2], step("delete", hostile, None)])))
    assert text.startswith("### Drift of `dev`\n\n2 resources differ from what the program declare")
    assert text.count("```") == 2
    assert "@somebody" not in [line.strip() for line in text.splitlines()]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the Pulumi CLI, which prints a file and ends with the status in another."""
    script = tmp_path / "pulumi"
    lines = ("#!/bin/sh", f"cd {tmp_path}", 'echo "$@" > asked', "cat plan", "exit $(cat status)")
    script.write_text("\n".join(lines))
    script.chmod(0o755)
    (tmp_path / "status").write_text("0")

    class Found:
        command = str(script)

    monkeypatch.setattr("petmesh.program.pulumi_cli.find", Found)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere")
    return tmp_path


def test_the_exit_status_tells_drift(engine: Path) -> None:
    output = engine / "drift.md"
    for steps, status in ((STEPS, command.DRIFTED), (STEPS[:1], 0)):
        (engine / "plan").write_text(told(steps))
        assert main(["drift", "--stack", "dev", "--output", str(output)]) == status
        assert bool(output.read_text()) == (status != 0)
    asked = (engine / "asked").read_text().split()
    assert asked == ["--non-interactive", "preview", "--refresh", "--json", "--stack", "dev"]


def test_an_engine_that_failed_tells_nothing(
    engine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (engine / "plan").write_text(told(STEPS[:1]))
    (engine / "status").write_text("255")
    output = engine / "drift.md"
    assert main(["drift", "--stack", "dev", "--output", str(output)]) == 1
    assert not output.exists()
    assert "its drift isn't known" in capsys.readouterr().err
