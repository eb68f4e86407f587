"""The version that a promotion keeps, and the way back to it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation
from pulumi.automation import CommandResult
from pulumi.automation.events import OpType

from petmesh.ramp import cluster
from petmesh.ramp.target import Release, TargetError
from tests.unit.ramp.fakes import SERVICE, details
from tests.unit.ramp.test_cluster import ROUTE, URN, Stack, deployment, exported, root, target_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEPT = ("previousVersion", "previousUntil")


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "now", lambda: NOON)


class Keeping(Stack):
    """A stack in memory whose output says what it keeps, and which deletes what it is told."""

    def __init__(self, shares: dict[str, int], runs: list[str], **kept: str) -> None:
        super().__init__()
        self.shares, self.versions = shares, runs
        self.entry: dict[str, Any] = {**exported(), **kept}
        self.entry["workloads"]["v0"] = f"{SERVICE}-v0"
        self.entry["config"] |= {"previous": KEPT[0], "previousUntil": KEPT[1]}
        self.config: dict[str, str] = {}
        self.deletes: list[str] = []
        self.others: dict[str, Any] = {}

    def export_stack(self) -> SimpleNamespace:
        targets = [
            {"destination": {"subset": version}, "weight": weight}
            for version, weight in self.shares.items()
        ]
        route = {
            "urn": ROUTE,
            "type": "kubernetes:networking.istio.io/v1:VirtualService",
            "inputs": {
                "metadata": {"namespace": "pets"},
                "spec": {"http": [{"name": "weighted", "route": targets}]},
            },
        }
        runs = [deployment(f"{SERVICE}-{version}") for version in self.versions]
        releases = {SERVICE: self.entry, **self.others}
        return SimpleNamespace(deployment={"resources": [root(releases), route, *runs]})

    def set_all_config(self, config: dict[str, Any], *, path: bool) -> None:
        assert path
        self.config |= {key: each.value for key, each in config.items()}

    def get_config(self, key: str, *, path: bool) -> automation.ConfigValue:
        assert path
        if key not in self.config:
            raise automation.CommandError(CommandResult("", f"error: no {key}", 255))
        return automation.ConfigValue(self.config[key])

    def remove_config(self, key: str, *, path: bool) -> None:
        assert path
        del self.config[key]

    def preview(self, on_event: Any, **_: object) -> None:  # noqa: ANN401 (the engine's)
        for workload in self.deletes:
            urn = f"urn::{workload}-deployment"
            step = SimpleNamespace(op=OpType.DELETE, type="x", urn=urn)
            on_event(SimpleNamespace(resource_pre_event=SimpleNamespace(metadata=step)))

    def kept(self) -> tuple[str, str]:
        previous, until = (self.config.get(key, "") for key in KEPT)
        return previous, until


def at_100(**kept: str) -> Keeping:
    return Keeping({"v1": 0, "v2": 100}, ["v1", "v2"], **kept)


@pytest.mark.parametrize(
    ("keep", "until"),
    [
        ("nextRelease", ""),
        ("30m", "2026-11-27T12:30:00Z"),
        ("24h", "2026-11-28T12:00:00Z"),
        ("7d", "2026-12-04T12:00:00Z"),
    ],
)
async def test_a_promotion_says_in_the_config_what_it_keeps_and_until_when(
    keep: str, until: str
) -> None:
    stack = at_100(keepPrevious=keep)
    await target_of(stack).promote(details("v1", "v2", 100))
    assert stack.kept() == ("v1", until)
    assert stack.config["stableVersion"] == "v2"
    assert not {key for key, value in stack.config.items() if not value}


async def test_a_promotion_that_keeps_nothing_ends_what_was_kept_before() -> None:
    stack = at_100(previous="v0")
    stack.deletes = [f"{SERVICE}-v1"]
    await target_of(stack).promote(details("v1", "v2", 100))
    assert stack.kept() == ("", "")


async def test_a_promotion_may_delete_what_was_kept_before_and_not_what_it_keeps() -> None:
    stack = at_100(keepPrevious="24h", previous="v0", previousUntil="2026-11-27T18:00:00Z")
    stack.deletes = [f"{SERVICE}-v0"]
    await target_of(stack).promote(details("v1", "v2", 100))
    assert stack.kept() == ("v1", "2026-11-28T12:00:00Z")
    stack = at_100(keepPrevious="24h")
    stack.deletes = [f"{SERVICE}-v1"]
    with pytest.raises(TargetError, match="a promotion would change more"):
        await target_of(stack).promote(details("v1", "v2", 100))


async def test_a_promotion_leaves_nothing_alone_where_no_other_release_is_under_way() -> None:
    stack = at_100()
    stack.others = {"petservice": exported("petservice", "releases.petservice.")}
    stack.deletes = [f"{SERVICE}-v1"]
    await target_of(stack, service=SERVICE).promote(details("v1", "v2", 100))
    assert stack.excluded == []


async def test_a_promotion_leaves_alone_what_is_of_another_services_release() -> None:
    stack = at_100()
    stack.others = {"petservice": exported("petservice", "releases.petservice.")}
    stack.deletes = [f"{SERVICE}-v1", "petservice-v1"]
    target = target_of(stack, service=SERVICE)
    await target.promote(details("v1", "v2", 100))
    assert stack.excluded == [["urn::petservice-v1-deployment", f"{URN}::petservice-route"]]
    stack.deletes = ["petservice-v1"]
    await target.prepare()
    stack.deletes = ["petservice-v1", "grafana"]
    with pytest.raises(TargetError, match=r"changes that aren't applied: x grafana-deployment$"):
        await target.prepare()


@pytest.mark.parametrize(
    ("until", "told"),
    [("2026-11-27T18:00:00Z", "v1, until 2026-11-27T18:00:00Z"), ("", "v1, until the next prom")],
)
async def test_what_is_kept_is_told_with_its_end_as_the_config_has_it(
    until: str, told: str
) -> None:
    stack = Keeping({"v2": 100}, ["v1", "v2"], previous="v1")
    stack.config = {"previousUntil": until} if until else {}
    [kept] = (await target_of(stack).kept()).values()
    assert str(kept).startswith(told)
    stack = Keeping({"v2": 100}, ["v2"], previous="v1")
    assert not await target_of(stack).kept()


async def test_a_promotion_that_is_refused_leaves_what_was_kept_as_it_was() -> None:
    kept = {"previous": "v0", "previousUntil": "2026-11-27T18:00:00Z"}
    stack = at_100(keepPrevious="24h", **kept)
    stack.deletes = ["petmedicalhistoryservice-v1"]
    with pytest.raises(TargetError):
        await target_of(stack).promote(details("v1", "v2", 100))
    assert stack.kept() == ("v0", "2026-11-27T18:00:00Z")


async def test_a_time_that_is_none_is_refused_before_anything_is_changed() -> None:
    stack = at_100(keepPrevious="a while")
    with pytest.raises(TargetError) as refused:
        await target_of(stack).promote(details("v1", "v2", 100))
    assert str(refused.value) == (
        f"output releases.{SERVICE}.keepPrevious = a while: must be nextRelease, or a time such "
        "as 24h"
    )
    assert (stack.config, stack.targets) == ({}, [])


async def test_a_program_that_keeps_nothing_needs_no_keys_for_it() -> None:
    stack = at_100(keepPrevious="24h")
    stack.entry["config"] = exported()["config"]
    await target_of(stack).promote(details("v1", "v2", 100))
    assert not stack.config.keys() & {*KEPT}


# The way back


@pytest.mark.parametrize(
    ("kept", "until"),
    [
        ({"keepPrevious": "24h", "previousUntil": "2026-11-27T18:00:00Z"}, "2026-11-28T12:00:00Z"),
        ({"keepPrevious": "nextRelease"}, ""),
        ({"previousUntil": "2026-11-27T18:00:00Z"}, "2026-11-27T18:00:00Z"),
    ],
)
async def test_going_back_changes_the_route_alone_and_keeps_the_version_that_it_leaves(
    kept: dict[str, str], until: str
) -> None:
    stack = Keeping({"v2": 100}, ["v1", "v2"], previous="v1", **kept)
    assert await target_of(stack).restore() == {SERVICE: Release("v1", "")}
    assert stack.targets == [[f"{URN}::{SERVICE}-route"]]
    assert (stack.config["stableVersion"], stack.kept()) == ("v1", ("v2", until))


async def test_the_way_goes_forth_again_though_the_output_is_as_it_was() -> None:
    stack = Keeping({"v1": 100}, ["v1", "v2"], keepPrevious="24h", stable="v2", previous="v1")
    assert await target_of(stack).restore() == {SERVICE: Release("v2", "")}
    assert stack.kept() == ("v1", "2026-11-28T12:00:00Z")


@pytest.mark.parametrize(
    ("previous", "runs"), [("", ["v2"]), ("v1", ["v2"]), ("v2", ["v2"]), ("v9", ["v2"])]
)
async def test_there_is_no_way_back_to_a_version_that_does_not_run(
    previous: str, runs: list[str]
) -> None:
    stack = Keeping({"v2": 100}, runs, previous=previous)
    with pytest.raises(TargetError) as refused:
        await target_of(stack).restore()
    assert str(refused.value) == (
        f"stack local: there is no canary of {SERVICE} to roll back, and no previous version that "
        "runs: v2 100%"
    )
    assert (stack.config, stack.targets) == ({}, [])
