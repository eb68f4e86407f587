"""The `local` stack in the hands of a test, and what the engine did to it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

import pytest
from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

# More than a release makes; by itself the CLI tells the latest ten alone.
_UPDATES = 100
_UNCHANGED = (OpType.SAME, OpType.REFRESH, OpType.READ)


@dataclass
class Change:
    """What one update did: each changed resource's type and name, in the order of the steps.

    `began` and `ended` are positions in that order: a step that ends before another begins has the
    lower number.
    """

    op: OpType
    type: str
    name: str
    began: int
    ended: int = -1


@dataclass
class Update:
    """What the engine did in one run."""

    changes: list[Change] = field(default_factory=list[Change])

    def __str__(self) -> str:
        return ", ".join(f"{each.op.value} {each.type} {each.name}" for each in self.changes)

    def one(self, op: OpType, type_: str, name: str) -> Change:
        """The one change of a kind; an assertion error tells what there was instead."""
        found = [
            each
            for each in self.changes
            if each.op is op and each.type.endswith(f":{type_}") and each.name == name
        ]
        assert len(found) == 1, f"{op.value} {type_} {name} is not among: {self}"
        return found[0]


class LocalStack:
    """The `local` stack of a copy of the project."""

    def __init__(self, stack: automation.Stack) -> None:
        self._stack = stack

    def configure(self, **values: str | Sequence[str]) -> None:
        """Sets config keys, as `pulumi config set` does; an empty value removes the key."""
        for key, value in values.items():
            if isinstance(value, str) and value:
                self._stack.set_config(key, automation.ConfigValue(value))
                continue
            self._stack.remove_config(key)
            for index, item in enumerate(value):
                self._stack.set_config(f"{key}[{index}]", automation.ConfigValue(item), path=True)

    def up(self) -> Update:
        """Applies the stack."""
        recorder = _Recorder()
        self._stack.up(on_event=recorder)
        return recorder.update

    def ramp(self, prometheus: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs `petmesh ramp` as a user would, with steps of a second."""
        workspace = self._stack.workspace
        own_locks = {"XDG_STATE_HOME": f"{workspace.work_dir}/.xdg"}
        given = ["--stack=local", f"--prometheus={prometheus}", *options]
        quick = ["--hold=1s", "--interval=1s", "--silence=10s", "--warm-up=0s"]
        return subprocess.run(
            [sys.executable, "-m", "petmesh", "ramp", *given, *quick],
            cwd=workspace.work_dir,
            env={**os.environ, **workspace.env_vars, **own_locks},
            capture_output=True,
            text=True,
            check=False,
        )

    def updates(self) -> list[Mapping[str, int]]:
        """What each update changed so far, the latest last: how many resources, by kind of change.

        What stayed the same isn't counted.
        """
        return [
            {
                str(op): count
                for op, count in (each.resource_changes or {}).items()
                if op not in _UNCHANGED
            }
            for each in reversed(self._stack.history(page_size=_UPDATES))
            if each.kind == "update"
        ]

    def applied(self) -> dict[str, object]:
        """The inputs of each resource in the state, by its URN."""
        deployment = self._stack.export_stack().deployment or {}
        return {each["urn"]: each.get("inputs") for each in deployment.get("resources", [])}

    def config(self, key: str) -> str:
        """A config value; empty where it isn't set."""
        value = self._stack.get_all_config().get(f"petmesh:{key}")
        return value.value if value else ""

    def refresh(self) -> dict[str, int]:
        """Reads the cluster back; how many resources differ from the state, by kind of change."""
        changes = self._stack.refresh().summary.resource_changes or {}
        return {str(op): count for op, count in changes.items() if op != OpType.SAME}

    def destroy(self) -> None:
        """Removes everything."""
        self._stack.destroy()

    def resources(self) -> list[str]:
        """The URNs in the state, without the stack's own."""
        deployment = self._stack.export_stack().deployment or {}
        return [
            resource["urn"]
            for resource in deployment.get("resources", [])
            if resource["type"] != "pulumi:pulumi:Stack"
        ]

    def output(self, name: str) -> object:
        """A stack output's value."""
        return self._stack.outputs()[name].value


class _Recorder:
    """Takes the engine's events and keeps the steps that changed something."""

    def __init__(self) -> None:
        self.update = Update()
        self._steps = 0

    def __call__(self, event: EngineEvent) -> None:
        self._steps += 1
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            if step.op not in _UNCHANGED:
                name = step.urn.rpartition("::")[2]
                self.update.changes.append(Change(step.op, step.type, name, self._steps))
        elif event.res_outputs_event:
            step = event.res_outputs_event.metadata
            name = step.urn.rpartition("::")[2]
            for change in self.update.changes:
                if (change.op, change.type, change.name) == (step.op, step.type, name):
                    change.ended = self._steps


def kubectl(*arguments: str, given: str = "") -> str:
    """What kubectl prints; an error where it fails."""
    command = ["kubectl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


@contextmanager
def ingress() -> Generator[Callable[[str], tuple[int, bytes]]]:
    """Asks the ingress gateway for a path while it is open, and gives status and body.

    The test is skipped where no pod runs, as with nodes that are there by name alone.
    """
    if "kwok.x-k8s.io/node" in kubectl("get", "nodes", "--output=json"):
        pytest.skip("the nodes are fake: nothing answers")
    command = ["kubectl", "--namespace=istio-ingress", "port-forward", "--address=127.0.0.1"]
    with subprocess.Popen(
        [*command, "service/istio-ingressgateway", ":80"], stdout=subprocess.PIPE, text=True
    ) as forward:
        assert forward.stdout
        origin = forward.stdout.readline().split()[2]
        connection = HTTPConnection(origin, timeout=10)

        def ask(path: str) -> tuple[int, bytes]:
            connection.request("GET", path, headers={"Host": "pets.localhost"})
            answer = connection.getresponse()
            return answer.status, answer.read()

        try:
            yield ask
        finally:
            connection.close()
            forward.terminate()


def namespaces() -> set[str]:
    """The names of the cluster's namespaces."""
    return set(kubectl("get", "namespaces", "--output=jsonpath={.items[*].metadata.name}").split())


def live_weights() -> dict[str, int]:
    """Each version's percent of the requests, by the route in the cluster."""
    route = json.loads(
        kubectl("get", "virtualservice", "petdetailsservice", "--namespace=pets", "--output=json")
    )
    [weighted] = [rule for rule in route["spec"]["http"] if rule["name"] == "weighted"]
    return {each["destination"]["subset"]: each.get("weight", 0) for each in weighted["route"]}
