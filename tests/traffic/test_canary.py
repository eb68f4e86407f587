"""The canary's weight, and who gets the canary whatever its weight."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

from bench.ramps.ramps import WORKLOAD
from demo import claims
from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.http_client import send_request
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.load import FAILED, Load, LoadPhase
from petmesh.rehearsal.origin import Origin
from petmesh.rehearsal.share import binomial_interval
from tests.traffic.conftest import REQUESTS, WEIGHTS, Live

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize("index", range(len(WEIGHTS)))
def test_the_share_lies_within_the_interval_of_the_asked_weight(ramp: Scene, index: int) -> None:
    step = ramp.data["steps"][index]
    lowest, highest = step["interval"]
    assert step["weight"] == WEIGHTS[index]
    assert step["requests"] == REQUESTS
    assert lowest <= step["answers"].get("v2", 0) <= highest
    assert abs(step["envoyShare"] - step["share"]) < 0.02


def test_no_request_fails_at_any_weight_nor_while_it_is_changed(ramp: Scene) -> None:
    assert [step["failures"] for step in ramp.data["steps"]] == [0] * len(WEIGHTS)
    assert ramp.data["between"]["requests"] > 0
    assert ramp.data["between"]["failures"] == 0


def test_a_change_of_weight_changes_one_resource_and_restarts_nothing(ramp: Scene) -> None:
    changed = [step["changed"] for step in ramp.data["steps"]]
    assert changed[0] == []
    for (difference,) in changed[1:]:
        assert difference.startswith("~ VirtualService petdetailsservice: weight ")
    assert ramp.problems == ()


@pytest.mark.parametrize(("headers", "is_chosen"), claims.of_testers())
def test_header_or_cookie_pick_the_canary_at_weight_0(
    live: Live, headers: dict[str, str], *, is_chosen: bool
) -> None:
    assert live.run(_answers(live, headers)) == {"v2" if is_chosen else "v1": 40}


def test_header_and_cookie_pick_the_canary_at_weight_100_too(live: Live) -> None:
    live.run(live.session.change({"canaryWeight": "100"}))
    assert live.run(_answers(live, {"x-canary": "always"})) == {"v2": 40}
    assert live.run(_answers(live, {})) == {"v2": 40}
    live.run(live.session.change({}))


async def _answers(live: Live, headers: dict[str, str]) -> dict[str, int]:
    origin = live.session.runtime.origin
    async with Load(origin, "/pet/123", live.context.classify, headers=headers) as load:
        phase = await load.measure("answers", 40)
    assert phase.failed == 0
    return dict(phase.answers)


def test_promotion_and_going_back_lose_no_request(live: Live) -> None:
    """v2 becomes the stable version and v1 stops; then v1 comes back and v2 is its canary."""
    before = live.session.runtime.process_ids()
    failures, answers = live.run(_promoted_and_back(live))
    assert failures == 0
    assert set(answers) == {"v1", "v2"}
    now = live.session.runtime.process_ids()
    restarted = {name.removeprefix("Envoy of ") for name in before.keys() - now.keys()}
    assert {name.rpartition("-")[0] for name in restarted} == {"petdetailsservice-v1"}


async def _promoted_and_back(live: Live) -> tuple[int, dict[str, int]]:
    session = live.session
    answers: dict[str, int] = {}
    async with Load(session.runtime.origin, "/pet/123", live.context.classify) as load:
        await session.change({"canaryWeight": "100"})
        await session.change({"stableVersion": "v2", "canaryVersion": "", "canaryWeight": "0"})
        alone = await load.measure("v2 alone", 200)
        assert set(alone.answers) == {"v2"}
        await session.change({"canaryWeight": "100"})
        await session.change({})
        back = await load.measure("v1 again", 200)
        assert set(back.answers) == {"v1"}
        for phase in load.phases:
            for version, count in phase.answers.items():
                answers[version] = answers.get(version, 0) + count
        return sum(phase.failed for phase in load.phases), answers


def test_ten_thousand_requests_are_shared_as_asked(live: Live) -> None:
    phase = live.run(_ten_thousand(live, weight=25))
    # Chance alone puts one run of a million outside.
    lowest, highest = binomial_interval(10_000, 0.25, confidence=1 - 1e-6)
    assert phase.failed == 0
    assert lowest <= phase.answers["v2"] <= highest


class Sidecar(Origin):
    """A pod's sidecar, asked for a service as the pod's process asks it."""

    @property
    def authority(self) -> str:
        return self.host


async def _ten_thousand(live: Live, *, weight: int) -> LoadPhase:
    """Ask the caller's sidecar: its route shares the requests."""
    session = live.session
    await session.change({"canaryWeight": str(weight)})
    path = f"{PATH}/details"
    versions: dict[bytes, str] = {}
    for version in ("v1", "v2"):
        pod = session.runtime.pods_of(f"{PETDETAILS.name}-{version}")[0]
        answer = await send_request(f"http://{LOOPBACK}:{pod.app_port}{path}")
        assert answer is not None
        versions[answer.text.encode()] = version

    def judge(_: int, body: bytes) -> str:
        return versions.get(body, FAILED)

    sidecar = Sidecar(
        f"{PETDETAILS.name}:{PETDETAILS.port}", live.context.pod(PETSERVICE).outbound_port
    )
    async with Load(sidecar, path, judge) as load:
        phase = await load.measure("ten thousand", 10_000)
    await session.change({})
    return phase


def test_a_canary_that_drops_packets_is_told_apart_from_one_that_answers_late(live: Live) -> None:
    """`UF` is what petmesh/ramp/istio_queries.py counts; `UT` would be put down to nobody."""
    session = live.session
    live.run(session.change({"canaryWeight": "100"}))
    try:
        with dropping(live):
            deadline = time.monotonic() + 30
            while "URX,UF" not in (flags := details_flags(live)):
                assert time.monotonic() < deadline, flags
                live.run(ask_at_once(session.runtime.url + "/pet/123"))
    finally:
        live.run(session.change({}))


async def ask_at_once(url: str) -> None:
    """More requests than there are connections from before, over which a try waits for nothing."""
    await asyncio.gather(*(send_request(url) for _ in range(32)))


@contextmanager
def dropping(live: Live) -> Generator[None]:
    """The canary's sidecars stand still, and their queues of new connections are full."""
    runtime = live.session.runtime
    pods, ids = runtime.pods_of(WORKLOAD), runtime.process_ids()
    with ExitStack() as stack:
        for pod in pods:
            process = ids[f"Envoy of {pod.name}"]
            os.kill(process, signal.SIGSTOP)
            stack.callback(os.kill, process, signal.SIGCONT)
            while True:
                connection = stack.enter_context(socket.socket())
                connection.settimeout(0.2)
                try:
                    connection.connect((LOOPBACK, pod.inbound_port))
                except TimeoutError:
                    break
        yield


def details_flags(live: Live) -> list[str]:
    """How the calls of the details went, by petservice's sidecars."""
    logs = live.session.runtime.folder.glob("petservice-v1-*/access.log")
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [each["response_flags"] for each in lines if "details" in str(each["upstream_cluster"])]
