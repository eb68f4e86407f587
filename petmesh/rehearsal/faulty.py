"""A test server that responds as it is told to: soundly, wrongly, late, or not at all.

The rehearsal puts it in the place of a pod's process or of an outside host; the services' tests use
it as an upstream. Each conversation is one behaviour over one connection.
"""

import asyncio
import contextlib
import itertools
import math
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from petmesh.host.ports import LOOPBACK

_FILLER = b"x" * 4096
_TRICKLE_SECONDS = 0.2


class FaultyServer:
    """A server on loopback that has one conversation over every connection, until it is stopped.

    Args:
        converse: the conversation.
        body: the body of a sound response.
        context: for TLS; None for plain HTTP.

    Attributes:
        port: where it listens.
        requests: the heads of the requests, as the conversation read them.
        connections: the number of connections so far.
        closed: the number of those that have ended.
    """

    def __init__(
        self, converse: "Conversation", body: bytes = b"{}", context: ssl.SSLContext | None = None
    ) -> None:
        self.body = body
        self.port = 0
        self.requests: list[bytes] = []
        self.connections = self.closed = 0
        self._converse = converse
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The server's URL, of plain HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen on a port of the loopback address, by default on any free one.

        Raises:
            OSError: the port can't be used.
        """
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                # Not the server's own TLS, which hides connections until their handshake is over:
                # those would be established after `stop`.
                if self._context is not None:
                    await writer.start_tls(self._context)
                await self._converse(Connection(self, reader, writer))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            self.closed += 1
            writer.transport.abort()


@dataclass(frozen=True)
class Connection:
    """A client's connection to a faulty server."""

    server: FaultyServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Return the head of the next request, and record it.

        Raises:
            EOFError: the client has closed the connection.
        """
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.server.requests.append(head)
        return head

    async def send(self, data: bytes) -> None:
        """Send data, and let other connections proceed.

        Raises:
            OSError: the client has closed the connection.
        """
        self.writer.write(data)
        await self.writer.drain()
        # If the data fits the buffer, drain returns without yielding to the event loop.
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Reset the connection (TCP RST)."""
        reset(self.writer)

    @property
    def sound(self) -> bytes:
        """A sound response."""
        return response(self.server.body)


Conversation = Callable[[Connection], Awaitable[None]]


def response(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return a response of JSON, with the body's own length unless another is given."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body) if length is None else length,
        body,
    )


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection (TCP RST)."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def sending(*responses: bytes) -> Conversation:
    """Send the next of these to each request of a connection, the last one repeatedly."""

    async def converse(connection: Connection) -> None:
        for number in itertools.count():
            await connection.request()
            await connection.send(responses[min(number, len(responses) - 1)])

    return converse


def late(seconds: float) -> Conversation:
    """Respond soundly, but only after a delay."""

    async def converse(connection: Connection) -> None:
        while True:
            await connection.request()
            await asyncio.sleep(seconds)
            await connection.send(connection.sound)

    return converse


def forgetful(seconds: float) -> Conversation:
    """Respond soundly, but reset a connection at its next request if it was idle for so long.

    A client sees the same if its request crosses the server's close on the way.
    """

    async def converse(connection: Connection) -> None:
        clock = asyncio.get_running_loop().time
        deadline = math.inf
        while True:
            await connection.request()
            if clock() > deadline:
                connection.reset()
                return
            await connection.send(connection.sound)
            deadline = clock() + seconds

    return converse


def failing(status: str) -> Conversation:
    """Respond with a status such as `500 Internal Server Error`."""
    return sending(response(b'{"error":"injected fault"}', status))


async def silent(connection: Connection) -> None:
    """Read requests and never respond."""
    await connection.request()
    await connection.reader.read()


async def resetting(connection: Connection) -> None:
    """Reset each connection as soon as it is established."""
    connection.reset()


async def reset_midway(connection: Connection) -> None:
    """Reset the connection in the middle of the body."""
    await connection.request()
    await connection.send(connection.sound[: -len(connection.server.body) // 2])
    # A reset discards unread bytes: the client is to read half of the response first.
    await asyncio.sleep(0.01)
    connection.reset()


async def not_http(connection: Connection) -> None:
    """Respond in another protocol."""
    await connection.request()
    await connection.send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await connection.reader.read()


async def half_json(connection: Connection) -> None:
    """Respond 200 with half of the JSON, and its length as stated."""
    body = connection.server.body
    while True:
        await connection.request()
        await connection.send(response(body[: len(body) // 2]))


async def shorter_than_stated(connection: Connection) -> None:
    """State a greater length than the body has, and close the connection after it."""
    await connection.request()
    body = connection.server.body
    await connection.send(response(body, length=len(body) + 1))


async def longer_than_stated(connection: Connection) -> None:
    """State a smaller length than the body has."""
    await connection.request()
    body = connection.server.body
    await connection.send(response(body, length=len(body) // 2))
    await connection.reader.read()


async def endless_body(connection: Connection) -> None:
    """Begin a response without a stated length, and never end it."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not connection.writer.transport.is_closing():
        await connection.send(_FILLER)


async def endless_headers(connection: Connection) -> None:
    """Send headers without end."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        if connection.writer.transport.is_closing():
            return
        await connection.send(b"x-filler-%d: %b\r\n" % (number, _FILLER))


async def trickling(connection: Connection) -> None:
    """Send a sound response, its body byte by byte, five of them a second."""
    await connection.request()
    body = connection.server.body
    await connection.send(connection.sound[: -len(body)])
    for byte in body:
        await connection.send(bytes([byte]))
        await asyncio.sleep(_TRICKLE_SECONDS)
