import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from httpservice.environment import Environment
from httpservice.testing import until, unused_port
from httpservice.upstream import MAX_BODY_BYTES, Answer, Failure, Upstream
from petmesh.rehearsal.faulty import (
    Connection,
    Conversation,
    FaultyServer,
    resetting,
    response,
    sending,
    silent,
)


@asynccontextmanager
async def upstream(
    address: str, *, seconds: float = 2, proxy: str = ""
) -> AsyncGenerator[Upstream]:
    settings = Environment({"U": address, "P": proxy})
    url = settings.required_url("U", "")
    async with Upstream(
        url, timeout=seconds, proxy=settings.url("P", ""), user_agent="tests"
    ) as client:
        yield client


@asynccontextmanager
async def talking(
    converse: Conversation, seconds: float = 2
) -> AsyncGenerator[tuple[FaultyServer, Upstream]]:
    async with FaultyServer(converse) as peer, upstream(peer.url, seconds=seconds) as client:
        yield peer, client


async def outcome_of(converse: Conversation, seconds: float = 2) -> Answer | Failure:
    async with talking(converse, seconds) as (_, client):
        return await client.get("/a")


def then_close(answer: bytes) -> Conversation:
    async def converse(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)

    return converse


class TestRequests:
    async def test_a_request_names_host_caller_and_what_it_accepts(self) -> None:
        async with talking(sending(response(b"{}"))) as (peer, client):
            await client.get("/pet/1", {"x-a": "b"})
            assert peer.requests == [
                (
                    b"GET /pet/1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n"
                    b"Accept-Encoding: identity\r\nUser-Agent: tests\r\nx-a: b\r\n\r\n" % peer.port
                )
            ]

    @pytest.mark.parametrize(
        ("base", "path", "target"),
        [
            ("", "", b"/"),
            ("/", "/pet/1", b"/pet/1"),
            ("/api/", "/pet/1", b"/api/pet/1"),
            ("/v1/images?limit=1", "", b"/v1/images?limit=1"),
            ("?limit=1", "", b"/?limit=1"),
        ],
    )
    async def test_paths_are_below_the_address(self, base: str, path: str, target: bytes) -> None:
        async with (
            FaultyServer(sending(response(b"{}"))) as peer,
            upstream(peer.url + base) as client,
        ):
            await client.get(path)
            assert peer.requests[0].startswith(b"GET %b HTTP/1.1\r\n" % target)

    async def test_a_proxy_gets_the_absolute_address_and_the_upstreams_host(self) -> None:
        async with (
            FaultyServer(sending(response(b"{}"))) as peer,
            upstream("http://petdetailsservice:9081", proxy=peer.url) as client,
            upstream("http://api.example/v1?q=1", proxy=peer.url) as whole,
        ):
            await client.get("/pet/1/details")
            await whole.get()
            details, dog = peer.requests
            assert details.startswith(
                b"GET http://petdetailsservice:9081/pet/1/details HTTP/1.1\r\n"
                b"Host: petdetailsservice:9081\r\n"
            )
            assert dog.startswith(
                b"GET http://api.example/v1?q=1 HTTP/1.1\r\nHost: api.example\r\n"
            )


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "status", "body"),
        [
            (response(b'{"a":1}'), 200, b'{"a":1}'),
            (response(b"no", status="503 Service Unavailable"), 503, b"no"),
            (
                (
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"2\r\n{}\r\n3;ext=1\r\n   \r\n0\r\nTrailer: x\r\n\r\n"
                ),
                200,
                b"{}   ",
            ),
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
            (b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"{}"), 200, b"{}"),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(b"{}"), 200, b"{}"),
            (response(b"x" * MAX_BODY_BYTES), 200, b"x" * MAX_BODY_BYTES),
        ],
        ids=lambda value: value[:40] if isinstance(value, bytes) else None,
    )
    async def test_an_answer_is_read_whole_and_its_connection_used_again(
        self, answer: bytes, status: int, body: bytes
    ) -> None:
        async with talking(sending(answer)) as (peer, client):
            for _ in range(3):
                outcome = await client.get("/a")
                assert isinstance(outcome, Answer)
                assert (outcome.status, outcome.body) == (status, body)
                assert outcome.milliseconds >= 0
            assert (len(peer.requests), peer.connections) == (3, 1)

    async def test_an_answer_may_arrive_byte_by_byte(self) -> None:
        async def converse(connection: Connection) -> None:
            await connection.request()
            for (
                byte
            ) in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n":
                await connection.send(bytes([byte]))

        assert (await outcome_of(converse))[:2] == (200, b"{}")

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\n\r\n{}",
            b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        ],
    )
    async def test_an_answer_may_end_with_its_connection(self, answer: bytes) -> None:
        assert (await outcome_of(then_close(answer)))[:2] == (200, b"{}")

    async def test_a_connection_that_the_answer_ends_is_not_used_again(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        async with talking(sending(answer)) as (peer, client):
            for _ in range(3):
                assert (await client.get("/a"))[:2] == (200, b"{}")
            assert peer.connections == 3


class TestPool:
    async def test_requests_at_the_same_time_use_a_connection_each_and_keep_them(self) -> None:
        async with talking(sending(response(b"{}"))) as (peer, client):
            for _ in range(3):
                await asyncio.gather(*(client.get("/a") for _ in range(5)))
            assert (len(peer.requests), peer.connections) == (15, 5)

    @pytest.mark.parametrize("by_reset", [False, True])
    async def test_a_pooled_connection_found_closed_is_replaced(self, *, by_reset: bool) -> None:
        async def converse(connection: Connection) -> None:
            await connection.request()
            await connection.send(response(b"{}"))
            await connection.reader.readuntil(b"\r\n\r\n")
            if by_reset:
                connection.reset()

        async with talking(converse) as (peer, client):
            for _ in range(3):
                assert (await client.get("/a"))[:2] == (200, b"{}")
            assert (len(peer.requests), peer.connections) == (3, 3)

    async def test_a_connection_that_is_closed_at_once_is_replaced_once(self) -> None:
        async with talking(then_close(b"")) as (peer, client):
            outcome = await client.get("/a")
            assert isinstance(outcome, Failure)
            assert (outcome.code, peer.connections) == ("ECONNRESET", 2)

    async def test_a_connection_closed_while_idle_costs_the_next_request_nothing(self) -> None:
        async with talking(then_close(response(b"{}"))) as (peer, client):
            for number in range(3):
                assert (await client.get("/a"))[:2] == (200, b"{}")
                await until(lambda: peer.closed > number)  # noqa: B023 - at once
            assert peer.connections == 3

    async def test_an_answer_nobody_asked_for_is_never_given_to_the_next_request(self) -> None:
        async with talking(sending(response(b"{}") + response(b'{"evil":1}'))) as (
            peer,
            client,
        ):
            for _ in range(3):
                assert (await client.get("/a"))[:2] == (200, b"{}")
            assert peer.connections == 3

    async def test_data_on_an_idle_connection_closes_it(self) -> None:
        sent = asyncio.Event()

        async def converse(connection: Connection) -> None:
            await connection.request()
            await connection.send(response(b"{}"))
            await sent.wait()
            await connection.send(response(b'{"evil":1}'))
            await connection.reader.read()

        async with talking(converse) as (peer, client):
            await client.get("/a")
            sent.set()
            await until(lambda: peer.closed)
            assert (await client.get("/a"))[:2] == (200, b"{}")
            assert peer.connections == 2


class TestFailures:
    @pytest.mark.parametrize(
        ("converse", "code"),
        [
            (resetting, "ECONNRESET"),
            (then_close(b""), "ECONNRESET"),
            (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), "ECONNRESET"),
            (
                then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}"),
                "ECONNRESET",
            ),
            (then_close(b"HTTP/1.1 200 OK\r\nContent-"), "ECONNRESET"),
            (sending(b"SSH-2.0-OpenSSH_9.2\r\n"), "EPROTO"),
            (sending(b"HTTP/1.1 abc\r\n\r\n"), "EPROTO"),
            (sending(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "EPROTO"),
            (sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "EPROTO"),
            (sending(response(b"x" * (MAX_BODY_BYTES * 2))), "EPROTO"),
            (sending(b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n" % (b"x" * 200_000)), "EPROTO"),
        ],
    )
    async def test_no_usable_answer_is_a_failure_with_a_code(
        self, converse: Conversation, code: str
    ) -> None:
        outcome = await outcome_of(converse)
        assert isinstance(outcome, Failure)
        assert outcome.code == code

    async def test_a_connection_refused(self) -> None:
        async with upstream(f"http://127.0.0.1:{await unused_port()}") as client:
            outcome = await client.get("/a")
        assert isinstance(outcome, Failure)
        assert outcome.code == "ECONNREFUSED"

    async def test_a_name_that_does_not_resolve(self) -> None:
        async with upstream("http://no-such-host.invalid") as client:
            outcome = await client.get("/a")
        assert isinstance(outcome, Failure)
        assert outcome.code in ("ENOTFOUND", "EAI_AGAIN")

    @pytest.mark.parametrize(
        "converse",
        [silent, sending(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")],
    )
    async def test_a_deadline_ends_the_exchange_and_its_connection(
        self, converse: Conversation
    ) -> None:
        async with talking(converse, 0.05) as (peer, client):
            for number in (1, 2):
                outcome = await client.get("/a")
                assert isinstance(outcome, Failure)
                assert outcome.code == "ETIMEDOUT"
                assert outcome.milliseconds >= 40
                assert peer.connections == number

    async def test_a_deadline_holds_for_an_answer_that_trickles(self) -> None:
        async def converse(connection: Connection) -> None:
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
            while True:
                await connection.send(b"x")
                await asyncio.sleep(0.005)

        outcome = await outcome_of(converse, 0.05)
        assert isinstance(outcome, Failure)
        assert outcome.code == "ETIMEDOUT"
