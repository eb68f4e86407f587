import asyncio
import re
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from httpservice.connection import Connection
from httpservice.message import Request, Response
from httpservice.server import Handler
from httpservice.testing import QUICK, Reply, get, read_reply, reset, run, send, serving, until

GET = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"


def echo(request: Request) -> Response:
    return Response(200, b'"%b %b"' % (request.method, request.path))


def reply_to(raw: bytes, handler: Handler = echo) -> Reply:
    async def exchange() -> Reply:
        async with serving(handler) as (_, port):
            return await send(port, raw)

    return run(exchange())


async def read_all(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    try:
        return await reader.read()
    finally:
        writer.close()


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


class TestRequests:
    def test_a_response_states_type_length_and_date(self) -> None:
        reply = reply_to(GET)
        assert (reply.status, reply.body) == (200, b'"GET /a"')
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == "8"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply.headers["date"])

    def test_a_head_response_has_the_length_of_the_body_it_lacks(self) -> None:
        async def test() -> None:
            async with serving(echo) as (_, port):
                received = await read_all(
                    port, b"HEAD /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
                )
            assert b"Content-Length: 9\r\n" in received
            assert received.endswith(b"\r\n\r\n")

        run(test())

    def test_a_connection_serves_one_request_after_another(self) -> None:
        async def test() -> None:
            async with serving(echo) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                for _ in range(3):
                    writer.write(GET)
                    reply = await read_reply(reader)
                    assert (reply.status, "connection" in reply.headers) == (200, False)
                writer.close()

        run(test())

    def test_pipelined_requests_are_answered_in_order_one_at_a_time(self) -> None:
        async def test() -> None:
            running = 0

            async def handle(request: Request) -> Response:
                nonlocal running
                running += 1
                assert running == 1
                await asyncio.sleep(0.01 if request.path == b"/1" else 0)
                running -= 1
                return echo(request)

            async with serving(handle) as (_, port):
                received = await read_all(
                    port,
                    b"GET /1 HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\n"
                    b"GET /3 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
                )
            assert re.findall(rb'"GET /(\d)"', received) == [b"1", b"2", b"3"]

        run(test())

    def test_requests_pipelined_behind_a_slow_one_are_bounded(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            async with serving(handle, replace(QUICK, pipelined=3)) as (_, port):
                reading = asyncio.ensure_future(read_all(port, GET * 10))
                await asyncio.sleep(0.02)
                release.set()
                assert statuses(await reading) == [200, 200, 200, 200, 429]

        run(test())

    def test_the_headers_of_waiting_requests_are_bounded_together(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            large = GET[:-2] + b"X: %b\r\n\r\n" % (b"x" * 400)
            async with serving(handle, replace(QUICK, head=2048)) as (_, port):
                reading = asyncio.ensure_future(read_all(port, large * 10))
                await asyncio.sleep(0.02)
                release.set()
                assert statuses(await reading) == [200, 200, 200, 429]

        run(test())

    def test_many_small_headers_of_waiting_requests_count_for_more_than_their_bytes(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            many = GET[:-2] + b"".join(b"%02x:\r\n" % n for n in range(90)) + b"\r\n"
            async with serving(handle) as (_, port):
                reading = asyncio.ensure_future(read_all(port, many * 4))
                await asyncio.sleep(0.02)
                release.set()
                assert statuses(await reading) == [200, 200, 429]

        run(test())

    def test_a_request_that_is_answered_waits_no_more(self) -> None:
        async def test() -> None:
            async def handle(request: Request) -> Response:
                await asyncio.sleep(0)
                return echo(request)

            large = GET[:-2] + b"X: %b\r\n\r\n" % (b"x" * 400)
            async with serving(handle, replace(QUICK, head=2048)) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(large * 2)
                for _ in range(20):
                    assert (await read_reply(reader)).status == 200
                    writer.write(large)
                writer.close()

        run(test())

    def test_a_client_that_sends_no_more_is_answered_and_then_closed(self) -> None:
        async def test() -> None:
            async def handle(request: Request) -> Response:
                await asyncio.sleep(0.01)
                return echo(request)

            async with serving(handle) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GET * 2 + GET[:-2])
                writer.write_eof()
                assert statuses(await reader.read()) == [200, 200]
                writer.close()

        run(test())

    def test_a_request_may_arrive_byte_by_byte(self) -> None:
        async def test() -> None:
            raw = b"GET /abc HTTP/1.1\r\nHost: test\r\nX-Empty:\r\nConnection: close\r\n\r\n"
            async with serving(echo) as (_, port):
                received = await read_all(port, *(bytes([byte]) for byte in raw))
            assert received.endswith(b'"GET /abc"')

        run(test())

    @pytest.mark.parametrize(
        "request_line",
        [
            b"GET http://elsewhere/a?x=1 HTTP/1.1",
            b"GET /a?x=http://elsewhere/b HTTP/1.1",
            b"GET /a HTTP/1.1",
        ],
    )
    def test_absolute_targets_and_queries_lead_to_the_same_path(self, request_line: bytes) -> None:
        assert reply_to(request_line + b"\r\nHost: test\r\n\r\n").body == b'"GET /a"'

    def test_a_path_begins_before_the_query(self) -> None:
        raw = b"GET http://elsewhere?x=/a HTTP/1.1\r\nHost: test\r\n\r\n"
        assert reply_to(raw).body == b'"GET /"'

    def test_http_1_0_closes_unless_it_asks_to_keep_the_connection(self) -> None:
        assert reply_to(b"GET /a HTTP/1.0\r\n\r\n").headers["connection"] == "close"
        kept = reply_to(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert kept.headers["connection"] == "keep-alive"

    def test_repeated_headers_are_joined(self) -> None:
        def handle(request: Request) -> Response:
            return Response(200, request.headers[b"cookie"] + request.headers[b"tracestate"])

        raw = GET[:-2] + b"Cookie: a=1\r\ntracestate: x\r\ncookie: b=2\r\nTraceState: y\r\n\r\n"
        assert reply_to(raw, handle).body == b"a=1; b=2x, y"

    def test_a_body_is_discarded_and_the_connection_goes_on(self) -> None:
        async def test() -> None:
            sized = b"POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
            chunked = (
                b"POST /b HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\n"
            )
            last = b"GET /c HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
            async with serving(echo) as (_, port):
                assert statuses(await read_all(port, sized + chunked, last)) == [200, 200, 200]

        run(test())

    @pytest.mark.parametrize("rest", [b"rest", b"x" * 9000, GET * 300])
    @pytest.mark.parametrize(
        "asked", [b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Connection: close\r\n"]
    )
    def test_what_follows_the_last_request_is_ignored_as_an_upgrade_is(
        self, asked: bytes, rest: bytes
    ) -> None:
        handled = 0

        async def handle(request: Request) -> Response:
            nonlocal handled
            handled += 1
            await asyncio.sleep(0.01)
            return echo(request)

        async def test() -> None:
            async with serving(handle) as (_, port):
                received = await read_all(port, GET[:-2] + asked + b"\r\n" + rest)
            assert statuses(received) == [200]
            assert b"Connection: close\r\n" in received
            assert received.endswith(b'"GET /a"')
            assert handled == 1

        run(test())

    def test_trailers_are_no_headers(self) -> None:
        def handle(request: Request) -> Response:
            return Response(200, b'"%b"' % request.headers.get(b"x-canary", b"none"))

        raw = (
            GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Canary: always\r\n\r\n"
        )
        assert reply_to(raw, handle).body == b'"none"'

    def test_a_length_may_have_leading_zeros(self) -> None:
        async def test() -> None:
            head = GET[:-2] + b"Connection: close\r\nContent-Length: 0000000000001\r\n\r\n"
            async with serving(echo) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head)
                await asyncio.sleep(0.02)
                writer.write(b"x")
                assert statuses(await reader.read()) == [200]
                writer.close()

        run(test())


class TestHostileRequests:
    @pytest.mark.parametrize(
        ("raw", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\nHost: a b/c?d\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
            (
                (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\n\r\n"),
                400,
            ),
            (
                (
                    b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                ),
                400,
            ),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
            (b"GET /a HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            (b"GET /a\r\nHost: a\r\n\r\n", 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
            (b"GET /a HTTP/2.0\r\nHost: a\r\n\r\n", 400),
            (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
            (
                b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
                400,
            ),
            (
                (
                    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                ),
                400,
            ),
            (b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", 413),
            (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, 413),
            (
                b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"1000\r\n%b\r\n" % (b"x" * 4096) * 20,
                413,
            ),
            (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 5000), 414),
            (b"GET /" + b"a" * 5000, 414),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 20_000), 431),
            (b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 6000 + b"\r\n", 431),
            (
                b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(120)),
                431,
            ),
            (
                b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                417,
            ),
            (
                b"PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
                417,
            ),
            (b"GET /a HTTP/1.1\r\nHost: a\r\nX: %b" % (b"x" * 30_000), 431),
            (
                b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"0\r\nX: %b" % (b"x" * 30_000),
                431,
            ),
        ],
        ids=lambda value: value[:60] if isinstance(value, bytes) else None,
    )
    def test_what_is_malformed_or_too_large_is_refused_as_json_and_closed(
        self, raw: bytes, status: int
    ) -> None:
        async def test() -> None:
            async with serving(echo) as (server, port):
                received = await read_all(port, raw)
                assert statuses(received) == [status]
                assert b"Connection: close\r\n" in received
                assert b'"message":"' in received
                assert not server.tasks

        run(test())

    def test_an_endless_header_is_refused_while_it_comes(self) -> None:
        async def test() -> None:
            async with serving(echo) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\nX: ")
                reply = asyncio.ensure_future(read_reply(reader))
                while not reply.done():
                    writer.write(b"x" * 4096)
                    await asyncio.sleep(0.001)
                assert (await reply).status == 431
                writer.close()

        run(test())

    def test_earlier_requests_are_answered_before_a_refusal(self) -> None:
        async def test() -> None:
            async def handle(request: Request) -> Response:
                await asyncio.sleep(0.01)
                return echo(request)

            async with serving(handle) as (_, port):
                assert statuses(await read_all(port, GET + b"nonsense\r\n\r\n")) == [200, 400]

        run(test())

    def test_a_request_that_does_not_arrive_is_refused(self) -> None:
        async def test() -> None:
            async with serving(echo, replace(QUICK, receive_seconds=0.01)) as (_, port):
                assert statuses(await read_all(port, b"GET /a HTTP/1.1\r\n")) == [408]

        run(test())

    def test_a_request_behind_another_has_no_longer_to_arrive(self) -> None:
        async def test() -> None:
            async def handle(request: Request) -> Response:
                await asyncio.sleep(0.05)
                return echo(request)

            async with serving(handle, replace(QUICK, receive_seconds=0.01)) as (_, port):
                assert statuses(await read_all(port, GET + b"GET /a HTTP/1.1\r\n")) == [200, 408]

        run(test())

    def test_what_waits_and_what_has_not_arrived_are_bounded_together(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            large = GET[:-2] + b"X: %b\r\n\r\n" % (b"x" * 12_000)
            async with serving(handle) as (server, port):
                pieces = (GET, large, large[:-2], b"Y: " + b"y" * 4096)
                reading = asyncio.ensure_future(read_all(port, *pieces))
                await until(lambda: server.tasks)
                await asyncio.sleep(0.02)
                release.set()
                assert statuses(await reading) == [200, 200, 429]

        run(test())

    def test_an_idle_connection_is_closed(self) -> None:
        async def test() -> None:
            async with serving(echo, replace(QUICK, idle_seconds=0.01)) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                assert await reader.read() == b""
                writer.close()

        run(test())

    def test_a_client_that_does_not_read_is_disconnected(self) -> None:
        async def test() -> None:
            large = Response(200, b'"%b"' % (b"x" * 60_000))
            async with serving(lambda _: large, replace(QUICK, send_seconds=0.01)) as (
                server,
                port,
            ):
                _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
                await until(lambda: server.connections)
                while server.connections:
                    writer.write(GET * 8)
                    await asyncio.sleep(0.01)
                writer.close()

        run(test())

    def test_connections_are_bounded(self) -> None:
        async def test() -> None:
            async with serving(echo, replace(QUICK, connections=1)) as (_, port):
                _, first = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.sleep(0.01)
                assert statuses(await read_all(port)) == [503]
                first.close()
                await asyncio.sleep(0.01)
                assert (await get(port, "/a")).status == 200

        run(test())


class TestLoad:
    def test_more_requests_than_may_be_in_flight_are_shed(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            async with serving(handle, replace(QUICK, in_flight=2)) as (server, port):
                waiting = [asyncio.ensure_future(get(port, "/a")) for _ in range(2)]
                await until(lambda: not len(server.tasks) < 2)
                shed = await get(port, "/a")
                assert (shed.status, shed.headers["retry-after"]) == (503, "1")
                release.set()
                assert [(await reply).status for reply in waiting] == [200, 200]
                assert (await get(port, "/a")).status == 200

        run(test())

    def test_requests_in_flight_go_on_before_one_is_shed(self) -> None:
        """Clients that ask again at once would keep the event loop from them otherwise."""

        class Client(asyncio.Transport):
            received = b""

            def write(self, data: bytes | bytearray | memoryview) -> None:
                self.received += data

        async def test() -> None:
            release = asyncio.Event()
            answered: list[bytes] = []

            async def handle(request: Request) -> Response:
                await release.wait()
                answered.append(client.received)
                return echo(request)

            async with serving(handle, replace(QUICK, in_flight=1)) as (server, port):
                waiting = asyncio.ensure_future(get(port, "/a"))
                await until(lambda: server.tasks)
                client, connection = Client(), Connection(server)
                release.set()
                connection.connection_made(client)
                connection.data_received(GET)
                await until(lambda: client.received)
                connection.connection_lost(None)
                await waiting
            assert answered == [b""]
            assert statuses(client.received) == [503]

        run(test())

    def test_a_request_whose_client_is_gone_is_still_counted_off(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            async with serving(handle) as (server, port):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GET)
                await until(lambda: server.tasks)
                reset(writer)
                await until(lambda: not server.connections)
                assert len(server.tasks) == 1
                release.set()
                await until(lambda: not server.tasks)

        run(test())

    @pytest.mark.parametrize("late", [False, True])
    def test_a_fault_in_a_handler_is_a_500_without_its_text(self, *, late: bool) -> None:
        async def fail() -> Response:
            raise LookupError("private")

        def handle(_request: Request) -> Coroutine[Any, Any, Response]:
            if late:
                return fail()
            raise LookupError("private")

        reply = reply_to(GET, handle)
        assert (reply.status, reply.json["message"]) == (500, "internal error")


class TestDraining:
    def test_open_connections_are_served_once_more_and_closed(self) -> None:
        async def test() -> None:
            async with serving(echo) as (server, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GET)
                await read_reply(reader)
                draining = asyncio.ensure_future(server.drain(0.05, 1))
                await asyncio.sleep(0.01)
                assert not draining.done()
                writer.write(GET)
                reply = await read_reply(reader)
                assert (reply.status, reply.headers["connection"]) == (200, "close")
                assert await reader.read() == b""
                writer.close()
                assert (await get(port, "/a")).status == 200
                await draining

        run(test())

    def test_a_request_in_flight_is_waited_for(self) -> None:
        async def test() -> None:
            release = asyncio.Event()

            async def handle(request: Request) -> Response:
                await release.wait()
                return echo(request)

            async with serving(handle) as (server, port):
                reply = asyncio.ensure_future(get(port, "/a"))
                await until(lambda: server.tasks)
                draining = asyncio.ensure_future(server.drain(0, 1))
                await asyncio.sleep(0.05)
                assert not draining.done()
                release.set()
                assert (await reply).status == 200
                await draining

        run(test())

    def test_health_checks_do_not_hold_it_up(self) -> None:
        async def test() -> None:
            healthy = Response(200, b"{}", is_health=True)
            async with serving(lambda _: healthy) as (server, port):

                async def probe() -> None:
                    while True:
                        assert (await get(port, "/healthz/live")).status == 200

                probing = asyncio.ensure_future(probe())
                await server.drain(0.1, 60)
                probing.cancel()

        run(test())

    def test_it_ends_with_the_grace_period_under_constant_load(self) -> None:
        async def test() -> None:
            async with serving(echo) as (server, port):

                async def load() -> None:
                    while True:
                        assert (await get(port, "/a")).status == 200

                loading = asyncio.ensure_future(load())
                await server.drain(10, 0.1)
                loading.cancel()

        run(test())
