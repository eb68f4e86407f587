"""A closed-loop HTTP load: a constant number of requests in flight, each response classified.

A load generator of its own, since those to be had measure one run and know responses by status
alone: here phases follow each other without a pause, and a response's body tells its version.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Self

from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.origin import Origin

FAILED = ""
BETWEEN = "between"
CONCURRENCY = 8
_TIMEOUT_SECONDS = 10.0
# Before a retry after a failed connection, so that a stopped server isn't tried in a tight loop.
_PAUSE_SECONDS = 0.005

# Returns the version that gave a response of this status and body, or FAILED.
Classifier = Callable[[int, bytes], str]


@dataclass
class LoadPhase:
    """The measurements of one phase; a request belongs to the phase in which it was sent.

    Attributes:
        name: what the phase measures.
        target: the number of requests to send; 0 if it ends with the start of the next phase.
        sent: the number of requests sent.
        answers: the number of good responses by version.
        failures: the number of failed requests by cause.
        latencies: of every request, failed ones included, in seconds.
        seconds: from its start to its last response.
    """

    name: str
    target: int = 0
    begun: float = field(default_factory=time.perf_counter)
    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    latencies: list[float] = field(default_factory=list[float])
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        """The number of completed requests, failed ones included."""
        return len(self.latencies)

    @property
    def failed(self) -> int:
        """The number of failed requests."""
        return self.failures.total()

    def percentile(self, percent: float) -> float:
        """Return the latency percentile in seconds; NaN without requests."""
        if not self.latencies:
            return math.nan
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Load:
    """Sends GET requests for one path over persistent connections while its context is open.

    On leaving the context, requests in flight are completed, or cancelled after an exception, so
    that no service still handles a request of a load that is over.

    Args:
        origin: the server.
        path: the path of every request.
        classify: returns the version that gave a response, or FAILED.
        concurrency: the number of connections, each with one request at a time.
        headers: of every request.
        rest_seconds: a connection's pause after a response between two measured phases: a mesh
            that changes meanwhile keeps its share of the processor.

    Attributes:
        phases: all phases so far, the current one last. Requests between two measured phases
            belong to a phase named "between".
    """

    def __init__(  # noqa: PLR0913
        self,
        origin: Origin,
        path: str,
        classify: Classifier,
        concurrency: int = CONCURRENCY,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        rest_seconds: float = 0.0,
    ) -> None:
        lines = [f"GET {path} HTTP/1.1", f"Host: {origin.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._origin = origin
        self._tls = origin.tls()
        self._classify = classify
        self._concurrency = concurrency
        self._rest_seconds = rest_seconds
        self._reached = asyncio.Event()
        self._connections: list[asyncio.Task[None]] = []
        self._is_over = False
        self.phases = [LoadPhase(BETWEEN)]

    async def __aenter__(self) -> Self:
        self._connections = [
            asyncio.create_task(self._connection()) for _ in range(self._concurrency)
        ]
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._is_over = True
        if error:
            for connection in self._connections:
                connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def measure(self, name: str, requests: int) -> LoadPhase:
        """Send a number of requests as one phase, and wait for their responses."""
        phase = LoadPhase(name, requests)
        self.phases.append(phase)
        self._reached.clear()
        waiting = asyncio.ensure_future(self._reached.wait())
        try:
            await asyncio.wait([waiting, *self._connections], return_when=asyncio.FIRST_COMPLETED)
            for connection in self._connections:
                if connection.done():
                    connection.result()
        finally:
            waiting.cancel()
        return phase

    async def measure_for(self, name: str, seconds: float) -> LoadPhase:
        """Send requests for a time as one phase; those in flight at its end belong to it too."""
        phase = LoadPhase(name)
        self.phases.append(phase)
        await asyncio.sleep(seconds)
        self.phases.append(LoadPhase(BETWEEN))
        return phase

    def _begin(self) -> LoadPhase:
        phase = self.phases[-1]
        if phase.target and phase.sent == phase.target:
            phase = LoadPhase(BETWEEN)
            self.phases.append(phase)
        phase.sent += 1
        return phase

    async def _connection(self) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while not self._is_over:
                phase, sent = self._begin(), time.perf_counter()
                try:
                    async with asyncio.timeout(_TIMEOUT_SECONDS):
                        if connection is None:
                            connection = await self._connect()
                        connection[1].write(self._request)
                        status, body, stays_open = await read_answer(connection[0])
                    version = self._classify(status, body)
                    wrong = "" if version else f"answer {status}"
                except (OSError, EOFError, ValueError, TimeoutError) as error:
                    version, wrong, stays_open = FAILED, type(error).__name__, False
                    await asyncio.sleep(_PAUSE_SECONDS)
                if connection is not None and not stays_open:
                    connection[1].close()
                    connection = None
                self._record(phase, version, wrong, time.perf_counter() - sent)
                if self._rest_seconds and not self.phases[-1].target:
                    await asyncio.sleep(self._rest_seconds)
        finally:
            if connection is not None:
                connection[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._origin.host if self._tls else None
        return await asyncio.open_connection(
            LOOPBACK, self._origin.port, ssl=self._tls, server_hostname=name
        )

    def _record(self, phase: LoadPhase, version: str, wrong: str, seconds: float) -> None:
        phase.latencies.append(seconds)
        phase.seconds = time.perf_counter() - phase.begun
        if wrong:
            phase.failures[wrong] += 1
        else:
            phase.answers[version] += 1
        if phase.requests == phase.target:
            self._reached.set()


def by_success(status: int, _: bytes) -> str:
    """Classify a response by its status alone, whichever version gave it."""
    return "200" if status == HTTPStatus.OK else FAILED


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Read one HTTP/1.1 response: status, body, and whether the connection stays open.

    Raises:
        ValueError: it isn't HTTP/1.1.
        EOFError: the connection ended first.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return status, body, headers.get("connection", "").lower() != "close"
