"""A closed-loop HTTP load: so many connections, each asking again once it is answered."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass(slots=True)
class Load:
    """What a load found.

    Attributes:
        seconds: how long it ran.
        latencies: seconds to each answer with status 200.
        failures: other answers, and connections that ended early.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    failures: int = 0

    @property
    def throughput(self) -> float:
        """Good answers per second."""
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Give the latency that this share of the answers stays within, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, load: Load, running: asyncio.Event) -> None:
        self._request = request
        self._load = load
        self._stopped = running
        self._sent = 0.0
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._stopped.is_set():
            self._transport.close()
            return
        if self._parser.get_status_code() == 200:  # noqa: PLR2004
            self._load.latencies.append(time.perf_counter() - self._sent)
        else:
            self._load.failures += 1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._stopped.is_set():
            self._load.failures += 1

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def load(port: int, path: str, connections: int, seconds: float) -> Load:
    """Ask a service on loopback.

    Args:
        port: where it listens.
        path: what to ask for.
        connections: how many ask at the same time.
        seconds: for how long.
    """
    found = Load()
    stopped = asyncio.Event()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(request, found, stopped), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    stopped.set()
    found.seconds = time.perf_counter() - begun
    return found
