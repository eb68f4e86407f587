"""An HTTP/1.1 server for small JSON requests: bounded in every direction, and drained on stop."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from httpservice.connection import Connection
from httpservice.log import Log
from httpservice.message import Request, Response
from httpservice.timeouts import IDLE_SECONDS

Handler = Callable[[Request], Response | Coroutine[Any, Any, Response]]
"""Answers a request at once, or by a coroutine that counts as a request in flight."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of the server.

    Attributes:
        in_flight: requests being answered by a coroutine; one more is shed with 503.
        connections: open connections; one more is answered 503 and closed.
        target: bytes of a request's target.
        head: bytes of a request's header lines together.
        headers: names of a request's headers.
        body: bytes of a request's body.
        pipelined: requests that wait on a connection for the one before them; their targets and
            header lines, that one's too, stay within `head` together, at 64 bytes more a header.
        receive_seconds: for a request to arrive whole once it has begun.
        idle_seconds: for a connection without a request.
        send_seconds: for a client to take the response.
        sweep_seconds: how often these times are looked at.
    """

    in_flight: int = 256
    connections: int = 4096
    target: int = 4096
    head: int = 16 * 1024
    headers: int = 100
    body: int = 64 * 1024
    pipelined: int = 32
    receive_seconds: float = 10.0
    idle_seconds: float = IDLE_SECONDS
    send_seconds: float = 10.0
    sweep_seconds: float = 0.5


class Server:
    """Accepts connections and gives their requests to the handler.

    Attributes:
        tasks: one for each request that a coroutine answers.
        last_request: `loop.time()` of the latest response, health checks left out.
        draining: once set, each response ends its connection.
    """

    def __init__(self, handler: Handler, log: Log, limits: Limits) -> None:
        self.handler = handler
        self.log = log
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.last_request = self.loop.time()
        self.draining = False
        self.date = b""
        self.tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start to accept connections and give the port, which the system picks where it is 0.

        Raises:
            OSError: The address can't be listened on.
        """
        self._listener = await self.loop.create_server(
            lambda: Connection(self), host, port, backlog=1024
        )
        self._sweep()
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, quiet_seconds: float, grace_seconds: float) -> None:
        """Serve on, ending each connection with its next response, until no request comes.

        Args:
            quiet_seconds: how long no request may have come before it counts as idle.
            grace_seconds: after which it ends in any case.
        """
        self.draining = True
        begun = self.loop.time()
        end = begun + grace_seconds
        while (now := self.loop.time()) < end:
            quiet_until = max(begun, self.last_request) + quiet_seconds
            if now >= quiet_until and not self.tasks:
                break
            await asyncio.sleep(min(max(quiet_until - now, 0.02), end - now))

    async def close(self, seconds: float) -> None:
        """Accept no more connections, let requests in flight finish, close every connection.

        Args:
            seconds: how long requests in flight are waited for.
        """
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in tuple(self.tasks):
            task.cancel()
        for connection in tuple(self.connections):
            connection.close()
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        now = self.loop.time()
        self.date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime()).encode()
        for connection in tuple(self.connections):
            if connection.deadline < now:
                connection.expire()
        self.log.flush()
        self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)
