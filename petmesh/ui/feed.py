"""What the page shows, in named parts, and every change of them to the browsers that look."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

Json = Mapping[str, Any]
# A browser that takes nothing for so many changes is left out: it connects anew.
_WAITING: Final = 500
_KEPT: Final = 900


class Feed:
    """The page's parts.

    A part is set as a whole, or it is a list that grows: of that the latest items are kept.
    """

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}
        self._looking: set[asyncio.Queue[Json | None]] = set()

    @property
    def is_watched(self) -> bool:
        """Whether a browser looks."""
        return bool(self._looking)

    def set(self, part: str, value: object) -> None:
        """Replace a part."""
        if self._parts.get(part) != value or part not in self._parts:
            self._parts[part] = value
            self._send({"part": part, "value": value})

    def add(self, part: str, item: object) -> None:
        """Add an item to a part that is a list."""
        held: list[object] = self._parts.setdefault(part, [])
        held.append(item)
        del held[:-_KEPT]
        self._send({"part": part, "item": item})

    @contextmanager
    def watched(self) -> Generator[asyncio.Queue[Json | None]]:
        """Yield a queue: first the parts as they are, then every change; None at the end."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue(_WAITING)
        held = {name: _as_it_is(value) for name, value in self._parts.items()}
        queue.put_nowait({"parts": held})
        self._looking.add(queue)
        try:
            yield queue
        finally:
            self._looking.discard(queue)

    def end(self) -> None:
        """Let every browser know that nothing more comes."""
        for queue in tuple(self._looking):
            self._put(queue, None)

    def _send(self, change: Json) -> None:
        for queue in tuple(self._looking):
            self._put(queue, change)

    def _put(self, queue: asyncio.Queue[Json | None], change: Json | None) -> None:
        try:
            queue.put_nowait(change)
        except asyncio.QueueFull:
            self._looking.discard(queue)
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)


def _as_it_is(value: object) -> object:
    """Return a list that grows no more, any other value unchanged."""
    return list(cast("list[object]", value)) if isinstance(value, list) else value
