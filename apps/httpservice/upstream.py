"""GET requests to one upstream over pooled HTTP/1.1 connections, each with a deadline."""

import asyncio
import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from httpservice.idle import CLIENT_IDLE_SECONDS

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


Ended = Callable[[Answer | Failure | None], None]
"""Called with a request's outcome, or None if it was canceled."""


class Upstream:
    """A service reached by HTTP, as an asynchronous context manager.

    Args:
        url: its address.
        timeout: seconds for a whole exchange: name, connection, answer.
        proxy: forward proxy to send absolute-form requests to, if any.
        user_agent: names the caller.

    Attributes:
        url: its address.
        observe: is given each request's address and the headers to send, which it may change.
    """

    def __init__(self, url: URL, *, timeout: float, proxy: URL | None, user_agent: str) -> None:
        self.url = url
        self.observe: Callable[[URL, dict[str, str]], Ended] | None = None
        self._base = str(url).rstrip("/")
        self._timeout = timeout
        self._proxy = proxy
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": user_agent,
        }

    async def __aenter__(self) -> Self:
        """Make its pool."""
        self._session = ClientSession(
            connector=TCPConnector(
                resolver=_Resolver(), limit=0, keepalive_timeout=CLIENT_IDLE_SECONDS
            ),
            headers=self._headers,
            timeout=ClientTimeout(total=self._timeout),
            proxy=self._proxy,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its pool."""
        await self._session.close()

    async def get(
        self, path: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer | Failure:
        """Request a path below the address, or the address itself.

        Args:
            path: starts with a slash, percent-encoded where needed.
            headers: further headers.

        Returns:
            The outcome, which never is an exception and comes within the timeout.
        """
        url = URL(self._base + path, encoded=True) if path else self.url
        sent = dict(headers or {})
        ended = self.observe(url, sent) if self.observe else None
        try:
            outcome = await self._exchange(url, sent)
        except asyncio.CancelledError:
            if ended:
                ended(None)
            raise
        if ended:
            ended(outcome)
        return outcome

    async def _exchange(self, url: URL, headers: Mapping[str, str]) -> Answer | Failure:
        begun = time.perf_counter()
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                status, body = response.status, await _body(response)
        except (ClientError, OSError, ValueError) as failure:  # a timeout is an OSError
            code, reason = self._reason(failure)
            return Failure(code, reason, _milliseconds(begun))
        return Answer(status, body, _milliseconds(begun))

    def _reason(self, failure: Exception) -> tuple[str, str]:
        """Give the code and the reason of a failure."""
        cause = getattr(failure, "os_error", failure)
        if isinstance(failure, TimeoutError):
            return "ETIMEDOUT", f"no answer within {self._timeout:g} s"
        if isinstance(cause, socket.gaierror):
            code = "EAI_AGAIN" if cause.errno == socket.EAI_AGAIN else "ENOTFOUND"
            return code, f"{(self._proxy or self.url).host}: {cause.strerror}"
        if isinstance(cause, OSError) and (number := cause.errno or 0) in errno.errorcode:
            return errno.errorcode[number], os.strerror(number)
        if isinstance(failure, ClientConnectionError | ClientPayloadError):
            return "ECONNRESET", "the connection was closed before the answer was complete"
        if isinstance(failure, _TooLargeError):
            return "EPROTO", "the answer is too large"
        return "EPROTO", "the answer is not HTTP/1.1"


class _TooLargeError(ValueError):
    """A body is longer than it may be."""


async def _body(response: ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise _TooLargeError
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _milliseconds(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1e3, 3)


class _Resolver(AbstractResolver):
    """Looks each name up in a thread of its own.

    The event loop has a few threads for all names (uvloop four): those that wait for a name server
    that doesn't answer would hold up every other name. aiohttp looks a name up once at a time.
    Nothing waits for these threads, a stop of the process neither.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give a name's addresses.

        Raises:
            socket.gaierror: it has none, or the name server can't say.
        """
        outcome: Future[list[ResolveResult]] = Future()
        outcome.set_running_or_notify_cancel()  # whoever waits may go, the lookup can't

        def look_up() -> None:
            try:
                outcome.set_result(_addresses(host, port, family))
            except (OSError, UnicodeError) as failure:
                outcome.set_exception(failure)

        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return await asyncio.wrap_future(outcome)

    async def close(self) -> None:
        """Do nothing: a lookup ends by itself."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for family, _, protocol, _, address in found
    ]
