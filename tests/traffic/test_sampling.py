"""Trace sampling is the mesh's decision, not that of an ingress's client."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from demo.pets import PETSERVICE
from demo.scenes.http_client import request_ingress
from petmesh.rehearsal.faulty import Connection
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

PATH = "/pet/123"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED, UNSAMPLED = "01", "00"
FORCING = {"x-client-trace-id": "anything"}
# A request id of a request that is sampled, as Envoy marks it: the 15th character is a 9.
MARKED = {"x-request-id": "3d63b3cd-9d1e-9f6e-8c4d-0123456789ab"}
Received = list[dict[str, str]]


@pytest.fixture
def received(live: Live) -> Iterator[Received]:
    """The headers of the requests that petservice gets."""
    requests: Received = []

    async def record(connection: Connection) -> None:
        while True:
            head = (await connection.request()).decode()
            lines = (line.partition(": ") for line in head.strip().split("\r\n")[1:])
            requests.append({name.lower(): value for name, _, value in lines})
            await connection.send(connection.sound)

    pod = live.context.pod(PETSERVICE).name
    live.run(live.session.runtime.faults.impair(pod, record, b"{}"))
    yield requests
    live.run(live.session.runtime.faults.restart(pod))
    live.run(live.session.change({}))


def traced(live: Live, received: Received, headers: dict[str, str]) -> tuple[str, str]:
    """The trace that a request becomes part of, and whether it is sampled."""
    answer = live.run(request_ingress(live.session.runtime.origin, PATH, headers))
    assert answer is not None
    assert answer.status == 200
    _, trace, _, flags = received[-1]["traceparent"].split("-")
    return trace, flags


def sample(live: Live, percent: int) -> None:
    live.run(live.session.change({"tracing": "jaeger", "tracingSamplingPercent": str(percent)}))


@pytest.mark.parametrize("flags", [SAMPLED, UNSAMPLED])
@pytest.mark.parametrize(("percent", "decided"), [(0, UNSAMPLED), (100, SAMPLED)])
def test_a_clients_trace_is_not_continued_and_does_not_decide(
    live: Live, received: Received, percent: int, decided: str, flags: str
) -> None:
    sample(live, percent)
    own = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{flags}", "tracestate": "its=own"}
    trace, sampled = traced(live, received, own)
    assert sampled == decided
    assert trace != TRACE
    assert "its=own" not in received[-1].get("tracestate", "")


@pytest.mark.parametrize("headers", [{}, FORCING, {"x-envoy-force-trace": "true"}, MARKED], ids=str)
def test_no_client_has_itself_traced(
    live: Live, received: Received, headers: dict[str, str]
) -> None:
    sample(live, 0)
    assert traced(live, received, headers)[1] == UNSAMPLED
    assert not headers.items() & received[-1].items()


def test_without_what_the_edge_drops_a_client_has_itself_traced(
    live: Live, received: Received
) -> None:
    sample(live, 0)
    live.run(live.session.runtime.apply(replace(live.session.runtime.mesh, envoy_filters=())))
    assert traced(live, received, FORCING)[1] == SAMPLED


def test_without_tracing_nothing_of_a_clients_trace_goes_on(live: Live, received: Received) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{SAMPLED}"}
    live.run(request_ingress(live.session.runtime.origin, PATH, headers))
    # A connection from before within the mesh still has the sidecar's own, as it was then.
    assert TRACE not in received[-1].get("traceparent", "")
