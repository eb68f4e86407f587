"""Calls to the outside: blocked until they are declared, and then over TLS that is checked."""

import asyncio
import ssl
from pathlib import Path

import pytest

from demo.pets import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes import egress
from demo.scenes.egress import is_error_object
from demo.scenes.http_client import send_request
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.stub_hosts import ANSWER
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

HOST = "api.thedogapi.com"


def dog_api_response(live: Live) -> object:
    answer = live.run(send_request(live.session.runtime.url + "/pet/123"))
    assert answer is not None
    assert answer.status == 200
    return answer.json["dogAPIResponse"]


def test_the_dog_api_is_blocked_then_opened_by_config_without_a_restart(live: Live) -> None:
    before = live.session.runtime.process_ids()
    assert is_error_object(dog_api_response(live))
    live.run(live.session.change({"dogApiEnabled": "true"}))
    assert dog_api_response(live) == ANSWER
    live.run(live.session.change({}))
    assert is_error_object(dog_api_response(live))
    assert live.session.runtime.process_ids() == before


def test_petservice_asks_its_own_sidecar_for_the_dog_api(live: Live) -> None:
    process = live.session.runtime.process_ids()[live.context.pod(PETSERVICE).name]
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    assert f"DOG_API_PROXY={live.context.sidecar(PETSERVICE)}".encode() in variables


@pytest.mark.parametrize("state", ["false", "true"])
def test_any_other_host_is_blocked_with_502(live: Live, state: str) -> None:
    live.run(live.session.change({"dogApiEnabled": state}))
    for url in ("http://example.com/", f"http://{HOST}:8080/", "http://169.254.169.254/"):
        answer = live.run(send_request(url, proxy=live.context.sidecar(PETSERVICE)))
        assert answer is not None
        assert answer.status == 502, url
    live.run(live.session.change({}))


def test_the_opened_host_is_reached_over_tls_by_its_own_name(live: Live) -> None:
    live.run(live.session.change({"dogApiEnabled": "true"}))
    live.session.runtime.stub_hosts.requests.clear()
    answer = live.run(send_request(f"http://{HOST}/v1/x", proxy=live.context.sidecar(PETSERVICE)))
    assert answer is not None
    assert answer.json == ANSWER
    assert live.session.runtime.stub_hosts.requests == [f"GET https://{HOST}/v1/x"]
    live.run(live.session.change({}))


def test_the_opened_host_is_open_to_petservice_alone(live: Live) -> None:
    live.run(live.session.change({"dogApiEnabled": "true"}))
    for service in (PETDETAILS, PETMEDICALHISTORY):
        answer = live.run(send_request(f"http://{HOST}/v1/x", proxy=live.context.sidecar(service)))
        assert answer is not None
        assert answer.status == 502
    live.run(live.session.change({}))


def test_a_server_with_another_hosts_certificate_gets_no_request(live: Live) -> None:
    stub_hosts = live.session.runtime.stub_hosts
    real = stub_hosts.addresses.get(HOST)
    port, server = live.run(_impostor(live))
    stub_hosts.addresses[HOST] = port
    try:
        live.run(live.session.change({"dogApiEnabled": "true"}))
        assert is_error_object(dog_api_response(live))
        answer = live.run(send_request(f"http://{HOST}/", proxy=live.context.sidecar(PETSERVICE)))
        assert answer is not None
        assert answer.status == 503
        failed = "ssl.fail_verify_san"
        pod = live.context.pod(PETSERVICE).name
        stats = live.run(live.session.runtime.sidecar_stats(pod, f"{HOST}.*{failed}$"))
        assert max(stats.values.values()) > 0
    finally:
        stub_hosts.addresses.pop(HOST)
        if real:
            stub_hosts.addresses[HOST] = real
        live.run(live.session.change({}))
        live.loop.call_soon_threadsafe(server.close)


async def _impostor(live: Live) -> tuple[int, asyncio.Server]:
    """A server whose certificate is of the trusted authority, but for another name."""
    runtime = live.session.runtime
    leaf = runtime.stub_hosts.authority.issue_host("other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    server = await asyncio.start_server(answer, LOOPBACK, 0, ssl=context)
    return server.sockets[0].getsockname()[1], server


def test_the_scene_of_the_egress_holds(live: Live) -> None:
    assert live.run(egress.play(live.context)).problems == ()
