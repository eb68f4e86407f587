"""A constant load: so many requests under way at any time, each answer judged and timed."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from rehearsal.envoy.topology import LOOPBACK

FAILED = ""
_TIMEOUT_SECONDS = 10.0

# What an answer is: the name of the version that gave it, or FAILED.
Judge = Callable[[int, bytes], str]


@dataclass
class Phase:
    """What was measured between two marks.

    Attributes:
        name: what was going on.
        answers: how many answers each version gave.
        failures: how many requests failed, by what was wrong.
        latencies: of every request, in seconds, failed ones included.
        seconds: how long it took.
    """

    name: str
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
    """Sends GET requests to one URL's path over kept connections until it is stopped.

    A request belongs to the phase in which it was sent.
    """

    def __init__(
        self,
        port: int,
        path: str,
        judge: Judge,
        concurrency: int = 8,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        lines = [f"GET {path} HTTP/1.1", f"Host: {LOOPBACK}:{port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._port = port
        self._judge = judge
        self._concurrency = concurrency
        self._phase = Phase("start")
        self._begun = time.perf_counter()
        self._target = 0
        self._reached = asyncio.Event()
        self._connections: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._connections = [
            asyncio.create_task(self._connection()) for _ in range(self._concurrency)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def mark(self, name: str) -> Phase:
        """Begin a new phase, and return the one that ends; its last answers may still come."""
        now = time.perf_counter()
        ended, self._phase = self._phase, Phase(name)
        ended.seconds = now - self._begun
        self._begun = now
        self._target = 0
        return ended

    async def measure(self, name: str, requests: int) -> Phase:
        """Begin a phase and wait until so many requests have been answered or have failed."""
        self.mark(name)
        self._target = requests
        self._reached.clear()
        waiting = asyncio.ensure_future(self._reached.wait())
        done, _ = await asyncio.wait(
            [waiting, *self._connections], return_when=asyncio.FIRST_COMPLETED
        )
        if waiting not in done:
            waiting.cancel()
            for task in done:
                task.result()
        phase = self._phase
        phase.seconds = time.perf_counter() - self._begun
        return phase

    async def _connection(self) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        try:
            while True:
                phase, sent = self._phase, time.perf_counter()
                wrong = ""
                version = FAILED
                try:
                    async with asyncio.timeout(_TIMEOUT_SECONDS):
                        if reader is None or writer is None:
                            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
                        writer.write(self._request)
                        status, body, keeps = await read_answer(reader)
                    version = self._judge(status, body)
                    wrong = "" if version else f"answer {status}"
                    if not keeps:
                        writer.close()
                        reader = writer = None
                except (OSError, EOFError, ValueError, TimeoutError) as error:
                    wrong = type(error).__name__
                    if writer is not None:
                        writer.close()
                    reader = writer = None
                self._record(phase, version, wrong, time.perf_counter() - sent)
        finally:
            if writer is not None:
                writer.close()

    def _record(self, phase: Phase, version: str, wrong: str, seconds: float) -> None:
        if phase is self._phase and self._target and phase.requests >= self._target:
            return
        phase.latencies.append(seconds)
        if wrong:
            phase.failures[wrong] += 1
        else:
            phase.answers[version] += 1
        if phase is self._phase and self._target and phase.requests >= self._target:
            self._reached.set()


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
