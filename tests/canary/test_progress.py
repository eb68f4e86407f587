"""A ramp is shown to whoever looks, and waits for nobody who doesn't."""

import asyncio
import threading
from pathlib import Path

from canary.journal import Entry, read
from canary.machine import Phase
from canary.progress import InBackground
from tests.canary.fakes import BAD, FakeTarget, start


class Shown:
    """A terminal that stands still until it is let go."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.goes_on = threading.Event()

    def entry(self, entry: Entry) -> None:
        self.goes_on.wait(10)
        self.entries.append(entry)


def test_a_terminal_that_stands_still_holds_up_no_rollback_and_misses_no_line(
    tmp_path: Path,
) -> None:
    target, shown = FakeTarget(canary=BAD), Shown()
    with InBackground(shown) as listener:
        state = asyncio.run(start(tmp_path, target, listeners=(listener,)).run())
        assert (state.phase, target.live.weight, shown.entries) == (Phase.ROLLED_BACK, 0, [])
        shown.goes_on.set()
    [path] = tmp_path.glob("*.jsonl")
    assert shown.entries == list(read(path).entries)
