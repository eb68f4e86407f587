"""Shows a ramp: a live view in a terminal, plain lines elsewhere, JSON lines on demand."""

import json
import os
import threading
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from petmesh.ramp.driver import Listener
from petmesh.ramp.events import Hooked, Judged, MetricsFailed
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry, entry_json
from petmesh.ramp.machine import Phase
from petmesh.ramp.ramp_view import RampView
from petmesh.ramp.target import Observations

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 48
_LAST_LINES_SECONDS = 2.0
_COLOURS = {
    Phase.PROMOTED: "green",
    Phase.ROLLING_BACK: "red",
    Phase.ROLLED_BACK: "red",
    Phase.STUCK: "red",
    Phase.PAUSED: "yellow",
    Phase.WAITING: "yellow",
}


def plain_line(header: RampHeader, entry: Entry) -> str:
    """A line of the journal for people, without colours."""
    state, event = entry.state, entry.event
    stage = header.plan.stages[state.stage] if state.stage >= 0 else "before the first step"
    line = f"{entry.at[11:19]} {header.label} {state.weight}% {state.phase.value} ({stage})"
    if isinstance(event, Judged):
        return f"{line}: {event.outcome.value}: {event.reason}"
    if isinstance(event, MetricsFailed):
        return f"{line}: no metrics for {event.lasting:.0f} s: {event.reason}"
    if isinstance(event, Hooked):
        return f"{line}: hook {event.when}: {event.output}"
    return f"{line}: {state.reason}" if state.reason else line


class PlainLines:
    """One line for each line of the journal."""

    def __init__(self, header: RampHeader, file: TextIO) -> None:
        self._header = header
        self._file = file

    def entry(self, entry: Entry) -> None:
        """Print it."""
        print(plain_line(self._header, entry), file=self._file, flush=True)


class JsonLines:
    """The journal's lines as they are written."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def entry(self, entry: Entry) -> None:
        """Print it."""
        print(json.dumps(entry_json(entry)), file=self._file, flush=True)


class InBackground:
    """Gives a listener its lines in a thread of its own.

    Whoever stops a terminal with Ctrl-S, or reads no further in a pager, holds up what is printed,
    and nothing else.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lines: SimpleQueue[Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._give, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lines.put(None)
        self._thread.join(_LAST_LINES_SECONDS)

    def entry(self, entry: Entry) -> None:
        """Take a line."""
        self._lines.put(entry)

    def _give(self) -> None:
        # A terminal that is gone is told nothing more.
        with suppress(Exception):
            while (entry := self._lines.get()) is not None:
                self._listener.entry(entry)


class LiveView:
    """A view of the ramp that is drawn anew four times a second, and the changes of phase above."""

    def __init__(self, header: RampHeader, console: Console) -> None:
        self._ramp = RampView(header)
        self._live = Live(console=console, get_renderable=self.render, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A terminal that stands still takes no last look either.
        stopping = threading.Thread(target=self._stop, daemon=True)
        stopping.start()
        stopping.join(_LAST_LINES_SECONDS)

    def _stop(self) -> None:
        with suppress(OSError, ValueError):
            self._live.stop()

    def entry(self, entry: Entry) -> None:
        """Take a line, and print it where it changes the phase."""
        before = self._ramp.state.phase
        self._ramp.entry(entry)
        if entry.state.phase is not before:
            style = _COLOURS.get(entry.state.phase, "")
            line = plain_line(self._ramp.header, entry)
            self._live.console.print(line, style=style, markup=False, highlight=False)

    def render(self) -> RenderableType:
        """The view as it is now."""
        return view(self._ramp)


def view(ramp: RampView) -> RenderableType:
    """A ramp at a glance."""
    state, header = ramp.state, ramp.header
    head = Text(f"{ramp.where}  ", style="bold")
    head.append(state.phase.value, style=_COLOURS.get(state.phase, "cyan"))
    if ramp.left is not None:
        head.append(f"  {ramp.left:.0f} s left")
    if state.reason:
        head.append(f"  {state.reason}")
    parts: list[RenderableType] = [head, _split(ramp)]
    if ramp.observations:
        parts.append(_table(ramp, ramp.observations))
        for member in header.members:
            name = f"{member.service} {member.canary}" if header.is_group else member.canary
            errors = ramp.errors.get(member.service, [])
            parts.append(Text(f"errors of {name}  {sparkline(errors[-_WIDTH:])}"))
    if ramp.verdict:
        parts.append(Text(ramp.verdict))
    title = f"{header.stack}: {header.title}"
    return Panel(Group(*parts), title=title, title_align="left", width=100)


def sparkline(values: list[float]) -> str:
    """Bars from 0 to the highest value, and that value in percent."""
    highest = max(values, default=0.0)
    scale = highest or 1.0
    bars = "".join(_BARS[round(value / scale * (len(_BARS) - 1))] for value in values)
    return f"{bars}  at most {highest:.2f}%"


def _split(ramp: RampView) -> Text:
    state, header = ramp.state, ramp.header
    own = round(state.weight / 100 * _WIDTH)
    stable, canary = ("stable", "canary") if header.is_group else (header.stable, header.canary)
    bar = Text(f"{stable} {100 - state.weight:3d}% ")
    bar.append("█" * (_WIDTH - own), style="blue")
    bar.append("█" * own, style="green")
    bar.append(f" {canary} {state.weight}%")
    if state.mirror:
        bar.append(f", copies of {state.mirror}%")
    return bar


def _table(ramp: RampView, seen: Observations) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("version", "requests", "errors", "success", "p50", "p99"):
        table.add_column(column, justify="left" if column == "version" else "right", min_width=9)
    rows = [
        (member.service, version, figures)
        for member in ramp.header.members
        for version, figures in (
            (member.stable, seen[member.service].stable),
            (member.canary, seen[member.service].canary),
        )
    ]
    for service, version, figures in rows:
        rate = figures.success_rate
        table.add_row(
            f"{service} {version}" if ramp.header.is_group else version,
            f"{figures.requests:,.0f}",
            f"{figures.errors:,.0f}",
            "-" if rate is None else f"{rate:.2f}%",
            _milliseconds(figures.quantile(0.5)),
            _milliseconds(figures.quantile(0.99)),
        )
    return table


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms"


def say(text: str, file: TextIO) -> None:
    """Print a line; where nobody reads any more, what is printed from now on goes nowhere."""
    try:
        print(text, file=file, flush=True)
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, file.fileno())
            os.close(nowhere)
