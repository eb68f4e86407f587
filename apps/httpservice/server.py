"""A service that accepts connections: aiohttp's server, within limits, on IPv4 and IPv6."""

import errno
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from httpservice.idle import IDLE_SECONDS
from httpservice.log import Log
from httpservice.service import Front, Service

if TYPE_CHECKING:
    from httpservice.tracing import Traces

ANYWHERE = "::"
"""The host that stands for every address, IPv4's too."""

MAX_LINE_BYTES = 64 * 1024
"""Of a request's line, and of a header: more than the 60 KiB that a sidecar takes for all of them
(max_request_headers_kb of Envoy's HttpConnectionManager), which refuses the rest."""

_BACKLOG = 1024
# Of a body, which no route reads: up to twice as much is held until it is discarded.
_BUFFER_BYTES = 4096


class ListenError(Exception):
    """The address can't be listened on; the text says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where and how much a service serves.

    Attributes:
        host: name or address to listen on; ANYWHERE for all.
        port: 0 lets the system pick one.
        in_flight: requests at a time; one more is answered 503.
        last_seconds: how long requests in flight are waited for at the end.
    """

    host: str = "127.0.0.1"
    port: int = 0
    in_flight: int = 256
    last_seconds: float = 0


@asynccontextmanager
async def serving(
    service: Service, log: Log, limits: Limits, traces: "Traces | None" = None
) -> AsyncGenerator[tuple[Front, int]]:
    """Serve a service, and give what stands before it and the port.

    Raises:
        ListenError: the address can't be listened on.
    """
    front = Front(service, log, limits.in_flight)
    async with AsyncExitStack() as stack:
        for upstream in service.upstreams:
            await stack.enter_async_context(upstream)
            if traces is not None:
                traces.observe(upstream)
        runner = web.AppRunner(
            front.application(*([] if traces is None else [traces.middleware])),
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            read_bufsize=_BUFFER_BYTES,
            shutdown_timeout=limits.last_seconds,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await _listen(runner, limits.host, limits.port)
        yield front, runner.addresses[0][1]


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        if host == ANYWHERE and (listening := _dual_stack(port)):
            site: web.BaseSite = web.SockSite(runner, listening, backlog=_BACKLOG)
        else:
            address = "0.0.0.0" if host == ANYWHERE else host  # noqa: S104 - as asked for
            site = web.TCPSite(runner, address, port, backlog=_BACKLOG)
        await site.start()
    except OSError as failure:
        number = failure.errno or 0
        reason = os.strerror(number) if number > 0 else failure.strerror or failure
        raise ListenError(f"HOST = {host!r}, PORT = {port}: can't listen: {reason}") from None


def _dual_stack(port: int) -> socket.socket | None:
    """Give a socket for IPv6 and IPv4; None where this machine has no IPv6."""
    if not socket.has_dualstack_ipv6():
        return None
    try:
        return socket.create_server(
            (ANYWHERE, port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
        )
    except OSError as failure:
        if failure.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return None
        raise
