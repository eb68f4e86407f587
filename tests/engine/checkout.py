"""The `dev` stack of a copy of this checkout, through the real engine, with stand-in clouds."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from pulumi.automation import (
    EngineEvent,
    LocalWorkspaceOptions,
    OpType,
    PulumiCommand,
    create_or_select_stack,
)

from petmesh.program.pulumi_cli import WHOLE_FILES
from petmesh.project import ROOT
from tests.engine.standins.control_plane import ControlPlane
from tests.engine.standins.google import CLUSTER, Docker, GoogleCloud
from tests.engine.standins.kubernetes import Cluster
from tests.engine.standins.protocol import Snapshot, StandIn, served

STACK = "dev"
GOOGLE_PROJECT = "petmesh-test"
_NOT_COPIED = (".*", "build", "__pycache__", "tests", "bench", "docs")
_CHANGING = {OpType.CREATE, OpType.UPDATE, OpType.DELETE, OpType.REPLACE}


@dataclass
class Clouds:
    """The stand-ins, and how the engine finds them.

    Attributes:
        google: Google Cloud.
        docker: Docker and a registry.
        kubernetes: The cluster; with a real one it is of no account.
        ports: Where the engine attaches, by package.
        real: The real cluster's API server, if there is one.
    """

    google: GoogleCloud
    docker: Docker
    kubernetes: Cluster
    ports: Mapping[str, int]
    real: ControlPlane | None

    def snapshot(self) -> Sequence[Snapshot]:
        """All that there is."""
        return [each.snapshot() for each in self._all]

    def urns(self) -> set[str]:
        """The resources that there are."""
        return {made.urn for each in self._all for made in each.made.values()}

    def restore(self, there: Sequence[Snapshot] = ()) -> None:
        """Come back to what there was; with nothing given, nothing is there."""
        for index, each in enumerate(self._all):
            each.restore(there[index] if there else ({}, {}))

    @property
    def _all(self) -> Sequence[StandIn]:
        return self.google, self.docker, self.kubernetes


@contextmanager
def clouds(real: ControlPlane | None = None) -> Generator[Clouds]:
    """The stand-ins, served while this lasts; with a real API server, all but Kubernetes."""
    google, docker = GoogleCloud(real), Docker()
    kubernetes = Cluster(lambda server: server in control_planes(google))
    attached: dict[str, StandIn] = {"gcp": google, "docker": docker}
    if not real:
        attached["kubernetes"] = kubernetes
    with ExitStack() as serving:
        ports = {name: serving.enter_context(served(each)) for name, each in attached.items()}
        yield Clouds(google, docker, kubernetes, ports, real)


def control_planes(google: GoogleCloud) -> Iterator[str]:
    """The URLs at which clusters answer now: by address or by DNS, as each is configured."""
    if google.adopted:
        yield "https://203.0.113.10"
    for (type_, _), made in google.made.items():
        if type_ == CLUSTER:
            if not made.inputs["privateClusterConfig"]["enablePrivateEndpoint"]:
                yield f"https://{made.outputs['endpoint']}"
            dns = made.outputs["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]
            if dns["allowExternalTraffic"]:
                yield f"https://{dns['endpoint']}"


@dataclass(frozen=True)
class Step:
    """What the engine does with one resource.

    Attributes:
        op: `create`, `update`, `delete` or `replace`.
        urn: The resource's.
        paths: The property paths that differ.
    """

    op: str
    urn: str
    paths: frozenset[str]

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]


class Steps:
    """Collects what the engine does, resource by resource, from its events."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def __call__(self, event: EngineEvent) -> None:
        """Take one event in."""
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            if step.op in _CHANGING:
                paths = frozenset(step.detailed_diff or step.diffs or ())
                self.all.append(Step(step.op.value, step.urn, paths))


class Checkout:
    """A copy of the program with a state of its own.

    Attributes:
        folder: The copy.
        name: Its stack's name.
        stack: Its stack.
    """

    def __init__(
        self, folder: Path, clouds: Clouds, command: PulumiCommand, stack: str = STACK
    ) -> None:
        self.folder = folder / "project"
        self.name = stack
        self._command = command
        self._variables = {
            "PULUMI_BACKEND_URL": f"{(folder / 'state').as_uri()}?{WHOLE_FILES}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{it}:{port}" for it, port in clouds.ports.items()),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if clouds.real:
            self._variables |= clouds.real.environment(folder / f"client-{clouds.real.user}")
        options = LocalWorkspaceOptions(pulumi_command=command, env_vars=self._variables)
        self.stack = create_or_select_stack(stack, work_dir=str(self.folder), opts=options)

    @property
    def policy_packs(self) -> list[str]:
        """The guard-rails, as `make preview` and `make up` have them."""
        return [str(self.folder / "petmesh/guardrails")]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell that runs the CLI for this stack."""
        return {**os.environ, **self._variables}

    def configure(self, **config: str | None) -> None:
        """Set keys as `pulumi config set` does; None takes one away."""
        path = self.folder / f"Pulumi.{self.name}.yaml"
        document = yaml.safe_load(path.read_text())
        for key, value in config.items():
            document["config"].pop(f"petmesh:{key}", None)
            if value is not None:
                document["config"][f"petmesh:{key}"] = yaml.safe_load(value)
        path.write_text(yaml.safe_dump(document))

    def export(self, **variables: str) -> None:
        """Set environment variables for what comes."""
        self._variables |= variables
        self.stack.workspace.env_vars = self._variables

    def preview(self) -> list[Step]:
        """What an up would do, held against the guard-rails."""
        steps = Steps()
        self.stack.preview(policy_packs=self.policy_packs, on_event=steps)
        return steps.all

    def up(self) -> list[Step]:
        """What an up did, held against the guard-rails."""
        steps = Steps()
        self.stack.up(policy_packs=self.policy_packs, on_event=steps)
        return steps.all

    def refresh(self) -> list[Step]:
        """What a refresh found changed."""
        steps = Steps()
        self.stack.refresh(on_event=steps)
        return [step for step in steps.all if step.op != "refresh"]

    def recorded(self) -> tuple[set[str], set[str]]:
        """The URNs that the state holds, and those of the operations that are under way."""
        [file] = (self.folder.parent / "state").rglob(f"stacks/*/{self.name}.json")
        latest = json.loads(file.read_text())["checkpoint"].get("latest", {})
        under_way = latest.get("pending_operations", [])
        return (
            {each["urn"] for each in latest.get("resources", [])},
            {each["resource"]["urn"] for each in under_way},
        )

    def started(self, *command: str) -> subprocess.Popen[str]:
        """The CLI, started for this stack in a process group of its own, its output kept."""
        return subprocess.Popen(
            [self._command.command, *command, "--stack", self.name],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, commands: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Commands of a page, run by a shell for a reader who confirms what they ask."""
        cli = Path(shutil.which(self._command.command) or "").parent
        path = f"{cli}{os.pathsep}{self.environment['PATH']}"
        confirming = {"PULUMI_SKIP_CONFIRMATIONS": "true", "PATH": path, **variables}
        return subprocess.run(
            ["sh", "-ec", commands],
            cwd=self.folder,
            env=self.environment | confirming,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )

    def make(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `make preview`, `make up` and `make destroy` run."""
        return subprocess.run(
            [sys.executable, "-m", "petmesh", command, "--stack", self.name, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )


def copy_checkout(folder: Path, clouds: Clouds) -> None:
    """Copy the program, its policy pack and its stack files; share the virtual environment.

    Args:
        folder: An empty folder, for the copy and its state.
        clouds: The stand-ins that the engine attaches to.
    """
    project = folder / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    (project / ".venv").symlink_to(sys.prefix)
    (folder / "state").mkdir()
    _change(project / f"Pulumi.{STACK}.yaml", "config", {"gcp:project": GOOGLE_PROJECT})
    # The engine looks for every plugin, though it attaches to these and starts none.
    plugins = project / "plugins"
    plugins.mkdir()
    for package in clouds.ports:
        (plugins / f"pulumi-resource-{package}").touch(0o700)
    found = [{"name": package, "path": plugins.name} for package in clouds.ports]
    _change(project / "Pulumi.yaml", "plugins", {"providers": found})


def _change(file: Path, section: str, entries: Mapping[str, object]) -> None:
    document = yaml.safe_load(file.read_text())
    document[section] = document.get(section, {}) | entries
    file.write_text(yaml.safe_dump(document))


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the engine itself, then whatever of it is left."""
    process.kill()
    process.wait(30)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the engine with all that it started, as where a machine ends.

    Plugins are in process groups of their own, in the session that the engine was started in.
    """
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(each.name)) == process.pid:
                os.kill(int(each.name), signal.SIGKILL)
    process.wait(30)
