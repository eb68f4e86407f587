"""A steady load of one request, which somebody starts and stops on the page."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from petmesh.expectations.model import Expectation
from petmesh.ui.feed import Feed, Json
from petmesh.ui.server import RefusalError
from petmesh.ui.trial import Trial

_MOST_PER_SECOND: Final = 100
_IN_FLIGHT: Final = 100
PART: Final = "load"
_NOTHING: Final[Json] = {"rate": 0, "request": "", "sent": 0, "failed": 0}


class SteadyLoad:
    """Sends one request so many times a second.

    Args:
        trial: sends them.
        feed: is told how many were sent, and how many weren't answered 2xx or 3xx.
    """

    def __init__(self, trial: Trial, feed: Feed) -> None:
        self._trial = trial
        self._feed = feed
        self._sending: asyncio.Task[None] | None = None
        feed.set(PART, _NOTHING)

    async def change(self, form: Mapping[str, Any]) -> Json:
        """Start the load of the form at its `rate`, in place of the one before; 0 stops it.

        Raises:
            RefusalError: the rate or the request isn't allowed.
        """
        rate = form.get("rate")
        if not isinstance(rate, int) or not 0 <= rate <= _MOST_PER_SECOND:
            raise RefusalError(
                f"rate = {rate}: must be a whole number from 0 to {_MOST_PER_SECOND}"
            )
        expectation = self._trial.expectation({**form, "times": 1}) if rate else None
        await self.stop()
        if expectation:
            self._sending = asyncio.create_task(self._send(expectation, rate))
        return {}

    async def stop(self) -> None:
        """Stop what is sent."""
        if self._sending:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None
        self._feed.set(PART, _NOTHING)

    async def _send(self, expectation: Expectation, rate: int) -> None:
        loop = asyncio.get_running_loop()
        sent, failed = 0, 0
        under_way: set[asyncio.Task[bool]] = set()
        try:
            begun = loop.time()
            while True:
                if len(under_way) < _IN_FLIGHT:
                    under_way.add(asyncio.create_task(self._one(expectation)))
                done = {task for task in under_way if task.done()}
                under_way -= done
                sent += len(done)
                failed += sum(not task.result() for task in done)
                self._tell(expectation, rate, sent, failed)
                begun = max(begun + 1 / rate, loop.time() - 1)
                await asyncio.sleep(max(0.0, begun - loop.time()))
        finally:
            for task in under_way:
                task.cancel()

    def _tell(self, expectation: Expectation, rate: int, sent: int, failed: int) -> None:
        # About once a second.
        if sent % rate == 0:
            request = f"{expectation.method} {expectation.url}"
            value = {"rate": rate, "request": request, "sent": sent, "failed": failed}
            self._feed.set(PART, value)

    async def _one(self, expectation: Expectation) -> bool:
        answers = await self._trial.send_only(expectation)
        return all(200 <= each.status < 400 for each in answers)  # noqa: PLR2004 (HTTP's good ones)
