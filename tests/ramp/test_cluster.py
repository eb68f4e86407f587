"""A stack in the engine's hands: other updates, what a killed one left, and lost requests."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi import automation
from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.events import OpType

from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.engine import Detached
from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.prometheus import Prometheus
from petmesh.ramp.target import Release, TargetError

LOCKED = "error: the stack is currently locked by 1 lock(s)."


def route(weight: int) -> dict[str, Any]:
    targets = [
        {"destination": {"subset": "v1"}, "weight": 100 - weight},
        {"destination": {"subset": "v2"}, "weight": weight},
    ]
    http = [
        {"name": "testers", "route": [{"destination": {"subset": "v2"}}]},
        {"name": "weighted", "route": targets},
    ]
    return {
        "urn": "urn:pulumi:local::petmesh::VirtualService::petdetailsservice-route",
        "type": "kubernetes:networking.istio.io/v1:VirtualService",
        "inputs": {"metadata": {"namespace": "pets"}, "spec": {"http": http}},
    }


class Stack:
    """A stack in memory that another update has for some attempts."""

    name = "local"

    def __init__(self, busy: int = 0) -> None:
        found = cast("PulumiCommand", SimpleNamespace(command="pulumi", version=None))
        self.command = Detached(found)
        self.workspace = SimpleNamespace(pulumi_command=self.command)
        self.busy = busy
        self.live = self.configured = 0
        self.finished = 0
        self.calls: list[str] = []
        self.breaks_preview = False
        self.versions = ["v1", "v2"]
        self.targets: list[object] = []
        self.creates: list[str] = []

    def export_stack(self) -> SimpleNamespace:
        runs = [
            {"urn": f"urn::petdetailsservice-{v}-deployment", "type": "x"} for v in self.versions
        ]
        return SimpleNamespace(deployment={"resources": [route(self.live), *runs]})

    def set_all_config(self, config: dict[str, Any]) -> None:
        self.configured = int(config["canaryWeight"].value)
        self.calls.append(f"config {config['stableVersion'].value} {self.configured}")

    def up(self, *, target: object = None, **_: object) -> None:
        self.targets.append(target)
        if self.busy:
            self.busy -= 1
            self.live = self.finished or self.live
            raise automation.ConcurrentUpdateError(CommandResult("", LOCKED, 255))
        self.live = self.configured

    def preview(self, on_event: Callable[[Any], None], **_: object) -> None:
        if self.breaks_preview:
            raise automation.CommandError(CommandResult("", "error: no program", 255))
        for urn in self.creates:
            step = SimpleNamespace(op=OpType.CREATE, type="x", urn=urn)
            on_event(SimpleNamespace(resource_pre_event=SimpleNamespace(metadata=step)))

    def cancel(self) -> None:
        self.calls.append("cancel")
        self.busy = 0


def target_of(stack: Stack, prometheus: Prometheus | None = None) -> ClusterTarget:
    found = prometheus or Prometheus("http://127.0.0.1:1")
    return ClusterTarget(cast("automation.Stack", stack), found)


async def test_an_update_that_a_killed_ramp_began_is_waited_for() -> None:
    stack = Stack(busy=1)
    target = target_of(stack)
    await target.release()
    stack.finished = 25
    await target.apply(Release("v1", "v2", 25))
    assert (stack.live, "cancel" in stack.calls) == (25, False)


async def test_another_update_is_not_waited_for_without_end_nor_when_interrupted() -> None:
    stack = Stack(busy=1000)
    target = target_of(stack)
    target.lock_seconds = 0
    with pytest.raises(TargetError, match="another update is under way"):
        await target.apply(Release("v1", "v2"))
    target.lock_seconds = 600
    change = asyncio.create_task(target.apply(Release("v1", "v2")))
    await asyncio.sleep(0.05)
    target.interrupt()
    with pytest.raises(TargetError, match="another update is under way"):
        await asyncio.wait_for(change, 30)


async def test_what_the_ramp_itself_killed_is_cancelled() -> None:
    stack = Stack(busy=1000)
    stack.command.killed = True
    await target_of(stack).apply(Release("v1", "v2", 10))
    assert (stack.live, stack.calls.count("cancel"), stack.command.killed) == (10, 1, False)


async def test_a_lock_that_goes_by_itself_before_it_is_cancelled_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing_to_cancel() -> None:
        raise automation.CommandError(CommandResult("", "error: no update is in progress", 255))

    stack = Stack(busy=1)
    stack.command.killed = True
    monkeypatch.setattr(stack, "cancel", nothing_to_cancel)
    await target_of(stack).apply(Release("v1", "v2", 10))
    assert stack.live == 10


async def test_a_promotion_that_is_interrupted_leaves_the_config_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    stack.live = 100
    configure = stack.set_all_config

    def checked(config: dict[str, Any]) -> None:
        if stack.command.interrupted:
            raise TargetError("interrupted")
        configure(config)

    def interrupted(**_: object) -> None:
        stack.command.interrupt()
        raise TargetError("interrupted")

    monkeypatch.setattr(stack, "set_all_config", checked)
    monkeypatch.setattr(stack, "preview", interrupted)
    with pytest.raises(TargetError, match="interrupted"):
        await target_of(stack).promote(Release("v1", "v2", 100))
    assert stack.calls == ["config v2 0", "config v1 100"]


async def test_a_new_change_is_not_held_back_by_the_interrupt_of_an_earlier_one() -> None:
    stack = Stack()
    stack.command.interrupt()
    await target_of(stack).apply(Release("v1", "v2", 10))
    assert (stack.live, stack.command.interrupted) == (10, False)


ROUTE = route(0)["urn"]
OWN = ["urn::petdetailsservice-v1", "urn::petdetailsservice-v1-deployment"]
OTHERS = ["urn::petdetailsservice-v10-deployment", "urn::petservice-v1-deployment"]


@pytest.mark.parametrize(
    ("versions", "weight", "targets"),
    [
        pytest.param(["v1", "v2"], 10, [ROUTE], id="both run"),
        pytest.param(["v1"], 0, [ROUTE], id="going back starts no canary"),
        pytest.param(
            ["v2"], 0, [ROUTE, *OWN], id="the stable version is started, and nothing else"
        ),
    ],
)
async def test_a_step_is_the_route_and_at_most_the_stable_version_that_it_goes_back_to(
    versions: list[str], weight: int, targets: list[str]
) -> None:
    stack = Stack()
    stack.versions, stack.creates = versions, [*OWN, *OTHERS]
    await target_of(stack).apply(Release("v1", "v2", weight))
    assert stack.targets == [targets]


@pytest.mark.parametrize("missing", ["v1", "v2"])
@pytest.mark.parametrize("wanted", [Release("v1", "v2", 10), Release("v1", "v2", 0, 20)])
async def test_a_version_that_is_not_in_the_state_gets_no_request(
    missing: str, wanted: Release
) -> None:
    stack = Stack()
    stack.versions.remove(missing)
    with pytest.raises(TargetError) as refused:
        await target_of(stack).apply(wanted)
    version = f"petdetailsservice {missing}"
    assert str(refused.value) == (
        f"stack local: {version} has no Deployment in its state: run make up first"
    )
    assert (stack.targets, stack.calls) == ([], [])


@pytest.mark.parametrize(
    ("key", "refused"),
    [("canaryWeight", False), ("releases.petdetailsservice.canaryWeight", True)],
)
async def test_a_stack_whose_canary_keys_are_about_another_service_is_not_ramped(
    key: str, *, refused: bool
) -> None:
    releases = {"petdetailsservice": {"config": {"weight": key}}}
    root = {"urn": "urn", "type": "pulumi:pulumi:Stack", "outputs": {"releases": releases}}

    class Told(Stack):
        def export_stack(self) -> SimpleNamespace:
            return SimpleNamespace(deployment={"resources": [root, route(10)]})

    if refused:
        with pytest.raises(TargetError, match="canaryService is another service than petdetails"):
            await target_of(Told()).release()
    else:
        assert (await target_of(Told()).release()).weight == 10


@pytest.mark.parametrize("http", [[], [{"name": "weighted", "route": []}], [{"name": "x"}], "no"])
async def test_a_route_that_the_program_did_not_declare_is_an_error_in_one_line(
    http: object,
) -> None:
    foreign = route(0)
    foreign["inputs"]["spec"]["http"] = http

    class Foreign(Stack):
        def export_stack(self) -> SimpleNamespace:
            return SimpleNamespace(deployment={"resources": [foreign]})

    with pytest.raises(TargetError, match="in the state is not the program's: it has no two"):
        await target_of(Foreign()).release()


async def test_what_the_state_says_of_a_version_steers_no_terminal() -> None:
    painted = route(0)
    painted["inputs"]["spec"]["http"][0]["route"][0]["destination"]["subset"] = "v2\x1b[2J\n"

    class Painted(Stack):
        def export_stack(self) -> SimpleNamespace:
            return SimpleNamespace(deployment={"resources": [painted]})

    with pytest.raises(TargetError) as refused:
        await target_of(Painted()).release()
    assert str(refused.value).isprintable()


async def test_a_promotion_whose_preview_fails_leaves_the_config_as_it_was() -> None:
    stack = Stack()
    stack.live, stack.breaks_preview = 100, True
    with pytest.raises(TargetError, match=r"^stack local: error: no program$"):
        await target_of(stack).promote(Release("v1", "v2", 100))
    assert stack.calls == ["config v2 0", "config v1 100"]


class Lossy(Prometheus):
    """Both versions answer, and some requests reach neither."""

    async def figures(self, workload: str, namespace: str, version: str, seconds: float) -> Figures:
        del workload, namespace, seconds
        return Figures(requests=500 if version == "v1" else 0)

    async def lost(self, service: str, namespace: str, seconds: float) -> UnroutedRequests:
        del seconds
        assert (service, namespace) == ("petdetailsservice", "pets")
        return UnroutedRequests(500)


async def test_requests_that_found_no_pod_are_the_failures_of_the_version_that_is_gone() -> None:
    stack = Stack()
    stack.live = 50
    target = target_of(stack, Lossy("http://127.0.0.1:1"))
    seen = await target.observe(Release("v1", "v2", 50), 60)
    assert (seen.canary.requests, seen.canary.errors) == (500, 500)
    assert (seen.stable.requests, seen.stable.errors) == (500, 0)


async def test_a_look_at_the_figures_runs_no_command_beside_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    target = target_of(stack, Lossy("http://127.0.0.1:1"))
    await target.release()
    monkeypatch.setattr(stack, "export_stack", None)
    await target.observe(Release("v1", "v2", 50), 60)
