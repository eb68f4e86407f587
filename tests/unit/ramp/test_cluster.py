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
from tests.unit.ramp.fakes import SERVICE, details

LOCKED = "error: the stack is currently locked by 1 lock(s)."


URN = "urn:pulumi:local::petmesh::VirtualService"
ROUTE = f"{URN}::petdetailsservice-route"


def route(weight: int, service: str = "petdetailsservice") -> dict[str, Any]:
    targets = [
        {"destination": {"subset": "v1"}, "weight": 100 - weight},
        {"destination": {"subset": "v2"}, "weight": weight},
    ]
    http = [
        {"name": "testers", "route": [{"destination": {"subset": "v2"}}]},
        {"name": "weighted", "route": targets},
    ]
    return {
        "urn": f"{URN}::{service}-route",
        "type": "kubernetes:networking.istio.io/v1:VirtualService",
        "inputs": {"metadata": {"namespace": "routes"}, "spec": {"http": http}},
    }


def exported(service: str = "petdetailsservice", prefix: str = "") -> dict[str, Any]:
    """An entry of the output `releases`."""
    keys = ("stableVersion", "canaryVersion", "canaryWeight", "canaryMirrorPercent")
    facts = ("stable", "canary", "weight", "mirror")
    return {
        "service": service,
        "namespace": "pets",
        "host": f"{service}.pets.svc.cluster.local",
        "route": {"urn": f"{URN}::{service}-route", "kind": "VirtualService", "http": "weighted"},
        "workloads": {version: f"{service}-{version}" for version in ("v1", "v2")},
        "config": {fact: f"{prefix}{key}" for fact, key in zip(facts, keys, strict=True)},
    }


RELEASES = {
    "petdetailsservice": exported(),
    "petservice": exported("petservice", "releases.petservice."),
}


def root(releases: object) -> dict[str, Any]:
    outputs = {"releases": releases}
    return {"urn": "urn::root", "type": "pulumi:pulumi:Stack", "outputs": outputs}


def deployment(name: str, namespace: str = "pets") -> dict[str, Any]:
    return {
        "urn": f"urn::{name}-deployment",
        "type": "kubernetes:apps/v1:Deployment",
        "inputs": {"metadata": {"name": name, "namespace": namespace}},
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
        self.excluded: list[object] = []
        self.creates: list[str] = []

    def export_stack(self) -> SimpleNamespace:
        runs = [deployment(f"{service}-{v}") for service in RELEASES for v in self.versions]
        routes = [route(self.live), route(5, "petservice")]
        return SimpleNamespace(deployment={"resources": [root(RELEASES), *routes, *runs]})

    def set_all_config(self, config: dict[str, Any], *, path: bool) -> None:
        assert path
        prefix = next(iter(config)).removesuffix("stableVersion")
        values = {key.removeprefix(prefix): each.value for key, each in config.items()}
        self.configured = int(values["canaryWeight"])
        self.calls.append(f"config {prefix}{values['stableVersion']} {self.configured}")

    def up(self, *, target: object = None, exclude: object = None, **_: object) -> None:
        self.targets.append(target)
        self.excluded += [exclude] if exclude else []
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


def target_of(
    stack: Stack, prometheus: Prometheus | None = None, service: str = ""
) -> ClusterTarget:
    found = prometheus or Prometheus("http://127.0.0.1:1")
    return ClusterTarget(cast("automation.Stack", stack), found, service)


class Exporting(Stack):
    """A stack with other resources in its state."""

    def __init__(self, *resources: object) -> None:
        super().__init__()
        self.resources = list(resources)

    def export_stack(self) -> SimpleNamespace:
        return SimpleNamespace(deployment={"resources": self.resources})


async def test_an_update_that_a_killed_ramp_began_is_waited_for() -> None:
    stack = Stack(busy=1)
    target = target_of(stack)
    await target.releases()
    stack.finished = 25
    await target.apply(details("v1", "v2", 25))
    assert (stack.live, "cancel" in stack.calls) == (25, False)


async def test_another_update_is_not_waited_for_without_end_nor_when_interrupted() -> None:
    stack = Stack(busy=1000)
    target = target_of(stack)
    target.lock_seconds = 0
    with pytest.raises(TargetError, match="another update is under way"):
        await target.apply(details("v1", "v2"))
    target.lock_seconds = 600
    change = asyncio.create_task(target.apply(details("v1", "v2")))
    await asyncio.sleep(0.05)
    target.interrupt()
    with pytest.raises(TargetError, match="another update is under way"):
        await asyncio.wait_for(change, 30)


async def test_what_the_ramp_itself_killed_is_cancelled() -> None:
    stack = Stack(busy=1000)
    stack.command.killed = True
    await target_of(stack).apply(details("v1", "v2", 10))
    assert (stack.live, stack.calls.count("cancel"), stack.command.killed) == (10, 1, False)


async def test_a_lock_that_goes_by_itself_before_it_is_cancelled_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing_to_cancel() -> None:
        raise automation.CommandError(CommandResult("", "error: no update is in progress", 255))

    stack = Stack(busy=1)
    stack.command.killed = True
    monkeypatch.setattr(stack, "cancel", nothing_to_cancel)
    await target_of(stack).apply(details("v1", "v2", 10))
    assert stack.live == 10


async def test_a_promotion_that_is_interrupted_leaves_the_config_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    stack.live = 100
    configure = stack.set_all_config

    def checked(config: dict[str, Any], *, path: bool) -> None:
        if stack.command.interrupted:
            raise TargetError("interrupted")
        configure(config, path=path)

    def interrupted(**_: object) -> None:
        stack.command.interrupt()
        raise TargetError("interrupted")

    monkeypatch.setattr(stack, "set_all_config", checked)
    monkeypatch.setattr(stack, "preview", interrupted)
    with pytest.raises(TargetError, match="interrupted"):
        await target_of(stack).promote(details("v1", "v2", 100))
    assert stack.calls == ["config v2 0", "config v1 100"]


async def test_a_new_change_is_not_held_back_by_the_interrupt_of_an_earlier_one() -> None:
    stack = Stack()
    stack.command.interrupt()
    await target_of(stack).apply(details("v1", "v2", 10))
    assert (stack.live, stack.command.interrupted) == (10, False)


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
    await target_of(stack).apply(details("v1", "v2", weight))
    assert stack.targets == [targets]


@pytest.mark.parametrize("missing", ["v1", "v2"])
@pytest.mark.parametrize("wanted", [Release("v1", "v2", 10), Release("v1", "v2", 0, 20)])
async def test_a_version_that_is_not_in_the_state_gets_no_request(
    missing: str, wanted: Release
) -> None:
    stack = Stack()
    stack.versions.remove(missing)
    with pytest.raises(TargetError) as refused:
        await target_of(stack).apply({SERVICE: wanted})
    version = f"petdetailsservice {missing}"
    assert str(refused.value) == (
        f"stack local: {version} has no Deployment in its state: run make up first"
    )
    assert (stack.targets, stack.calls) == ([], [])


async def test_another_service_is_ramped_by_its_own_route_and_config_keys() -> None:
    stack = Stack()
    target = target_of(stack, service="petservice")
    assert await target.releases() == {"petservice": Release("v1", "v2", 5)}
    await target.apply({"petservice": Release("v1", "v2", 10)})
    assert stack.calls == ["config releases.petservice.v1 10"]
    assert stack.targets == [[f"{URN}::petservice-route"]]


@pytest.mark.parametrize(
    ("releases", "service"),
    [
        pytest.param(RELEASES, "petdetailsservice", id="whose weight is a key of its own"),
        pytest.param(
            {"a": exported("a", "releases.a.")}, "a", id="the only one, whatever its keys are"
        ),
    ],
)
async def test_without_a_service_it_is_the_stacks_own(
    releases: dict[str, object], service: str
) -> None:
    assert await target_of(Exporting(root(releases))).services() == [service]


OTHER_KEYS = {name: exported(name, f"{name}:") for name in ("cart", "payment")}
NO_NAME = {"x": exported("../x")}


@pytest.mark.parametrize(
    ("releases", "service", "text"),
    [
        (RELEASES, "nope", "--service = nope: must be one of petdetailsservice, petservice"),
        (OTHER_KEYS, "", "--service: must be given, one of cart, payment"),
        (NO_NAME, "", "--service = ../x: must be a service's name, such as petservice"),
        ({}, "", "stack local: output releases is empty: it has no service to ramp"),
        ([], "", "stack local: output releases: Input should be a valid dictionary"),
        (
            {"x": {**exported("x"), "config": {}}},
            "",
            "stack local: output releases.x.config.stable: Field required",
        ),
        (
            {"x": {**exported("x"), "route": {"urn": "u", "kind": "HTTPRoute", "http": "w"}}},
            "",
            "output releases.x.route.kind = HTTPRoute: must be VirtualService",
        ),
        ({"x": exported("x")}, "", "stack local: it has no route of x; run make up first"),
    ],
)
async def test_an_output_that_cannot_be_ramped_is_refused_in_one_line(
    releases: object, service: str, text: str
) -> None:
    with pytest.raises(TargetError) as refused:
        await target_of(Exporting(root(releases), route(0)), service=service).releases()
    assert str(refused.value) == text


async def test_a_stack_without_the_output_is_named() -> None:
    with pytest.raises(TargetError, match="stack local: it has no output releases; run make up"):
        await target_of(Exporting(route(0))).releases()


async def test_a_workload_of_another_namespace_is_not_the_versions() -> None:
    runs = [deployment("petdetailsservice-v1"), deployment("petdetailsservice-v2", "other")]
    stack = Exporting(root(RELEASES), route(0), *runs)
    with pytest.raises(TargetError, match="petdetailsservice v2 has no Deployment"):
        await target_of(stack).apply(details("v1", "v2", 10))


@pytest.mark.parametrize("http", [[], [{"name": "weighted", "route": []}], [{"name": "x"}], "no"])
async def test_a_route_that_the_program_did_not_declare_is_an_error_in_one_line(
    http: object,
) -> None:
    foreign = route(0)
    foreign["inputs"]["spec"]["http"] = http
    with pytest.raises(TargetError) as refused:
        await target_of(Exporting(root(RELEASES), foreign)).releases()
    assert str(refused.value) == (
        "the route of petdetailsservice in the state is not as output releases says: "
        "weighted has no two versions with weights"
    )


async def test_what_the_state_says_of_a_version_steers_no_terminal() -> None:
    painted = route(0)
    painted["inputs"]["spec"]["http"][1]["route"][1]["destination"]["subset"] = "v2\x1b[2J\n"
    with pytest.raises(TargetError, match="it has v1, v2 and not v2") as refused:
        await target_of(Exporting(root(RELEASES), painted)).releases()
    assert str(refused.value).isprintable()


async def test_a_promotion_whose_preview_fails_leaves_the_config_as_it_was() -> None:
    stack = Stack()
    stack.live, stack.breaks_preview = 100, True
    with pytest.raises(TargetError, match=r"^stack local: error: no program$"):
        await target_of(stack).promote(details("v1", "v2", 100))
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
    seen = (await target.observe(details("v1", "v2", 50), 60))[SERVICE]
    assert (seen.canary.requests, seen.canary.errors) == (500, 500)
    assert (seen.stable.requests, seen.stable.errors) == (500, 0)


async def test_a_look_at_the_figures_runs_no_command_beside_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    target = target_of(stack, Lossy("http://127.0.0.1:1"))
    await target.releases()
    monkeypatch.setattr(stack, "export_stack", None)
    await target.observe(details("v1", "v2", 50), 60)
