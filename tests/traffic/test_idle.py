"""A server that closes an idle connection as the next request arrives: no caller notices.

All declared times are divided by fifty, so that a pause takes a second.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apps.httpservice.idle import IDLE_SECONDS
from demo.pets import PETSERVICE
from demo.scenes.http_client import request_ingress, send_request
from petmesh.mesh.istio.destination_rule import DestinationRule
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.faulty import forgetful
from petmesh.rehearsal.resilience import without_resilience
from petmesh.rehearsal.stub_hosts import ANSWER
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

PATH = "/pet/123"
SCALE = 50
SERVICE_SECONDS = IDLE_SECONDS / SCALE
TOGETHER, BURSTS = 8, 4
HOST = "api.thedogapi.com"
HOST_SECONDS, PAUSE_SECONDS = 0.05, 0.2


def with_idle_times(mesh: Mesh, scale: float | None) -> Mesh:
    """The mesh with its services' idle times divided, or with none."""
    return replace(
        mesh,
        destination_rules=tuple(_with_idle_time(rule, scale) for rule in mesh.destination_rules),
    )


def _with_idle_time(rule: DestinationRule, scale: float | None) -> DestinationRule:
    policy = rule.spec.traffic_policy
    pool = policy.connection_pool if policy else None
    if policy is None or pool is None or pool.http is None:
        return rule
    declared = pool.http.idle_timeout
    seconds = None if scale is None or declared is None else declared / scale
    http = pool.http.model_copy(update={"idle_timeout": seconds})
    pools = pool.model_copy(update={"http": http})
    policies = policy.model_copy(update={"connection_pool": pools})
    return rule.model_copy(
        update={"spec": rule.spec.model_copy(update={"traffic_policy": policies})}
    )


@pytest.fixture
def closing(live: Live) -> Iterator[None]:
    """petservice with a server that closes a connection once it was idle for its idle time."""
    runtime, pod = live.session.runtime, live.context.pod(PETSERVICE).name
    sound = live.run(request_ingress(runtime.origin, PATH))
    assert sound is not None
    live.run(
        runtime.faults.impair(pod, forgetful(SERVICE_SECONDS), json.dumps(sound.json).encode())
    )
    yield
    live.run(runtime.faults.restart(pod))
    live.run(live.session.change({}))


async def bursts(live: Live) -> Counter[int]:
    """The statuses of bursts, each a while after the one before it."""
    origin = live.session.runtime.origin
    statuses = Counter[int]()
    for _ in range(BURSTS):
        answers = await asyncio.gather(*(request_ingress(origin, PATH) for _ in range(TOGETHER)))
        statuses.update(each.status if each else 0 for each in answers)
        await asyncio.sleep(SERVICE_SECONDS * 1.1)
    return statuses


@pytest.mark.usefixtures("closing")
def test_after_a_pause_the_public_is_answered_as_before(live: Live) -> None:
    runtime = live.session.runtime
    live.run(runtime.apply(with_idle_times(runtime.mesh, SCALE)))
    assert live.run(bursts(live)) == {200: TOGETHER * BURSTS}


@pytest.mark.usefixtures("closing")
def test_without_the_idle_times_the_public_gets_503(live: Live) -> None:
    runtime = live.session.runtime
    live.run(runtime.apply(with_idle_times(runtime.mesh, None)))
    statuses = live.run(bursts(live))
    assert statuses[503] > 0
    assert statuses[200] + statuses[503] == TOGETHER * BURSTS


@pytest.fixture(params=["false", "true"], ids=["directly", "by the egress gateway"])
def forgetting_host(live: Live, request: pytest.FixtureRequest) -> Iterator[None]:
    """The dog API, which closes each connection that is idle for a moment."""
    live.run(live.session.change({"dogApiEnabled": "true", "egressGateway": request.param}))
    live.run(live.session.runtime.stub_hosts.impair(HOST, forgetful(HOST_SECONDS)))
    yield
    live.run(live.session.runtime.stub_hosts.restore(HOST))
    live.run(live.session.change({}))


async def dog_api_responses(live: Live) -> list[Any]:
    responses: list[Any] = []
    for _ in range(10):
        answer = await request_ingress(live.session.runtime.origin, PATH)
        responses.append(answer.json["dogAPIResponse"] if answer else None)
        await asyncio.sleep(PAUSE_SECONDS)
    return responses


@pytest.mark.usefixtures("forgetting_host")
def test_a_host_that_closes_early_costs_no_answer(live: Live) -> None:
    before = live.run(live.session.runtime.version_metrics(HOST))[""]
    assert live.run(dog_api_responses(live)) == [ANSWER] * 10
    saved = live.run(live.session.runtime.version_metrics(HOST))[""].since(before)
    assert saved.retries_succeeded > 0


@pytest.mark.usefixtures("forgetting_host")
def test_without_the_retries_such_a_host_costs_answers(live: Live) -> None:
    live.run(live.session.runtime.apply(without_resilience(live.session.runtime.mesh)))
    assert live.run(dog_api_responses(live)) != [ANSWER] * 10


def test_what_may_do_harm_is_not_sent_twice(live: Live) -> None:
    live.run(live.session.change({"dogApiEnabled": "true"}))
    live.run(live.session.runtime.stub_hosts.impair(HOST, forgetful(HOST_SECONDS)))
    statuses: list[int] = []
    for method in ("GET", "POST"):
        answer = live.run(
            send_request(f"http://{HOST}/", proxy=live.context.sidecar(PETSERVICE), method=method)
        )
        statuses.append(answer.status if answer else 0)
        live.run(asyncio.sleep(PAUSE_SECONDS))
    live.run(live.session.runtime.stub_hosts.restore(HOST))
    live.run(live.session.change({}))
    assert statuses == [200, 503]
