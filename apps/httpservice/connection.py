"""One client's connection: HTTP/1.1 parsed within limits, its requests answered in turn."""

import asyncio
import math
import string
import time
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

import httptools

from httpservice.message import REASONS, Request, Response, error

if TYPE_CHECKING:
    from httpservice.server import Server

_LINGER_SECONDS = 2.0
_LINE_OVERHEAD = len(b": \r\n")
# What a header takes up in memory besides its bytes, roughly.
_HEADER_OVERHEAD = 64
# More at once is parsed bit by bit: a request that is too large is refused within so many bytes.
_PIECE = 4096
# RFC 3986, section 3.2: what a host and its port consist of.
_IN_HOST = (string.ascii_letters + string.digits + "-._~%!$&'()*+,;=:[]").encode()
_UNEXPECTED = error(417, "Expect is not supported")


class Connection(asyncio.Protocol):
    """One client's connection, answering its requests one after another.

    Attributes:
        deadline: `loop.time()` after which the client has taken too long.
    """

    __slots__ = (
        "_body_size",
        "_ending",
        "_half_closed",
        "_head_size",
        "_headers",
        "_held",
        "_in_chunks",
        "_parser",
        "_paused",
        "_queue",
        "_received",
        "_receiving",
        "_refusal",
        "_server",
        "_target",
        "_task",
        "_transport",
        "deadline",
    )

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._queue: deque[Request | Response] = deque()
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._ending = False
        self._half_closed = False
        self._receiving = False
        self._refusal: Response | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._body_size = 0
        self._in_chunks = False
        self._received = 0
        self._held = 0
        self.deadline = math.inf

    # The transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection up, or turn it away where there are too many."""
        server = self._server
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self.deadline = server.loop.time() + server.limits.idle_seconds
        server.connections.add(self)
        if len(server.connections) > server.limits.connections:
            self._refuse(error(503, "too many connections", headers=b"Retry-After: 1\r\n"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Let the connection go; a request in flight finishes unheard."""
        self._server.connections.discard(self)
        self._transport = None
        self._parser = None
        self._ending = True
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        """Parse what came, which answers the requests it completes."""
        if len(data) <= _PIECE:
            self._parse(data)
            return
        for begin in range(0, len(data), _PIECE):
            self._parse(data[begin : begin + _PIECE])

    def eof_received(self) -> bool:
        """Answer what came whole, though its client sends no more, and close after that."""
        self._half_closed = True
        return self._task is not None or bool(self._queue)

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not take its responses."""
        self._paused = True
        self.deadline = self._server.loop.time() + self._server.limits.send_seconds
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on once the client has taken them."""
        self._paused = False
        self.deadline = self._server.loop.time() + self._patience()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._next()

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Start on a request."""
        self._receiving = True
        self._target = b""
        self._headers = {}
        self._head_size = 0
        self._body_size = 0
        self._in_chunks = False
        self._received = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url
        if len(self._target) > self._server.limits.target:
            limit = self._server.limits.target
            self._refusal = error(414, f"the request's target is longer than {limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers are discarded, as the body before them is."""
        if self._refusal is not None or self._in_chunks:
            return
        headers = self._headers
        name = name.lower()
        self._head_size += len(name) + len(value) + _LINE_OVERHEAD
        if name in headers:
            if name == b"host":
                self._refusal = error(400, "more than one Host header")
            joint = b"; " if name == b"cookie" else b", "
            value = headers[name] + joint + value
        headers[name] = value
        limits = self._server.limits
        if self._head_size > limits.head or len(headers) > limits.headers:
            self._refusal = error(431, f"headers over {limits.head} bytes or {limits.headers}")

    def on_chunk_header(self) -> None:
        """Note that the headers are over: what is called one from now on is a trailer."""
        self._in_chunks = True

    def on_body(self, body: bytes) -> None:
        """Discard a piece of the body, up to the limit."""
        self._body_size += len(body)
        if self._body_size > self._server.limits.body:
            self._refusal = self._too_long()

    def on_message_complete(self) -> None:
        """Answer the request, or queue it behind the one in flight."""
        self._receiving = False
        if self._ending or self._refusal is not None or self._parser is None:
            return
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        self._refusal = _fault(version, headers)
        if self._refusal is not None:
            return
        request = Request(
            parser.get_method(),
            _path(self._target),
            headers,
            keep_alive=parser.should_keep_alive() and not parser.should_upgrade(),
            is_http_1_0=version == "1.0",
            started=time.perf_counter(),
            size=len(self._target) + self._head_size + len(headers) * _HEADER_OVERHEAD,
        )
        if self._task is not None or self._paused or self._queue:
            limits = self._server.limits
            if len(self._queue) >= limits.pipelined or self._held + request.size > limits.head:
                self._refusal = _too_many()
                return
            self._held += request.size
            self._queue.append(request)
        else:
            self._start(request)

    # What the server does with them

    def expire(self) -> None:
        """End a connection whose client has taken too long."""
        if self._receiving and not self._ending:
            self._refuse(error(408, "the request did not arrive in time"))
        elif self._transport is not None and (self._ending or self._paused):
            self._transport.abort()
        else:
            self.close()

    def close(self) -> None:
        """End the connection once what has been written is sent."""
        self._ending = True
        if self._transport is not None:
            self._transport.close()

    def _parse(self, data: bytes) -> None:
        if self._ending or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the request has been answered as if it had asked for no upgrade
        except httptools.HttpParserError:
            if not self._ending:
                self._refusal = self._refusal or error(400, "malformed HTTP request")
        if self._receiving:
            self._check_unfinished(len(data))
        if self._refusal is not None:
            self._refuse(self._refusal)

    def _check_unfinished(self, size: int) -> None:
        limits = self._server.limits
        if not self._received and self._task is None:
            self.deadline = self._server.loop.time() + limits.receive_seconds
        self._received += size
        # What the parser holds of a header that isn't whole is known by this alone.
        held = self._held + self._received - self._body_size
        length = self._headers.get(b"content-length", b"").lstrip(b"0")
        if held > limits.target + limits.head + _PIECE:
            large = error(431, "the request is too large")
            self._refusal = self._refusal or (_too_many() if self._held else large)
        elif length.isdigit() and (len(length) > 9 or int(length) > limits.body):  # noqa: PLR2004
            self._refusal = self._too_long()
        elif b"expect" in self._headers:
            self._refusal = _UNEXPECTED

    def _patience(self) -> float:
        limits = self._server.limits
        return limits.receive_seconds if self._receiving else limits.idle_seconds

    def _too_long(self) -> Response:
        return error(413, f"the request's body is longer than {self._server.limits.body} bytes")

    def _refuse(self, response: Response) -> None:
        self._refusal = None
        self._receiving = False
        self._ending = True
        self._parser = None
        self._headers = {}
        self._queue.append(response)
        if self._task is None:
            self._next()

    def _start(self, request: Request) -> None:
        server = self._server
        try:
            answer = server.handler(request)
        except Exception as failure:  # noqa: BLE001 - a fault of ours must not end the connection
            self._answer(request, self._blame(failure))
            return
        if isinstance(answer, Response):
            self._answer(request, answer)
            return
        self._held += request.size
        if len(server.tasks) >= server.limits.in_flight:
            answer.close()
            # Not at once: the event loop would answer nothing but clients that ask again and again.
            self._task = server.loop.create_task(self._run(request, _shed()))
        else:
            self.deadline = math.inf
            self._task = server.loop.create_task(
                self._run(request, answer), context=request.context
            )
            server.tasks.add(self._task)

    async def _run(self, request: Request, answer: Coroutine[Any, Any, Response]) -> None:
        try:
            response = await answer
        except Exception as failure:  # noqa: BLE001 - a fault of ours must not end the connection
            response = self._blame(failure)
        finally:
            self._server.tasks.discard(cast("asyncio.Task[None]", self._task))
            self._task = None
            self._held -= request.size
        self._answer(request, response)
        self._next()

    def _blame(self, failure: Exception) -> Response:
        self._server.log.event("error", "handler failed", error=repr(failure))
        return error(500, "internal error")

    def _next(self) -> None:
        while self._queue and self._task is None and not self._paused:
            item = self._queue.popleft()
            if isinstance(item, Request):
                self._held -= item.size
                self._start(item)
            else:
                self._write(item, b"Connection: close\r\n")
                self._linger()

    def _answer(self, request: Request, response: Response) -> None:
        server = self._server
        now = server.loop.time()
        if not response.is_health:
            server.last_request = now
        if self._transport is not None:
            is_last = (server.draining or self._half_closed) and not self._queue
            if is_last or not request.keep_alive:
                self._ending = True
                self._write(
                    response, b"Connection: close\r\n", without_body=request.method == b"HEAD"
                )
                self._transport.close()
            else:
                connection = b"Connection: keep-alive\r\n" if request.is_http_1_0 else b""
                self.deadline = now + self._patience()
                self._write(response, connection, without_body=request.method == b"HEAD")
        server.log.request(request, response)
        if request.ended is not None:
            request.ended(response)

    def _write(self, response: Response, connection: bytes, *, without_body: bool = False) -> None:
        if self._transport is None:
            return
        status, body, headers = response[:3]
        self._transport.write(
            b"HTTP/1.1 %d %b\r\n%bContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n%b%b\r\n%b"
            % (
                status,
                REASONS[status],
                self._server.date,
                len(body),
                headers,
                connection,
                b"" if without_body else body,
            )
        )

    def _linger(self) -> None:
        """Let the client read the refusal: closing with unread data would reset the connection."""
        self.deadline = self._server.loop.time() + _LINGER_SECONDS
        if self._transport is not None:
            self._transport.write_eof()


async def _shed() -> Response:
    return error(503, "too many requests in flight", headers=b"Retry-After: 1\r\n")


def _too_many() -> Response:
    return error(429, "too many pipelined requests")


def _fault(version: str, headers: dict[bytes, bytes]) -> Response | None:
    """Say what is wrong with a whole request; None where nothing is."""
    if version not in ("1.1", "1.0"):
        return error(400, "HTTP/1.1 and HTTP/1.0 are supported")
    host = headers.get(b"host")
    if host is None and version == "1.1":
        return error(400, "no Host header")
    if host is not None and host.rstrip(b" \t").translate(None, _IN_HOST):
        return error(400, "malformed Host header")
    if b"transfer-encoding" in headers and version == "1.0":
        return error(400, "HTTP/1.0 has no Transfer-Encoding")  # RFC 9112, section 6.1
    return _UNEXPECTED if b"expect" in headers else None


def _path(target: bytes) -> bytes:
    """Give the path of an origin-form or absolute-form target, without its query."""
    target = target.partition(b"?")[0]
    if target.startswith(b"/"):
        return target
    _, scheme, rest = target.partition(b"://")
    return b"/" + rest.partition(b"/")[2] if scheme else target
