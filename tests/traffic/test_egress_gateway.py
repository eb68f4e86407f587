"""Calls to the outside through the egress gateway: by whom, for what, and what the outside sees."""

import asyncio
import ssl
from collections.abc import Iterator

import pytest

from apps.catalog import Service
from demo.pets import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes import egress, egress_gateway
from demo.scenes.egress import is_error_object
from demo.scenes.http_client import Response, send_request
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.stub_hosts import ANSWER
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

HOST = "api.thedogapi.com"
GATEWAY = "istio-egressgateway"
PATH = "/v1/x"
SEEN = f"GET https://{HOST}{PATH}"


@pytest.fixture
def led(live: Live) -> Iterator[Live]:
    """The mesh with the dog API open through the gateway."""
    live.run(live.session.change({"dogApiEnabled": "true", "egressGateway": "true"}))
    live.session.runtime.stub_hosts.requests.clear()
    live.session.runtime.stub_hosts.headers.clear()
    yield live
    live.run(live.session.change({}))


def by_sidecar(live: Live, service: Service, method: str = "GET") -> Response | None:
    proxy = live.context.sidecar(service)
    return live.run(send_request(f"http://{HOST}{PATH}", proxy=proxy, method=method))


def held(live: Live) -> object:
    answer = live.run(send_request(live.session.runtime.url + "/pet/123"))
    assert answer is not None
    assert answer.status == 200
    return answer.json["dogAPIResponse"]


def test_petservice_is_answered_by_way_of_the_gateway(led: Live) -> None:
    assert held(led) == ANSWER
    answer = by_sidecar(led, PETSERVICE)
    assert answer is not None
    assert answer.json == ANSWER
    requests = led.session.runtime.stub_hosts.requests
    assert requests[-1] == SEEN
    [gateway] = led.session.runtime.inner_gateways
    stats = led.run(led.session.runtime.gateway_stats(gateway.name, rf"\|{HOST}\.upstream_rq_200$"))
    assert sum(stats.values.values()) == len(requests)


def test_the_outside_learns_nothing_of_the_caller(led: Live) -> None:
    by_sidecar(led, PETSERVICE)
    [headers] = led.session.runtime.stub_hosts.headers
    told = {name.lower() for name in headers}
    assert not told & {"x-forwarded-for", "x-forwarded-client-cert", "x-envoy-peer-metadata"}
    assert "spiffe" not in str(dict(headers))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_petservice_may_get_alone(led: Live, method: str) -> None:
    answer = by_sidecar(led, PETSERVICE, method)
    assert answer is not None
    assert answer.status == 403
    assert led.session.runtime.stub_hosts.requests == []


@pytest.mark.parametrize("service", [PETDETAILS, PETMEDICALHISTORY], ids=lambda each: each.name)
def test_another_service_is_refused_by_its_sidecar_and_by_the_gateway(
    led: Live, service: Service
) -> None:
    answer = by_sidecar(led, service)
    assert answer is not None
    assert answer.status == 502
    around = led.run(led.context.to_gateway(service, HOST, PATH))
    assert around is not None
    assert around.status == 403
    assert led.session.runtime.stub_hosts.requests == []


def test_petservices_identity_is_let_out_around_its_sidecar_too(led: Live) -> None:
    answer = led.run(led.context.to_gateway(PETSERVICE, HOST, PATH))
    assert answer is not None
    assert answer.json == ANSWER


@pytest.mark.parametrize("other", ["example.com", "169.254.169.254", f"{HOST}.example.com"])
def test_no_other_host_is_reached_by_that_way(led: Live, other: str) -> None:
    answer = led.run(led.context.to_gateway(PETSERVICE, HOST, PATH, named=other))
    assert answer is not None
    assert answer.status == 403
    assert led.run(led.context.to_gateway(PETSERVICE, other, PATH)) is None
    assert led.session.runtime.stub_hosts.requests == []


def test_without_an_identity_there_is_no_connection(led: Live) -> None:
    [gateway] = led.session.runtime.inner_gateways
    assert led.run(led.context.to_gateway(None, HOST, PATH)) is None
    plain = f"http://{LOOPBACK}:{gateway.ports[443]}{PATH}"
    assert led.run(send_request(plain, {"Host": HOST})) is None


def test_a_host_with_another_hosts_certificate_gets_no_request(led: Live) -> None:
    stub_hosts = led.session.runtime.stub_hosts
    real = stub_hosts.addresses[HOST]
    asked: list[bytes] = []
    port, server = led.run(_impostor(led, asked))
    stub_hosts.addresses[HOST] = port
    try:
        led.run(led.session.change({"dogApiEnabled": "true", "egressGateway": "true"}))
        assert is_error_object(held(led))
        answer = by_sidecar(led, PETSERVICE)
        assert answer is not None
        assert answer.status == 503
        stats = led.run(
            led.session.runtime.gateway_stats(GATEWAY, rf"{HOST}.*ssl\.fail_verify_san$")
        )
        assert max(stats.values.values()) > 0
        assert asked == []
    finally:
        stub_hosts.addresses[HOST] = real
        led.loop.call_soon_threadsafe(server.close)


async def _impostor(live: Live, asked: list[bytes]) -> tuple[int, asyncio.Server]:
    """A server whose certificate is of the trusted authority, but for another name."""
    leaf = live.session.runtime.stub_hosts.authority.issue_host("other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line := await reader.readline():
            asked.append(line)
        writer.close()

    server = await asyncio.start_server(take, LOOPBACK, 0, ssl=context)
    return server.sockets[0].getsockname()[1], server


def test_a_gateway_put_between_and_taken_away_restarts_nothing_else(live: Live) -> None:
    runtime = live.session.runtime
    live.run(live.session.change({"dogApiEnabled": "true"}))
    before = runtime.process_ids()
    live.run(live.session.change({"dogApiEnabled": "true", "egressGateway": "true"}))
    between = runtime.process_ids()
    assert between.keys() - before.keys() == {GATEWAY}
    assert {name: between[name] for name in before} == before
    assert held(live) == ANSWER
    live.run(live.session.change({"dogApiEnabled": "true"}))
    assert runtime.process_ids() == before
    assert held(live) == ANSWER
    live.run(live.session.change({}))
    assert is_error_object(held(live))


def test_by_itself_the_gateway_opens_nothing(live: Live) -> None:
    live.run(live.session.change({"egressGateway": "true"}))
    answer = by_sidecar(live, PETSERVICE)
    assert answer is not None
    assert answer.status == 502
    [gateway] = live.session.runtime.inner_gateways
    assert not gateway.ports
    live.run(live.session.change({}))


def test_both_scenes_of_the_egress_hold(live: Live) -> None:
    live.run(live.session.change({"egressGateway": "true"}, lasting=True))
    try:
        assert live.run(egress.play(live.context)).problems == ()
        assert live.run(egress_gateway.play(live.context)).problems == ()
    finally:
        live.session.overrides.pop("egressGateway")
        live.run(live.session.change({}))
