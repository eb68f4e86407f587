"""A ramp is shown to whoever looks, and waits for nobody who doesn't."""

import asyncio
import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from petmesh.ramp import progress
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry, now, read
from petmesh.ramp.machine import Phase
from petmesh.ramp.progress import InBackground, LiveView
from tests.unit.ramp.fakes import BAD, MEMBERS, QUICK, FakeTarget, start


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


class Stopped(io.StringIO):
    """A terminal that was stopped by Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.goes_on.set()

    def write(self, text: str, /) -> int:
        self.goes_on.wait(10)
        return super().write(text)


def test_a_terminal_that_stands_still_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LAST_LINES_SECONDS", 0.1)
    header = RampHeader(at=now(), stack="local", target="fake", members=MEMBERS, plan=QUICK)
    terminal = Stopped()
    ended = threading.Event()

    def show() -> None:
        with LiveView(header, Console(file=terminal, force_terminal=True)):
            terminal.goes_on.clear()
        ended.set()

    threading.Thread(target=show, daemon=True).start()
    try:
        assert ended.wait(5)
    finally:
        terminal.goes_on.set()
