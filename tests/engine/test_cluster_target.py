"""The cluster's target on the real Pulumi engine; manifests go to files instead of a cluster."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from petmesh.program.pulumi_cli import CliError, find
from petmesh.project import ROOT
from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.driver import Driver, RampRun
from petmesh.ramp.engine import open_stack
from petmesh.ramp.events import Event, Resume, RollBack
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Journal, latest, now
from petmesh.ramp.machine import Phase, begin
from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.prometheus import Prometheus
from petmesh.ramp.ramping import taken_up
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.fakes import BAD, GOOD, MEMBERS, QUICK, SERVICE, details


def _missing() -> str:
    try:
        return "" if find() else "no Pulumi CLI: run make install-cli"
    except CliError as error:
        return str(error)


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "there is one")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small project with v1 stable and v2 at weight 0, without any stack."""
    state, manifests = tmp_path / "state", tmp_path / "manifests"
    state.mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", state.as_uri())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "project"
    folder.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": str(Path(sys.prefix))}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "petmesh", "runtime": runtime}))
    program = (Path(__file__).parent / "program.py").read_text()
    (folder / "__main__.py").write_text(program)
    config = {"stableVersion": "v1", "canaryVersion": "v2", "canaryWeight": "0"}
    config["folder"] = str(manifests)
    stack_config = {f"petmesh:{key}": value for key, value in config.items()}
    (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": stack_config}))
    return folder


@pytest.fixture
def project(empty: Path) -> Path:
    """The same, applied once."""
    options = automation.LocalWorkspaceOptions(pulumi_command=find())
    automation.create_stack("local", work_dir=str(empty), opts=options).up()
    return empty


def target_of(project: Path) -> ClusterTarget:
    return ClusterTarget(open_stack("local", project), Prometheus("http://127.0.0.1:1"))


def config_of(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "Pulumi.local.yaml").read_text())["config"]


def test_a_ramp_by_the_engine(project: Path) -> None:
    async def run() -> None:
        target = target_of(project)
        assert await target.releases() == details("v1", "v2")
        await target.prepare()

        # A change that lies ready isn't applied by a step.
        stack = open_stack("local", project)
        stack.set_config("extra", automation.ConfigValue("changed"))
        await target.apply(details("v1", "v2", 25, 10))
        assert await target.releases() == details("v1", "v2", 25, 10)
        assert config_of(project)["petmesh:canaryWeight"] in ("25", 25)
        with pytest.raises(TargetError, match="changes that aren't applied: Deployment"):
            await target.prepare()

        # Nor by a promotion, which is refused and leaves the config as it was.
        with pytest.raises(TargetError, match="a promotion would change more: Deployment"):
            await target.promote(details("v1", "v2", 25, 10))
        assert await target.releases() == details("v1", "v2", 25, 10)
        assert config_of(project)["petmesh:stableVersion"] == "v1"

        # Nor does a program that raises before anything is promoted.
        stack.set_config("extra", automation.ConfigValue("broken"))
        with pytest.raises(TargetError, match="Program failed"):
            await target.promote(details("v1", "v2", 25, 10))
        assert config_of(project)["petmesh:stableVersion"] == "v1"
        assert config_of(project)["petmesh:canaryWeight"] in ("25", 25)

        stack.remove_config("extra")
        await target.apply(details("v1", "v2"))
        assert await target.releases() == details("v1", "v2")

        await target.promote(details("v1", "v2"))
        assert await target.releases() == details("v2", "")
        assert "petmesh:canaryVersion" not in config_of(project)
        await target.prepare()

        # Back from a promotion: the version that is gone is started before the route names it.
        await target.apply(details("v1", "v2"))
        assert await target.releases() == details("v1", "v2")

    asyncio.run(run())


def test_going_back_takes_a_canary_out_of_the_route_that_does_not_run_any_more(
    project: Path,
) -> None:
    async def run() -> None:
        target = target_of(project)
        await target.apply(details("v1", "v2", 25))
        forget(project, "petdetailsservice-v2-deployment")
        await target.apply(details("v1", "v2"))
        assert await target.releases() == details("v1", "")
        assert config_of(project)["petmesh:canaryVersion"] == ""

    asyncio.run(run())


def test_a_step_creates_no_version_that_is_missing_from_the_state(project: Path) -> None:
    async def run() -> None:
        target = target_of(project)
        forget(project, "petdetailsservice-v2-deployment")
        with pytest.raises(TargetError, match="petdetailsservice v2 has no Deployment in its"):
            await target.apply(details("v1", "v2", 25))
        assert await target.releases() == details("v1", "v2")
        assert config_of(project)["petmesh:canaryWeight"] in ("0", 0)

    asyncio.run(run())


def test_going_back_from_a_promotion_starts_the_stable_version_and_changes_nothing_else(
    project: Path,
) -> None:
    async def run() -> None:
        target = target_of(project)
        await target.promote(details("v1", "v2"))
        stack = open_stack("local", project)
        stack.set_config("extra", automation.ConfigValue("changed"))
        await target.apply(details("v1", "v2"))
        assert await target.releases() == details("v1", "v2")
        deployment = stack.export_stack().deployment
        assert deployment
        extras = {
            each["urn"].rpartition("::")[2]: each["inputs"]["metadata"]["annotations"]["extra"]
            for each in deployment["resources"]
            if each["type"].endswith(":Deployment")
        }
        assert extras == {
            "petdetailsservice-v1-deployment": "changed",
            "petdetailsservice-v2-deployment": "",
        }

    asyncio.run(run())


def test_a_version_that_is_kept_has_every_request_again_by_an_update_of_the_route_alone(
    project: Path,
) -> None:
    async def run() -> None:
        stack = open_stack("local", project)
        stack.set_config("keepPrevious", automation.ConfigValue("24h"))
        stack.up()
        target = target_of(project)
        await target.promote(details("v1", "v2"))
        assert await target.releases() == details("v2", "")
        config = config_of(project)
        assert config["petmesh:previousVersion"] == "v1"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", config["petmesh:previousUntil"])
        await target.prepare()

        for stable, previous in (("v1", "v2"), ("v2", "v1")):
            await target.restore()
            assert await target.releases() == details(stable, "")
            assert config_of(project)["petmesh:previousVersion"] == previous
            assert changes(stack) == {"update": 1}
            await target.prepare()

    asyncio.run(run())


def changes(stack: automation.Stack) -> dict[str, int]:
    """How many resources the last update changed, by what it did."""
    [last] = stack.history(page_size=1)
    done = last.resource_changes or {}
    return {str(op): count for op, count in done.items() if op != "same"}


def forget(project: Path, name: str) -> None:
    """Take a resource out of the state, as a refresh does after somebody deleted it."""
    stack = open_stack("local", project)
    exported = stack.export_stack()
    assert exported.deployment
    kept = [
        each
        | {"dependencies": [urn for urn in each.get("dependencies", ()) if not urn.endswith(name)]}
        for each in exported.deployment["resources"]
        if not each["urn"].endswith(name)
    ]
    deployment = {**exported.deployment, "resources": kept}
    stack.import_stack(automation.Deployment(exported.version, deployment))


def test_a_lock_that_a_killed_process_left_holds_nothing_up(project: Path) -> None:
    locks = project.parent / "state" / ".pulumi" / "locks" / "organization" / "petmesh" / "local"
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    lock = locks / "left.json"

    left = {
        "username": "someone",
        "hostname": socket.gethostname(),
        "timestamp": "2026-01-01T00:00:00Z",
    }

    def leave(process: int) -> None:
        locks.mkdir(parents=True, exist_ok=True)
        lock.write_text(json.dumps({**left, "pid": process}))

    async def run() -> None:
        target = target_of(project)
        target.lock_seconds = 2
        leave(int(ended.stdout))
        await target.apply(details("v1", "v2", 10))
        assert (await target.releases())[SERVICE].weight == 10
        leave(os.getpid())
        with pytest.raises(TargetError, match="another update is under way"):
            await target.apply(details("v1", "v2", 25))
        assert (await target.releases())[SERVICE].weight == 10

    asyncio.run(run())


def test_a_stack_that_is_not_there_is_named(empty: Path) -> None:
    with pytest.raises(TargetError, match="stack nope: there is none; run make up STACK=nope"):
        open_stack("nope", empty)


class Measured(Prometheus):
    """Figures that a test decides."""

    def __init__(self, canary: Figures) -> None:
        super().__init__("http://127.0.0.1:1")
        self._canary = canary

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        assert (workload, namespace) == (f"petdetailsservice-{version}", "pets")
        assert seconds > 0
        return self._canary if version == "v2" else GOOD

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        assert (service, namespace) == ("petdetailsservice", "pets")
        assert seconds > 0
        return UnroutedRequests(0)


@pytest.mark.parametrize(
    ("canary", "phase", "release"),
    [
        (GOOD, Phase.PROMOTED, Release("v2", "")),
        (BAD, Phase.ROLLED_BACK, Release("v1", "v2")),
    ],
)
def test_a_whole_ramp_by_the_engine(
    project: Path, tmp_path: Path, canary: Figures, phase: Phase, release: Release
) -> None:
    async def run() -> None:
        target = ClusterTarget(open_stack("local", project), Measured(canary))
        # The engine may take its time: what it says first is part of an evaluation.
        plan = QUICK.model_copy(update={"steps": (50, 100), "patience": 60.0})
        header = RampHeader(at=now(), stack="local", target="cluster", members=MEMBERS, plan=plan)
        journal = Journal.create(tmp_path / "journal", header)
        run = RampRun(header, journal, begin(plan), header.judge())
        state = await Driver(run, target, tmp_path / "journal").run()
        assert (state.phase, await target.releases()) == (phase, {SERVICE: release}), state.reason

    asyncio.run(run())


RAMP = """
import asyncio, sys
from pathlib import Path
from tests.engine.test_cluster_target import ramp
asyncio.run(ramp(*map(Path, sys.argv[1:])))
"""


async def ramp(project: Path, folder: Path) -> None:
    """A ramp of one step on a good canary."""
    plan = QUICK.model_copy(update={"steps": (100,), "patience": 10.0})
    header = RampHeader(at=now(), stack="local", target="cluster", members=MEMBERS, plan=plan)
    target = ClusterTarget(open_stack("local", project), Measured(GOOD))
    await target.releases()
    journal = Journal.create(folder, header)
    run = RampRun(header, journal, begin(plan), header.judge())
    await Driver(run, target, folder).run()


@pytest.mark.parametrize(
    ("event", "phase", "release"),
    [
        (Resume(), Phase.PROMOTED, Release("v2", "")),
        (RollBack(), Phase.ROLLED_BACK, Release("v1", "v2")),
    ],
)
def test_a_ramp_that_was_killed_is_taken_up_while_its_update_is_under_way(
    project: Path, tmp_path: Path, event: Event, phase: Phase, release: Release
) -> None:
    folder = tmp_path / "journal"
    killed = subprocess.Popen(
        [sys.executable, "-c", RAMP, str(project), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PROGRAM_SECONDS": "5"},
    )
    locks = tmp_path / "state" / ".pulumi" / "locks"
    end = time.monotonic() + 60
    while not list(locks.rglob("*.json")):
        assert killed.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    killed.kill()
    killed.wait(10)

    async def run() -> None:
        target = ClusterTarget(open_stack("local", project), Measured(GOOD))
        record = latest(folder)
        assert record is not None
        assert record.state.phase is Phase.APPLYING
        live = await target.releases()
        # The update of the ramp that was killed isn't in force yet.
        assert list(locks.rglob("*.json"))
        assert live[SERVICE].weight == 0
        run = taken_up(record, live, [event])
        state = await Driver(run, target, folder).run()
        assert (state.phase, await target.releases()) == (phase, {SERVICE: release}), state.reason

    asyncio.run(run())


def test_a_weight_that_somebody_else_changed_is_not_raised_but_taken_back(project: Path) -> None:
    async def run() -> None:
        target, other = target_of(project), target_of(project)
        await target.releases()
        await target.apply(details("v1", "v2", 10))
        await other.apply(details("v1", "v2", 40))
        with pytest.raises(TargetError, match="somebody else changed the weight: it is v1 60%"):
            await target.apply(details("v1", "v2", 25))
        assert (await other.releases())[SERVICE].weight == 40
        await target.apply(details("v1", "v2"))
        assert (await other.releases())[SERVICE].weight == 0

    asyncio.run(run())
