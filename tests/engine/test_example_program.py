"""The example program, which knows nothing of petmesh, ramped by the real Pulumi engine."""

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
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
from petmesh.ramp.target import Release, Releases
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
    """Figures that a test decides, of each service's canary."""

    def __init__(self, canaries: Mapping[str, Figures]) -> None:
        super().__init__("http://127.0.0.1:1")
        self._canaries = canaries

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        service = workload.removesuffix(f"-{version}")
        assert (service in self._canaries, namespace) == (True, "shop")
        assert seconds > 0
        return self._canaries[service] if version == "green" else GOOD

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        assert (service in self._canaries, namespace) == (True, "shop")
        assert seconds > 0
        return UnroutedRequests(0)


def target_of(project: Path, canaries: Mapping[str, Figures], told: list[str]) -> ClusterTarget:
    """The stack, for what is ramped: a service, or several together."""
    services = [*canaries]
    names = (services[0], "") if len(services) == 1 else ("", ",".join(services))
    target = ClusterTarget(open_stack("dev", project), Measured(canaries), *names)
    target.turns, target.tell = locations.turns(Options(stack="dev", program=project)), told.append
    return target


async def ramp(
    project: Path,
    folder: Path,
    canaries: Mapping[str, Figures],
    told: list[str],
    steps: tuple[int, ...] = (50, 100),
) -> tuple[Phase, Releases]:
    """Ramp from a checkout; returns how it ended, and what is live."""
    target = target_of(project, canaries, told)
    before = await target.releases()
    assert before == dict.fromkeys(canaries, Release("blue", "green"))
    await target.prepare()
    plan = QUICK.model_copy(update={"steps": steps, "patience": 120.0})
    header = RampHeader(
        at=now(),
        stack="dev",
        group="+".join(canaries) if len(canaries) > 1 else "",
        target="cluster",
        members=members_of(before),
        plan=plan,
    )
    run = RampRun(header, Journal.create(folder, header), begin(plan), header.judge())
    state = await Driver(run, target, folder).run()
    return state.phase, await target.releases()


def updates_of(project: Path) -> list[dict[str, int]]:
    """What each update changed, the first one first."""
    done = [each.resource_changes or {} for each in open_stack("dev", project).history()]
    return [{op: n for op, n in each.items() if op != "same"} for each in reversed(done)]


def test_two_services_of_the_example_are_ramped_at_the_same_time_from_two_checkouts(
    project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(project, other)
    told: list[str] = []

    async def both() -> Sequence[tuple[Phase, Releases]]:
        cart, payment = tmp_path / "journals/cart", tmp_path / "journals/payment"
        return await asyncio.gather(
            ramp(project, cart, {"cart": GOOD}, told),
            ramp(other, payment, {"payment": GOOD}, told),
        )

    assert [*asyncio.run(both())] == [
        (Phase.PROMOTED, {"cart": Release("green", "")}),
        (Phase.PROMOTED, {"payment": Release("green", "")}),
    ]
    assert "stack dev: waits for another update, 600 s at most" in told
    promoted, waiting = ({"stable": "green", "weight": 0, "mirror": 0}, "blue")
    for checkout, mine, others in ((project, "cart", "payment"), (other, "payment", "cart")):
        config = config_of(checkout)
        assert (config[f"shop:{mine}"], config[f"shop:{others}"]["stable"]) == (promoted, waiting)


def test_two_services_of_the_example_are_ramped_at_the_same_time_from_one_checkout(
    project: Path, tmp_path: Path
) -> None:
    told: list[str] = []

    async def both() -> Sequence[tuple[Phase, Releases]]:
        cart, payment = tmp_path / "journals/cart", tmp_path / "journals/payment"
        return await asyncio.gather(
            ramp(project, cart, {"cart": GOOD}, told),
            ramp(project, payment, {"payment": BAD}, told),
        )

    assert [*asyncio.run(both())] == [
        (Phase.PROMOTED, {"cart": Release("green", "")}),
        (Phase.ROLLED_BACK, {"payment": Release("blue", "green")}),
    ]
    assert "stack dev: waits for another update, 600 s at most" in told
    config = config_of(project)
    assert config["shop:cart"] == {"stable": "green", "weight": 0, "mirror": 0}
    assert config["shop:payment"] == {
        "stable": "blue",
        "canary": "green",
        "weight": 0,
        "mirror": 0,
    }


def test_a_group_of_the_example_moves_in_one_update_a_step_and_is_promoted_in_one(
    project: Path, tmp_path: Path
) -> None:
    began = len(updates_of(project))
    group = {"payment": GOOD, "cart": GOOD}
    ended = asyncio.run(ramp(project, tmp_path / "journal", group, []))
    assert ended == (Phase.PROMOTED, dict.fromkeys(group, Release("green", "")))
    half, whole, promotion = updates_of(project)[began:]
    assert half == whole == {"update": 2}
    # Each old version's Deployment and Service.
    assert promotion == {"update": 2, "delete": 4}


def test_one_of_a_group_that_fails_takes_both_back_in_one_update(
    project: Path, tmp_path: Path
) -> None:
    began = len(updates_of(project))
    group = {"payment": GOOD, "cart": BAD}
    ended = asyncio.run(ramp(project, tmp_path / "journal", group, []))
    assert ended == (Phase.ROLLED_BACK, dict.fromkeys(group, Release("blue", "green")))
    assert updates_of(project)[began:] == [{"update": 2}, {"update": 2}]


def test_the_commands_take_the_example_by_its_folder(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raised = {"payment": Release("blue", "green", 5)}
    asyncio.run(target_of(project, {"payment": GOOD}, []).apply(raised))
    of_example = ["--program", str(project), "--stack", "dev"]
    assert main(["status", *of_example]) == 2
    assert "--service: must be given, one of cart, payment" in capsys.readouterr().err
    assert main(["rollback", *of_example, "--service", "payment"]) == 0
    assert "rolled back: green is at weight 0" in capsys.readouterr().out
    assert main(["status", *of_example, "--service", "payment"]) == 0
    assert "live: blue 100%, green 0%" in capsys.readouterr().out
