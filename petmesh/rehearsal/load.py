"""A constant load: so many requests under way at any time, each answer judged and timed."""

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
# After a connection that failed: a server that is gone must not be asked without end.
_PAUSE_SECONDS = 0.005

# What an answer is: the name of the version that gave it, or FAILED.
Judge = Callable[[int, bytes], str]


@dataclass
class Phase:
    """What was measured between two marks; a request belongs to the phase in which it was sent.

    Attributes:
        name: what was going on.
        target: how many requests are sent; 0 where nothing but the next mark ends it.
        sent: how many were sent.
        answers: how many answers each version gave.
        failures: how many requests failed, by what was wrong.
        latencies: of every request, in seconds, failed ones included.
        seconds: from its begin to its last answer.
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
        """How many requests were answered or failed."""
        return len(self.latencies)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.failures.total()

    def percentile(self, percent: float) -> float:
        """The seconds that so many percent of the requests stayed within; NaN without requests."""
        if not self.latencies:
            return math.nan
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Load:
    """Sends GET requests to one path over kept connections, without a pause, until it is left.

    What is under way then is waited for, unless an error leaves it: a service holds nothing of a
    load that is over.

    Args:
        origin: who is asked.
        path: what is asked for.
        judge: what makes of each answer.
        concurrency: requests under way at any time.
        headers: of every request.
        rest_seconds: that a connection waits after an answer between two measured phases: a mesh
            that changes meanwhile keeps its share of the machine.

    Attributes:
        phases: all so far, the present one last. What is sent between two measured phases belongs
            to a phase named "between".
    """

    def __init__(  # noqa: PLR0913
        self,
        origin: Origin,
        path: str,
        judge: Judge,
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
        self._judge = judge
        self._concurrency = concurrency
        self._rest_seconds = rest_seconds
        self._reached = asyncio.Event()
        self._connections: list[asyncio.Task[None]] = []
        self._is_over = False
        self.phases = [Phase(BETWEEN)]

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

    async def measure(self, name: str, requests: int) -> Phase:
        """Send so many requests as a phase of their own, and wait for the last answer to them."""
        phase = Phase(name, requests)
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

    def _begin(self) -> Phase:
        phase = self.phases[-1]
        if phase.target and phase.sent == phase.target:
            phase = Phase(BETWEEN)
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
                    version = self._judge(status, body)
                    wrong = "" if version else f"answer {status}"
                except (OSError, EOFError, ValueError, TimeoutError) as error:
                    version, wrong, stays_open = FAILED, type(error).__name__, False
                    await asyncio.sleep(_PAUSE_SECONDS)
                if connection is not None and not stays_open:
                    connection[1].close()
                    connection = None
                self._record(phase, version, wrong, time.perf_counter() - sent)
                if not self.phases[-1].target:
                    await asyncio.sleep(self._rest_seconds)
        finally:
            if connection is not None:
                connection[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._origin.host if self._tls else None
        return await asyncio.open_connection(
            LOOPBACK, self._origin.port, ssl=self._tls, server_hostname=name
        )

    def _record(self, phase: Phase, version: str, wrong: str, seconds: float) -> None:
        phase.latencies.append(seconds)
        phase.seconds = time.perf_counter() - phase.begun
        if wrong:
            phase.failures[wrong] += 1
        else:
            phase.answers[version] += 1
        if phase.requests == phase.target:
            self._reached.set()


def by_success(status: int, _: bytes) -> str:
    """Judge an answer by its status alone, whichever version gave it."""
    return "200" if status == HTTPStatus.OK else FAILED


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Read one HTTP/1.1 response: its status, its body, and whether the connection stays open.

    Raises:
        ValueError: it isn't one.
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


def binomial_interval(trials: int, probability: float, confidence: float) -> tuple[int, int]:
    """The counts that lie between the tails of a binomial distribution.

    Args:
        trials: how many were drawn.
        probability: of each to count.
        confidence: what the interval holds at least, such as 0.999; each tail beyond it has at most
            half of the rest.

    Returns:
        The lowest and the highest count within.
    """
    if probability in (0.0, 1.0):
        sure = round(trials * probability)
        return sure, sure
    tail = (1 - confidence) / 2
    chances = [_chance(trials, count, probability) for count in range(trials + 1)]
    return _within(chances, tail), trials - _within(chances[::-1], tail)


def _chance(trials: int, count: int, probability: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return math.exp(
        ways + count * math.log(probability) + (trials - count) * math.log1p(-probability)
    )


def _within(chances: list[float], tail: float) -> int:
    total = 0.0
    for count, chance in enumerate(chances):
        total += chance
        if total > tail:
            return count
    return len(chances) - 1
