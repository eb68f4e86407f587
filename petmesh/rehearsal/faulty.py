"""Servers that answer wrongly: each conversation is one fault."""

import asyncio
import contextlib
import itertools
import math
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

from petmesh.host.ports import LOOPBACK

# Talks over one connection; the bytes are the body of a sound answer.
Conversation = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_FILLER = b"x" * 4096
_TRICKLE_SECONDS = 0.2


class FaultyServer:
    """Holds one conversation over every connection, until it is stopped.

    Args:
        converse: the fault.
        body: of a sound answer, in JSON.
        context: for TLS, where it is spoken.
    """

    def __init__(
        self, converse: Conversation, body: bytes, context: ssl.SSLContext | None = None
    ) -> None:
        self._converse = converse
        self._body = body
        self._context = context
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen on a port of the loopback address.

        Raises:
            OSError: it can't.
        """
        self._server = await asyncio.start_server(self._talk, LOOPBACK, port)

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        if talk is not None:
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                # Not the server's own TLS, which hides connections until their handshake is over:
                # those would come into being after `stop`.
                if self._context is not None:
                    await writer.start_tls(self._context)
                await self._converse(self._body, reader, writer)
        finally:
            writer.transport.abort()


def late(seconds: float) -> Conversation:
    """Answer soundly, but so many seconds after each request."""

    async def converse(
        body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await _request(reader)
            await asyncio.sleep(seconds)
            writer.write(_answer(body))

    return converse


def forgetful(seconds: float) -> Conversation:
    """Answer soundly, but reset a connection that was idle so long as soon as it is asked again.

    So it looks to a client whose request crosses the server's close on the way.
    """

    async def converse(
        body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        forgets = math.inf
        while True:
            await _request(reader)
            if clock() > forgets:
                _reset(writer)
                return
            writer.write(_answer(body))
            forgets = clock() + seconds

    return converse


def answering(status: str) -> Conversation:
    """Answer each request with a status such as `500 Internal Server Error`."""

    async def converse(
        _body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await _request(reader)
            writer.write(_answer(b'{"error":"injected fault"}', status))

    return converse


async def silent(_body: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take requests and never answer."""
    await reader.read()


async def resetting(
    _body: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Reset each connection as soon as it is made."""
    _reset(writer)


async def reset_midway(
    body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Reset the connection in the middle of the body."""
    await _request(reader)
    writer.write(_answer(body)[: -len(body) // 2])
    await writer.drain()
    # Unread bytes would be lost in a reset: the caller is to see half of the answer first.
    await asyncio.sleep(0.01)
    _reset(writer)


async def not_http(
    _body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer in another protocol."""
    await _request(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await reader.read()


async def half_json(
    body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer 200 with JSON that breaks off, its length as stated."""
    while True:
        await _request(reader)
        writer.write(_answer(body[: len(body) // 2]))


async def shorter_than_stated(
    body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """State a greater length than the body has, and close the connection after it."""
    await _request(reader)
    writer.write(_answer(body, length=len(body) + 1))
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def longer_than_stated(
    body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """State a smaller length than the body has."""
    await _request(reader)
    writer.write(_answer(body, length=len(body) // 2))
    await reader.read()


async def endless_body(
    _body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Begin an answer without a stated length, and never end it."""
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not writer.transport.is_closing():
        await _send(writer, _FILLER)


async def endless_headers(
    _body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send header after header."""
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        if writer.transport.is_closing():
            return
        await _send(writer, b"x-filler-%d: %b\r\n" % (number, _FILLER))


async def trickling(
    body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send a sound answer, the body byte by byte, five of them a second."""
    await _request(reader)
    whole = _answer(body)
    writer.write(whole[: -len(body)])
    for byte in body:
        writer.write(bytes([byte]))
        await asyncio.sleep(_TRICKLE_SECONDS)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    # Where nothing has to be waited for, drain lets nobody else run.
    await asyncio.sleep(0)


async def _request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


def _answer(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body) if length is None else length,
        body,
    )


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
