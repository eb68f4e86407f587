"""Tells of every change of phase and that nothing watches, in the background."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import aiohttp

from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry, entry_json
from petmesh.ramp.machine import FINAL, Phase, State

_TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.5
_ACCEPTED = 300


class Notifier(ABC):
    """Sends messages one after another; how a ramp ended comes first.

    A ramp never waits for it: what can't be told within its attempts is dropped and counted.

    Args:
        header: what the ramp was asked to do.
        timeout: seconds for each attempt.

    Attributes:
        dropped: how many messages didn't arrive.
    """

    name = "it"

    def __init__(self, header: RampHeader, timeout: float = _TIMEOUT_SECONDS) -> None:
        self.dropped = 0
        self._header = header
        self._timeout = timeout
        self._told: tuple[Phase, bool] | None = None
        self._number = 0
        self._messages: asyncio.PriorityQueue[tuple[bool, int, dict[str, Any]]] = (
            asyncio.PriorityQueue()
        )
        self._worker: asyncio.Task[None] | None = None

    @abstractmethod
    async def send(self, message: dict[str, Any]) -> bool:
        """Send a message once; returns whether it arrived."""

    def entry(self, entry: Entry) -> None:
        """Tell of the line where it changes the phase, or the ramp is left paused."""
        phase, left = entry.state.phase, _is_left(entry.state)
        if (phase, left) == self._told:
            return
        self._told = phase, left
        message = {
            **self._header.facts,
            "target": self._header.target,
            "text": self._text(entry),
            **entry_json(entry),
            "left": left,
        }
        self._number += 1
        later = phase not in FINAL and phase is not Phase.STUCK and not left
        self._messages.put_nowait((later, self._number, message))
        if self._worker is None:
            self._worker = asyncio.create_task(self._send_all())

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
        header = self._header
        about = f"{header.services[0]} {header.canary}"
        if header.is_group:
            about = f"{header.group} ({header.canary})"
        return (
            f"{self._header.stack}: {about} is {state.phase.value} at {state.weight}%{left}{reason}"
        )

    async def _send_all(self) -> None:
        while True:
            _, _, message = await self._messages.get()
            if not await self._sent(message):
                self.dropped += 1
            self._messages.task_done()

    async def _sent(self, message: dict[str, Any]) -> bool:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_BACKOFF_SECONDS * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(self._timeout):
                    if await self.send(message):
                        return True
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                continue
        return False


class Webhook(Notifier):
    """Posts JSON to one address; a redirect isn't followed."""

    name = "the webhook"

    def __init__(self, url: str, header: RampHeader, timeout: float = _TIMEOUT_SECONDS) -> None:
        super().__init__(header, timeout)
        self._url = url

    async def send(self, message: dict[str, Any]) -> bool:
        """Post it."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url, json=message, allow_redirects=False) as response,
        ):
            return response.status < _ACCEPTED


def _is_left(state: State) -> bool:
    """Whether nothing watches it; one that is to be left may have a change under way first."""
    return state.phase is Phase.PAUSED and state.left
