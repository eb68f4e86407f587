import asyncio
import re
import socket

import pytest
from aiohttp import web

from httpservice import server
from httpservice.log import Log
from httpservice.server import ANYWHERE, Limits
from httpservice.service import Service, reply
from httpservice.testing import Reply, get, read_reply, send, serving, until
from petmesh.rehearsal.faulty import reset

PATH = "/pet/1"
GET = b"GET /pet/1 HTTP/1.1\r\nHost: test\r\n\r\n"


async def echo(request: web.Request) -> web.Response:
    return reply(b'"%b %b"' % (request.method.encode(), request.path.encode()))


ECHO = Service([web.get("/pet/{id}", echo)])


class Gate:
    """A service that answers once it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        await self.opened.wait()
        return await echo(request)

    @property
    def service(self) -> Service:
        return Service([web.get("/pet/{id}", self.answer)])


async def reply_to(raw: bytes) -> Reply:
    async with serving(ECHO) as (_, port):
        return await send(port, raw)


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


async def read_all(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    finally:
        writer.close()


class TestRequests:
    async def test_a_response_states_type_length_and_date(self) -> None:
        got = await reply_to(GET)
        assert (got.status, got.body) == (200, b'"GET /pet/1"')
        assert got.headers["content-type"] == "application/json"
        assert got.headers["content-length"] == "12"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", got.headers["date"])

    async def test_a_connection_serves_one_request_after_another(self) -> None:
        async with serving(ECHO) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in range(3):
                writer.write(b"GET /pet/%d HTTP/1.1\r\nHost: test\r\n\r\n" % number)
                assert (await read_reply(reader)).json == f"GET /pet/{number}"
            writer.close()

    async def test_a_body_is_discarded_and_the_connection_goes_on(self) -> None:
        sized = GET[:-2] + b"Content-Length: 30000\r\n\r\n" + b"x" * 30_000
        chunked = GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        last = GET[:-2] + b"Connection: close\r\n\r\n"

        async with serving(ECHO) as (_, port):
            received = await read_all(port, sized + chunked + last)
            assert statuses(received) == [200, 200, 200]

    async def test_trailers_are_no_headers(self) -> None:
        async def canary(request: web.Request) -> web.Response:
            return reply(b'"%b"' % request.headers.get("x-canary", "none").encode())

        chunked = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Canary: always\r\n\r\n"

        async with serving(Service([web.get("/pet/{id}", canary)])) as (_, port):
            assert (await send(port, GET[:-2] + chunked)).json == "none"

    async def test_what_a_sidecar_lets_through_is_never_too_large(self) -> None:
        # https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
        assert (await reply_to(GET[:-2] + b"X: " + b"x" * 60 * 1024 + b"\r\n\r\n")).status == 200
        many = b"".join(b"x-%d: x\r\n" % number for number in range(100))
        assert (await reply_to(GET[:-2] + many + b"\r\n")).status == 200
        long = b"GET /pet/1?" + b"x" * 60_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n"
        assert (await reply_to(long)).status == 200

    @pytest.mark.parametrize(
        "raw",
        [
            b"nonsense\r\n\r\n",
            GET[:-2] + b"X: " + b"x" * 2**20 + b"\r\n\r\n",
            GET[:-2] + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ],
    )
    async def test_what_is_no_request_is_refused_and_harms_nobody(self, raw: bytes) -> None:
        async with serving(ECHO) as (_, port):
            assert statuses(await read_all(port, raw)) == [400]
            assert (await get(port, PATH)).status == 200


class TestLoad:
    async def test_more_requests_than_may_be_in_flight_are_shed(self) -> None:
        gate = Gate()
        async with serving(gate.service, Limits(in_flight=2)) as (front, port):
            waiting = [asyncio.ensure_future(get(port, PATH)) for _ in range(2)]
            await until(lambda: front.in_flight == 2)
            shed = await get(port, PATH)
            assert (shed.status, shed.headers["retry-after"]) == (503, "1")
            assert (await get(port, "/healthz/ready")).status == 200
            gate.opened.set()
            assert [(await each).status for each in waiting] == [200, 200]
            assert (await get(port, PATH)).status == 200

    async def test_a_request_whose_client_is_gone_is_still_counted_off(self) -> None:
        gate = Gate()
        async with serving(gate.service) as (front, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await until(lambda: front.in_flight)
            reset(writer)
            await asyncio.sleep(0.01)
            assert front.in_flight == 1
            gate.opened.set()
            await until(lambda: not front.in_flight)

    async def test_a_fault_in_a_handler_is_a_500_without_its_text(self) -> None:
        async def fail(_request: web.Request) -> web.Response:
            raise LookupError("private")

        async with serving(Service([web.get("/pet/{id}", fail)])) as (front, port):
            got = await get(port, PATH)
            assert (got.status, got.json["message"]) == (500, "internal error")
            assert b"private" not in got.body
            assert front.in_flight == 0


class TestDraining:
    async def test_open_connections_are_served_once_more_and_closed(self) -> None:
        async with serving(ECHO) as (front, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await read_reply(reader)
            draining = asyncio.ensure_future(front.drain(0.05, 1))
            await asyncio.sleep(0.01)
            assert not draining.done()
            writer.write(GET)
            last = await read_reply(reader)
            assert (last.status, last.headers["connection"]) == (200, "close")
            assert await reader.read() == b""
            writer.close()
            assert (await get(port, PATH)).status == 200
            await draining

    async def test_a_request_in_flight_is_waited_for(self) -> None:
        gate = Gate()
        async with serving(gate.service) as (front, port):
            answer = asyncio.ensure_future(get(port, PATH))
            await until(lambda: front.in_flight)
            draining = asyncio.ensure_future(front.drain(0, 1))
            await asyncio.sleep(0.05)
            assert not draining.done()
            gate.opened.set()
            assert (await answer).status == 200
            await draining

    async def test_health_checks_do_not_hold_it_up(self) -> None:
        async with serving(ECHO) as (front, port):

            async def probe() -> None:
                while True:
                    assert (await get(port, "/healthz/live")).status == 200

            probing = asyncio.ensure_future(probe())
            await front.drain(0.1, 60)
            probing.cancel()

    async def test_it_ends_with_the_grace_period_under_constant_load(self) -> None:
        async with serving(ECHO) as (front, port):

            async def load() -> None:
                while True:
                    assert (await get(port, PATH)).status == 200

            loading = asyncio.ensure_future(load())
            await front.drain(10, 0.1)
            loading.cancel()


class TestAddresses:
    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
    async def test_unless_told_otherwise_it_listens_on_ipv4_and_ipv6(self) -> None:
        async with serving(ECHO, Limits(host=ANYWHERE)) as (_, port):
            for address in ("127.0.0.1", "::1"):
                reader, writer = await asyncio.open_connection(address, port)
                writer.write(GET)
                assert (await read_reply(reader)).status == 200
                writer.close()

    @pytest.mark.parametrize("disabled", ["at boot", "by sysctl"])
    async def test_without_ipv6_it_listens_on_ipv4(
        self, disabled: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if disabled == "at boot":
            monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
        else:
            # What binding says where net.ipv6.conf.all.disable_ipv6 is 1.
            def refuse(*_: object, **__: object) -> socket.socket:
                raise OSError(99, "Cannot assign requested address")

            monkeypatch.setattr(socket, "create_server", refuse)

        async with serving(ECHO, Limits(host=ANYWHERE)) as (_, port):
            assert (await get(port, PATH)).status == 200

    async def test_a_port_that_is_taken_is_refused_on_every_address(self) -> None:
        log = Log("off", {})
        async with serving(ECHO, Limits(host="0.0.0.0")) as (_, port):  # noqa: S104
            with pytest.raises(server.ListenError, match=f"'::', PORT = {port}: can't listen"):
                async with server.serving(ECHO, log, Limits(ANYWHERE, port)):
                    pass
        log.close(1)
