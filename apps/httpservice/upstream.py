"""GET requests to one upstream over pooled HTTP/1.1 connections, each with a deadline."""

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools

from httpservice.environment import Url
from httpservice.timeouts import CLIENT_IDLE_SECONDS

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 1024


class Answer(NamedTuple):
    """What the upstream answered, whatever its status, and how long it took."""

    status: int
    body: bytes
    milliseconds: float


class Failure(NamedTuple):
    """Why there is no answer.

    Attributes:
        code: an errno name such as ECONNREFUSED, ECONNRESET or ETIMEDOUT; ENOTFOUND where the
            name can't be resolved; EPROTO where what came isn't HTTP or is too large.
        reason: for people.
        milliseconds: how long it took to fail.
    """

    code: str
    reason: str
    milliseconds: float


class Upstream:
    """A service reached by HTTP.

    A pooled connection that the upstream closes before the first byte of an answer is replaced
    by a new one, once, as RFC 9112 section 9.3.1 allows for GET.

    Args:
        url: its address.
        timeout: seconds for a whole exchange: name, connection, answer.
        proxy: forward proxy to send absolute-form requests to, if any.
        user_agent: names the caller.

    Attributes:
        url: its address.
        observe: is told of each request's path, header lines and outcome to come, and gives the
            header lines to send.
    """

    def __init__(self, url: Url, *, timeout: float, proxy: Url | None, user_agent: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.url = url
        self.observe: Callable[[bytes, bytes, asyncio.Future[Answer | Failure]], bytes] | None
        self.observe = None
        self.timeout = timeout
        self.idle: deque[Connection] = deque()
        peer = proxy or url
        self._address = (peer.host, peer.port)
        path, mark, query = url.target.partition("?")
        origin = f"http://{url.authority}" if proxy else ""
        self._whole = f"{origin}{path or '/'}{mark}{query}".encode()
        self._base = f"{origin}{path.rstrip('/')}".encode()
        self._head = (
            f" HTTP/1.1\r\nHost: {url.authority}\r\n"
            f"Accept: application/json\r\nAccept-Encoding: identity\r\n"
            f"User-Agent: {user_agent}\r\n"
        ).encode()
        self._opening: set[asyncio.Task[None]] = set()
        self._unanswered: deque[Exchange] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def get(self, path: bytes = b"", headers: bytes = b"") -> "asyncio.Future[Answer | Failure]":
        """Ask for a path below the address, or for the address itself.

        Args:
            path: starts with a slash, percent-encoded where needed.
            headers: further header lines, each ended by CRLF.

        Returns:
            The outcome, which never is an exception and comes within the timeout.
        """
        target = self._base + path if path else self._whole
        outcome: asyncio.Future[Answer | Failure] = self.loop.create_future()
        if self.observe is not None:
            headers = self.observe(path, headers, outcome)
        exchange = Exchange(b"GET %b%b%b\r\n" % (target, self._head, headers), outcome)
        self._watch(exchange)
        idle = self.idle
        while idle:
            if idle.pop().send(exchange):
                break
        else:
            self.open(exchange)
        if idle and idle[0].idle_since < self.loop.time() - CLIENT_IDLE_SECONDS:
            idle.popleft().close()
        return outcome

    def open(self, exchange: "Exchange") -> None:
        """Send the exchange's request over a new connection."""
        task = self.loop.create_task(self._open(exchange))
        exchange.opening = task
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """Close the connections that no request uses."""
        while self.idle:
            self.idle.pop().close()

    def _watch(self, exchange: "Exchange") -> None:
        """End the exchange at its deadline.

        Every exchange has the same time, so the oldest one's deadline comes first and one timer
        does for all.
        """
        unanswered = self._unanswered
        while unanswered and unanswered[0].ended:
            unanswered.popleft()
        unanswered.append(exchange)
        if self._alarm is None:
            self._alarm = self.loop.call_later(self.timeout, self._expire)

    def _expire(self) -> None:
        unanswered = self._unanswered
        self._alarm = None
        while unanswered:
            left = unanswered[0].started + self.timeout - time.perf_counter()
            if unanswered[0].ended:
                unanswered.popleft()
            elif left > 0:
                self._alarm = self.loop.call_later(left, self._expire)
                return
            else:
                unanswered.popleft().expire(self.timeout)

    async def _open(self, exchange: "Exchange") -> None:
        connection = Connection(self)
        try:
            await self.loop.create_connection(lambda: connection, *self._address)
        except asyncio.CancelledError:
            connection.abort()
            raise
        except socket.gaierror as failure:
            code = "EAI_AGAIN" if failure.errno == socket.EAI_AGAIN else "ENOTFOUND"
            exchange.fail(code, f"{self._address[0]}: {failure.strerror}")
        except OSError as failure:
            exchange.fail(_code(failure, "ECONNREFUSED"), failure.strerror or str(failure))
        else:
            if not connection.send(exchange):
                exchange.fail("ECONNRESET", _CLOSED_EARLY)


class Exchange:
    """One request and its outcome.

    Attributes:
        opening: the task that connects, where a new connection is needed.
        connection: what carries it, once there is one.
        started: `time.perf_counter()` when it began.
        ended: whether its outcome is known.
    """

    __slots__ = ("_outcome", "connection", "ended", "opening", "request", "started")

    def __init__(self, request: bytes, outcome: "asyncio.Future[Answer | Failure]") -> None:
        self.request = request
        self.ended = False
        self._outcome: asyncio.Future[Answer | Failure] | None = outcome
        self.opening: asyncio.Task[None] | None = None
        self.connection: Connection | None = None
        self.started = time.perf_counter()

    def succeed(self, status: int, body: bytes) -> None:
        """End with an answer."""
        self._end(Answer(status, body, self._milliseconds()))

    def fail(self, code: str, reason: str) -> None:
        """End without an answer."""
        self._end(Failure(code, reason, self._milliseconds()))

    def expire(self, timeout: float) -> None:
        """End for want of time, and with it the connection."""
        connection = self.connection
        self.fail("ETIMEDOUT", f"no answer within {timeout:g} s")
        if connection is not None:
            connection.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def _end(self, result: Answer | Failure) -> None:
        outcome, self._outcome = self._outcome, None
        self.ended = True
        self.connection = None
        self.request = b""
        if outcome is not None and not outcome.done():
            outcome.set_result(result)

    def _milliseconds(self) -> float:
        return round((time.perf_counter() - self.started) * 1e3, 3)


class Connection(asyncio.Protocol):
    """One connection to the upstream, carrying one exchange at a time.

    Attributes:
        idle_since: `loop.time()` of its latest answer.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_exchange",
        "_parser",
        "_received",
        "_reusable",
        "_seen",
        "_status",
        "_transport",
        "_upstream",
        "_used",
        "idle_since",
    )

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: Exchange | None = None
        self._used = False
        self._received = 0
        self._seen = b""
        self._body: list[bytes] = []
        self._status = 0
        self._complete = False
        self._reusable = False
        self.idle_since = 0.0

    def send(self, exchange: Exchange) -> bool:
        """Send the request; False where the connection is closed already."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self._exchange = exchange
        exchange.connection = self
        self._received = 0
        transport.write(exchange.request)
        return True

    def close(self) -> None:
        """Close a connection that carries no exchange."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, forgetting the exchange."""
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    # The transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Get ready for exchanges."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End or retry the exchange, if there is one."""
        self._transport = None
        self._parser = None
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            if self in self._upstream.idle:
                self._upstream.idle.remove(self)
        elif self._used and not self._received:
            exchange.connection = None
            self._upstream.open(exchange)
        elif exc is None and (status := _status_if_ended_by_closing(self._seen)):
            exchange.succeed(status, b"".join(self._body))
        else:
            exchange.fail(_code(exc, "ECONNRESET"), _CLOSED_EARLY)

    def data_received(self, data: bytes) -> None:
        """Parse what came, which ends the exchange once its answer is whole."""
        exchange, parser = self._exchange, self._parser
        if exchange is None or parser is None:
            self.abort()  # an answer that nobody asked for
            return
        self._received += len(data)
        if self._received > MAX_HEAD_BYTES + MAX_BODY_BYTES:
            self.abort()
            exchange.fail("EPROTO", "the answer is too large")
            return
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._reusable = False
            if not self._complete:
                self.abort()
                exchange.fail("EPROTO", "the answer is not HTTP/1.1")
                return
        if self._complete:
            self._finish(exchange)
        else:
            self._seen += data

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Note an answer, or what follows one unasked."""
        self._reusable = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self._complete:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it is an interim one."""
        if self._complete or self._parser is None:
            return
        self._status = self._parser.get_status_code()
        if self._status >= 200 or self._status == 101:  # noqa: PLR2004 - else an interim answer
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    def _finish(self, exchange: Exchange) -> None:
        body = b"".join(self._body)
        self._exchange = None
        self._body.clear()
        self._seen = b""
        self._complete = False
        self._used = True
        if self._reusable and self._transport is not None:
            self.idle_since = self._upstream.loop.time()
            self._upstream.idle.append(self)
        else:
            self.close()
        exchange.succeed(self._status, body)


_CLOSED_EARLY = "the connection was closed before the answer was complete"


def _code(failure: Exception | None, default: str) -> str:
    number = failure.errno if isinstance(failure, OSError) else None
    return default if number is None else errno.errorcode.get(number, default)


class _Head:
    """What the head of an answer says of its length."""

    def __init__(self) -> None:
        self.complete = False
        self.states_length = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.states_length = True

    def on_headers_complete(self) -> None:
        self.complete = True


def _status_if_ended_by_closing(seen: bytes) -> int | None:
    """Give the status of an answer that ends where its connection does, None if it is cut short.

    That is so where its head states no length (RFC 9112 section 6.3, rule 8). Few answers do, so
    headers are looked at here, afterwards, instead of in every answer.
    """
    head = _Head()
    parser = httptools.HttpResponseParser(head)
    try:
        parser.feed_data(seen)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    return parser.get_status_code() if head.complete and not head.states_length else None
