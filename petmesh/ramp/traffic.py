"""Requests of a ramp's own, where users bring too few."""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

_TIMEOUT_SECONDS = 10.0
_MOST_AT_ONCE = 256
_GOOD = 400
AGENT = "petmesh-load"


class Traffic:
    """GET requests for one address at a constant rate while its context is open.

    They are sent as the clock says, however long the answers take, so that a slow version gets no
    fewer. The mesh shares them as it shares users' requests. They are told apart by their
    `User-Agent`, petmesh-load.

    Args:
        url: what is requested.
        rate: requests a second, more than 0.

    Attributes:
        sent: requests that were sent.
        failed: of these, answered with 400 or above, or not within ten seconds.
        skipped: requests that weren't sent, since 256 others had no answer yet.
    """

    def __init__(self, url: URL, rate: float) -> None:
        self.sent = self.failed = self.skipped = 0
        self._url = url
        self._rate = rate
        self._open: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])

    def __str__(self) -> str:
        skipped = f", {self.skipped:,} not sent for want of answers" if self.skipped else ""
        return f"load of its own: {self.sent:,} requests, {self.failed:,} failed{skipped}"

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        begun, number = loop.time(), 0
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            headers={"User-Agent": AGENT},
            connector=aiohttp.TCPConnector(limit=_MOST_AT_ONCE),
        ) as session:
            try:
                while True:
                    number += 1
                    await asyncio.sleep(begun + number / self._rate - loop.time())
                    if len(self._open) >= _MOST_AT_ONCE:
                        self.skipped += 1
                        continue
                    request = asyncio.create_task(self._request(session))
                    self._open.add(request)
                    request.add_done_callback(self._open.discard)
            finally:
                for each in self._open:
                    each.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)

    async def _request(self, session: aiohttp.ClientSession) -> None:
        self.sent += 1
        try:
            async with session.get(self._url, allow_redirects=False) as response:
                await response.content.read(-1)
                self.failed += response.status >= _GOOD
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self.failed += 1
