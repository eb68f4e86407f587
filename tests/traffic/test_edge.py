"""The ingress with difficult clients: slow ones, many of them, and unusual requests."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus

import pytest

from demo.scenes.http_client import request_ingress
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.envoy_filter import ConnectionManagerPatch, EnvoyFilter
from petmesh.mesh.mesh import Mesh
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

HOST = "pets.localhost"
PATH = "/pet/123"
HEAD = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n"
# Each far from the next, so that it is plain which one ended a connection.
HEAD_SECONDS, REQUEST_SECONDS, IDLE_SECONDS = 0.5, 1.5, 3.0
# An idle connection that was used is drained for 5 s more (`drain_timeout`) before it is closed.
SOON = 30
CONNECTIONS = 5
CLOSED = ""


def hurried(mesh: Mesh) -> Mesh:
    """The mesh with the ingress's times in fractions of what is declared."""
    return replace(mesh, envoy_filters=tuple(_hurried(each) for each in mesh.envoy_filters))


def _hurried(declared: EnvoyFilter) -> EnvoyFilter:
    [patch] = declared.spec.config_patches
    if not isinstance(patch, ConnectionManagerPatch):
        return declared
    manager = patch.patch.value
    protocol = manager.typed_config.common_http_protocol_options
    assert protocol is not None
    settings = manager.typed_config.model_copy(
        update={
            "request_headers_timeout": f"{HEAD_SECONDS}s",
            "request_timeout": f"{REQUEST_SECONDS}s",
            "common_http_protocol_options": protocol.model_copy(
                update={"idle_timeout": f"{IDLE_SECONDS}s"}
            ),
        }
    )
    merged = patch.patch.model_copy(
        update={"value": manager.model_copy(update={"typed_config": settings})}
    )
    spec = declared.spec.model_copy(
        update={"config_patches": (patch.model_copy(update={"patch": merged}),)}
    )
    return declared.model_copy(update={"spec": spec})


@pytest.fixture
def hurry(live: Live) -> Iterator[None]:
    live.run(live.session.runtime.apply(hurried(live.session.runtime.mesh)))
    yield
    live.run(live.session.change({}))


@asynccontextmanager
async def connected(
    live: Live,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port = live.session.runtime.origin.port
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_closed(reader: asyncio.StreamReader) -> str:
    """All that comes until the connection ends, which it must within seconds."""
    came = b""
    with suppress(ConnectionResetError):
        while more := await asyncio.wait_for(reader.read(4096), SOON):
            came += more
    return came.decode()


async def say(live: Live, text: str) -> str:
    """Send the beginning of a request, and nothing more."""
    async with connected(live) as (reader, writer):
        writer.write(text.encode())
        return await until_closed(reader)


async def status(live: Live, text: str) -> int:
    """The status that a whole request is answered with, once it is done."""
    async with connected(live) as (reader, writer):
        writer.write(text.encode())
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON)
            answered = int(head.split()[1])
            if answered != HTTPStatus.CONTINUE:
                return answered


# Slow clients


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("part", ["GET", f"GET {PATH} HTTP/1.1\r\n", HEAD, f"{HEAD}x-a: "])
def test_half_a_head_is_answered_408_and_the_connection_closed(live: Live, part: str) -> None:
    assert live.run(say(live, part)).startswith("HTTP/1.1 408 ")


@pytest.mark.usefixtures("hurry")
def test_a_head_that_trickles_is_answered_408_and_the_connection_closed(live: Live) -> None:
    async def trickle() -> str:
        async with connected(live) as (reader, writer):
            answer = asyncio.ensure_future(until_closed(reader))
            for byte in HEAD:
                if answer.done():
                    break
                writer.write(byte.encode())
                await asyncio.sleep(HEAD_SECONDS / 5)
            return await answer

    assert live.run(trickle()).startswith("HTTP/1.1 408 ")


@pytest.mark.usefixtures("hurry")
def test_a_body_that_never_ends_holds_no_connection(live: Live) -> None:
    answer = live.run(say(live, f"{HEAD}Content-Length: 100\r\n\r\nabc"))
    assert answer.startswith(("HTTP/1.1 200 ", "HTTP/1.1 408 "))


@pytest.mark.usefixtures("hurry")
def test_a_connection_without_a_request_is_closed(live: Live) -> None:
    assert live.run(say(live, "")) == CLOSED
    answer = live.run(say(live, f"{HEAD}\r\n"))
    assert answer.startswith("HTTP/1.1 200 ")


def test_without_the_times_half_a_head_holds_its_connection(live: Live) -> None:
    async def wait() -> None:
        async with connected(live) as (reader, writer):
            writer.write(HEAD.encode())
            await asyncio.wait_for(reader.read(), 4 * HEAD_SECONDS)

    live.run(live.session.runtime.apply(replace(live.session.runtime.mesh, envoy_filters=())))
    with pytest.raises(TimeoutError):
        live.run(wait())
    live.run(live.session.change({}))


# Many clients


def test_connections_over_the_limit_are_closed_and_those_within_it_served(live: Live) -> None:
    async def fill() -> tuple[list[bytes], bytes]:
        port = live.session.runtime.origin.port
        open_ = [await asyncio.open_connection(LOOPBACK, port) for _ in range(CONNECTIONS)]
        # All of them are there before one more comes.
        for _, writer in open_:
            writer.write(f"{HEAD}\r\n".encode())
        answers = [await reader.readline() for reader, _ in open_]
        try:
            async with connected(live) as (reader, writer):
                writer.write(f"{HEAD}\r\n".encode())
                over = await reader.read()
        except ConnectionResetError:
            over = b""
        for _, writer in open_:
            writer.close()
        return answers, over

    live.run(live.session.change({"ingressConnections": str(CONNECTIONS)}))
    answers, over = live.run(fill())
    # Those that were held are closed: others take their place.
    live.run(asyncio.sleep(0.5))
    again = live.run(request_ingress(live.session.runtime.origin, PATH))
    live.run(live.session.change({}))
    assert answers == [b"HTTP/1.1 200 OK\r\n"] * CONNECTIONS
    assert over == b""
    assert again is not None
    assert again.status == 200


# Unusual requests


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        (f"{HOST}.", 200),
        (f"{HOST}.:8080", 200),
        (f"{HOST}..", 404),
        (HOST.upper(), 200),
        (f"{HOST}:80", 200),
        (f"{HOST}:65535", 200),
        (f"other.{HOST}", 404),
        (f"{HOST}.example", 404),
        ("", 404),
        (f"{HOST}, {HOST}", 400),
        (f"{HOST}\r\nHost: {HOST}", 404),
        (f"{HOST}\r\nHost: other.example", 404),
    ],
)
def test_a_host_is_answered_however_it_is_written_and_no_other_is(
    live: Live, host: str, answered: int
) -> None:
    assert live.run(status(live, f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\n\r\n")) == answered


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (f"GET {PATH} HTTP/1.0\r\nHost: {HOST}\r\n\r\n", 200),
        (f"GET {PATH} HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n", 200),
        # A request without a name is for nobody; only the first version of HTTP lets it be.
        (f"GET {PATH} HTTP/1.0\r\n\r\n", 400),
        (f"GET {PATH} HTTP/1.1\r\n\r\n", 400),
        (f"GET {PATH}\r\n", 400),
        # The target's name counts, and not the header's:
        # https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
        (f"GET http://{HOST}{PATH} HTTP/1.1\r\nHost: other.example\r\n\r\n", 200),
        (f"GET http://other.example{PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 404),
        (f"{HEAD}Expect: 100-continue\r\n\r\n", 200),
        (f"OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 404),
        (f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n\r\n", 403),
        (f"TRACE {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 403),
        # Two lengths, or a length and chunks, are how requests are smuggled.
        (f"{HEAD}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (f"{HEAD}Content-Length: 0\r\nContent-Length: 1\r\n\r\n", 400),
        (f"{HEAD}x-a: {'a' * 70_000}\r\n\r\n", 431),
    ],
)
def test_an_unusual_request_is_answered_or_refused(
    live: Live, request_: str, answered: int
) -> None:
    assert live.run(status(live, request_)) == answered
