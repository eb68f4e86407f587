"""The example program, which knows nothing of petmesh, ramped by the real Pulumi engine."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from petmesh.cli.app import main
from petmesh.program.pulumi_cli import find
from petmesh.project import ROOT
from petmesh.ramp import locations
from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.driver import Driver, RampRun
from petmesh.ramp.engine import open_stack
from petmesh.ramp.header import RampHeader, members_of
from petmesh.ramp.journal import Journal, now
from petmesh.ramp.machine import Phase, begin
from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.options import Options
from petmesh.ramp.prometheus import Prometheus
from petmesh.ramp.target import Release
from tests.engine.test_cluster_target import pytestmark as pytestmark  # noqa: PLC0414
from tests.unit.ramp.fakes import BAD, GOOD, QUICK


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example with its stack, whose objects go to files instead of a cluster."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", state.as_uri())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    monkeypatch.setattr(locations, "LOCKS", tmp_path / "locks")
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "examples/releases", folder)
    described: dict[str, Any] = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(described | {"runtime": runtime}))
    options = automation.LocalWorkspaceOptions(pulumi_command=find())
    stack = automation.create_stack("dev", work_dir=str(folder), opts=options)
    manifests = automation.ConfigValue(str(tmp_path / "manifests"))
    stack.set_config("kubernetes:renderYamlToDirectory", manifests)
    stack.up()
    return folder


def config_of(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"]


class Measured(Prometheus):
    """Figures that a test decides."""

    def __init__(self, service: str, canary: Figures) -> None:
        super().__init__("http://127.0.0.1:1")
        self._service, self._canary = service, canary

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        assert (workload, namespace) == (f"{self._service}-{version}", "shop")
        assert seconds > 0
        return self._canary if version == "green" else GOOD

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        assert (service, namespace) == (self._service, "shop")
        assert seconds > 0
        return UnroutedRequests(0)


def target_of(project: Path, service: str, canary: Figures, told: list[str]) -> ClusterTarget:
    target = ClusterTarget(open_stack("dev", project), Measured(service, canary), service)
    target.turns, target.tell = locations.turns(Options(stack="dev", program=project)), told.append
    return target


def test_two_services_of_the_example_are_ramped_at_the_same_time(
    project: Path, tmp_path: Path
) -> None:
    told: list[str] = []

    async def ramp(service: str, canary: Figures) -> tuple[Phase, Release]:
        target = target_of(project, service, canary, told)
        assert await target.releases() == {service: Release("blue", "green")}
        plan = QUICK.model_copy(update={"steps": (50, 100), "patience": 60.0})
        header = RampHeader(
            at=now(),
            stack="dev",
            target="cluster",
            members=members_of(await target.releases()),
            plan=plan,
        )
        folder = tmp_path / "journals" / service
        run = RampRun(header, Journal.create(folder, header), begin(plan), header.judge())
        state = await Driver(run, target, folder).run()
        return state.phase, (await target.releases())[service]

    async def both() -> tuple[tuple[Phase, Release], ...]:
        return tuple(await asyncio.gather(ramp("cart", GOOD), ramp("payment", BAD)))

    assert asyncio.run(both()) == (
        (Phase.PROMOTED, Release("green", "")),
        (Phase.ROLLED_BACK, Release("blue", "green")),
    )
    assert "stack dev: waits for another update, 600 s at most" in told
    config = config_of(project)
    assert config["shop:cart"] == {"stable": "green", "weight": 0, "mirror": 0}
    assert config["shop:payment"] == {
        "stable": "blue",
        "canary": "green",
        "weight": 0,
        "mirror": 0,
    }


def test_the_commands_take_the_example_by_its_folder(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raised = {"payment": Release("blue", "green", 5)}
    asyncio.run(target_of(project, "payment", GOOD, []).apply(raised))
    of_example = ["--program", str(project), "--stack", "dev"]
    assert main(["status", *of_example]) == 2
    assert "--service: must be given, one of cart, payment" in capsys.readouterr().err
    assert main(["rollback", *of_example, "--service", "payment"]) == 0
    assert "rolled back: green is at weight 0" in capsys.readouterr().out
    assert main(["status", *of_example, "--service", "payment"]) == 0
    assert "live: blue 100%, green 0%" in capsys.readouterr().out
