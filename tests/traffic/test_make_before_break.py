"""A change that takes away what the old routes lead to loses no request, on any proxy's way."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from demo.scenes.egress import is_error_object
from demo.scenes.scene_context import PATH
from petmesh.envoy.process import EnvoyProcess
from petmesh.rehearsal.load import FAILED, Load
from petmesh.rehearsal.runtime import Change
from tests.traffic.conftest import Live
from tests.unit.declared import GIVEN

pytestmark = pytest.mark.envoy

PROMOTED = {"stableVersion": "v2", "canaryVersion": "", "canaryWeight": "0"}
PUBLIC = {
    "images": f'["petservice/v2={GIVEN}"]',
    "releases": json.dumps({"petservice": {"stableVersion": "v2"}}),
}
LED = {"dogApiEnabled": "true", "egressGateway": "true"}
WRITE_SECONDS = 0.3


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch, live: Live) -> Iterator[None]:
    """Each write of a proxy's files is in force for a while before the next one."""
    write = EnvoyProcess._write  # pyright: ignore[reportPrivateUsage]

    async def then_wait(process: EnvoyProcess, *contents: object) -> None:
        await write(process, *contents)  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(WRITE_SECONDS)

    monkeypatch.setattr(EnvoyProcess, "_write", then_wait)
    yield
    monkeypatch.undo()
    live.run(live.session.change({}))


def under_load(live: Live, before: dict[str, str], after: dict[str, str]) -> tuple[Change, int]:
    """The effect of a change, and how many requests failed before, in and after it."""

    def judge(status: int, body: bytes) -> str:
        version = live.context.classify(status, body)
        is_led = "dogApiEnabled" in before
        return FAILED if is_led and is_error_object(json.loads(body)["dogAPIResponse"]) else version

    async def change() -> tuple[Change, int]:
        await live.session.change(before)
        async with Load(live.session.runtime.origin, PATH, judge) as load:
            await load.measure("before", 100)
            _, change = await live.session.change(after)
            await load.measure("after", 100)
        assert sum(phase.requests for phase in load.phases) > 200
        return change, sum(phase.failed for phase in load.phases)

    return live.run(change())


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ({"canaryVersion": ""}, PROMOTED, "petdetailsservice-v1"),
        (PROMOTED, {"canaryVersion": ""}, "petdetailsservice-v2"),
        ({}, PUBLIC, "petservice-v1"),
        (PUBLIC, {}, "petservice-v2"),
    ],
    ids=["promoted", "back", "public, promoted", "public, with its subset"],
)
def test_the_version_that_the_route_leaves(
    live: Live, before: dict[str, str], after: dict[str, str], gone: str
) -> None:
    change, failures = under_load(live, before, after)
    assert {name.rpartition("-")[0] for name in change.stopped} == {gone}
    assert failures == 0


def test_the_egress_gateway_that_the_route_leaves(live: Live) -> None:
    _, failures = under_load(live, LED, {**LED, "egressGateway": "false"})
    assert failures == 0
    assert live.session.runtime.inner_gateways == ()
