"""Tells a webhook of every change of phase and that nothing watches, in the background."""

import asyncio
from typing import Any

import aiohttp

from petmesh.ramp.journal import Entry, RampHeader, entry_json
from petmesh.ramp.machine import FINAL, Phase, State

_TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.5
_ACCEPTED = 300


class Webhook:
    """Posts JSON to one address, in the order in which things happened; how it ended comes first.

    A ramp never waits for it: what can't be told within its attempts is dropped and counted.

    Args:
        url: where to post.
        header: what the ramp was asked to do.
        timeout: seconds for each attempt.

    Attributes:
        dropped: how many messages didn't arrive.
    """

    def __init__(self, url: str, header: RampHeader, timeout: float = _TIMEOUT_SECONDS) -> None:
        self.dropped = 0
        self._url = url
        self._header = header
        self._timeout = timeout
        self._told: tuple[Phase, bool] | None = None
        self._number = 0
        self._messages: asyncio.PriorityQueue[tuple[bool, int, dict[str, Any]]] = (
            asyncio.PriorityQueue()
        )
        self._worker: asyncio.Task[None] | None = None

    def entry(self, entry: Entry) -> None:
        """Post the line where it changes the phase, or the ramp is left paused."""
        phase, left = entry.state.phase, _is_left(entry.state)
        if (phase, left) == self._told:
            return
        self._told = phase, left
        message = {
            "stack": self._header.stack,
            "target": self._header.target,
            "stable": self._header.stable,
            "canary": self._header.canary,
            "text": self._text(entry),
            **entry_json(entry),
            "left": left,
        }
        self._number += 1
        later = phase not in FINAL and phase is not Phase.STUCK and not left
        self._messages.put_nowait((later, self._number, message))
        if self._worker is None:
            self._worker = asyncio.create_task(self._post_all())

    async def close(self, seconds: float) -> None:
        """Wait so long at most for what is still to be posted."""
        if self._worker is None:
            return
        _, late = await asyncio.wait([asyncio.create_task(self._messages.join())], timeout=seconds)
        self._worker.cancel()
        for task in late:
            task.cancel()
            self.dropped += 1 + self._messages.qsize()
        await asyncio.wait([self._worker, *late])

    def _text(self, entry: Entry) -> str:
        state = entry.state
        left = " and nothing watches it" if _is_left(state) else ""
        reason = f": {state.reason}" if state.reason else ""
        return (
            f"{self._header.stack}: {self._header.canary} is {state.phase.value} "
            f"at {state.weight}%{left}{reason}"
        )

    async def _post_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                _, _, message = await self._messages.get()
                if not await self._posted(session, message):
                    self.dropped += 1
                self._messages.task_done()

    async def _posted(self, session: aiohttp.ClientSession, message: dict[str, Any]) -> bool:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_BACKOFF_SECONDS * 2 ** (attempt - 1))
            try:
                async with session.post(self._url, json=message, allow_redirects=False) as response:
                    if response.status < _ACCEPTED:
                        return True
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                continue
        return False


def _is_left(state: State) -> bool:
    """Whether nothing watches it; one that is to be left may have a change under way first."""
    return state.phase is Phase.PAUSED and state.left
