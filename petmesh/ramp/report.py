"""A ramp's report: one HTML file, made of its journal alone, that needs nothing else."""

import io
import math
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from html import escape
from pathlib import Path

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.events import Hooked, Judged
from petmesh.ramp.files import open_regular
from petmesh.ramp.header import Member
from petmesh.ramp.journal import Entry, JournalError, Record
from petmesh.ramp.machine import FINAL, Phase
from petmesh.ramp.measurements import Figures
from petmesh.ramp.outcome import last_line, standing
from petmesh.ramp.plot import Line, Mark, plot

# Of a plot's time: it ends at a multiple of so many seconds, so that each is a whole number.
_TICKS = 5
_BLUE, _GREEN, _GREY, _RED = "#2458b3", "#2f8132", "#777777", "#b3261e"
_STYLE = """
:root { color-scheme: light }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem;
  color: #1c1b1f; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.end { padding: .6rem .9rem; border-left: 5px solid; background: #f5f5f5 }
svg { width: 100%; font: 12px system-ui, sans-serif; margin: .5rem 0 }
svg .title { font-weight: 600; font-size: 13px } svg .value { text-anchor: end; fill: #555 }
svg .time { text-anchor: middle; fill: #555 } svg .grid { stroke: #e4e4e4 }
svg .mark { stroke: #999; stroke-dasharray: 3 3 }
svg path:first-of-type { stroke-width: 6; stroke-opacity: .4 }
table { border-collapse: collapse; width: 100%; font-size: 13px }
td, th { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #e4e4e4;
  vertical-align: top } td:first-child { white-space: nowrap }
"""


def write_report(record: Record, path: Path) -> None:
    """Write the report of a ramp.

    Raises:
        JournalError: the file can't be written, or is no regular file.
    """
    try:
        with io.BufferedWriter(open_regular(path, os.O_RDWR | os.O_CREAT, 0o666)) as file:
            file.truncate()
            file.write(html(record).encode())
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error


def html(record: Record) -> str:
    """The report as text."""
    header, state = record.header, record.state
    title = f"{header.stack}: {header.title}"
    ended = state.phase in FINAL or state.phase is Phase.STUCK
    end = last_line(header, state) if ended else standing(header, state)
    colour = _GREEN if state.phase is Phase.PROMOTED else _RED if ended else _GREY
    plots = "\n".join(each for member in header.members for each in _plots(record, member))
    rows = "\n".join(_rows(record))
    conditions = ", ".join(_conditions(header.plan.conditions))
    steps = " &rarr; ".join(escape(str(stage)) for stage in header.plan.stages)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p class="end" style="border-color: {colour}">{escape(end)}</p>
<p>Begun {escape(header.at)} on the {escape(header.target)}. Steps: {steps}.<br>
Conditions: {escape(conditions)}. Evaluated every {header.plan.interval:g} s.
Dashed lines: changes of the phase.</p>
{plots}
<h2>Journal</h2>
<table><tr><th>Time</th><th>Canary</th><th>Phase</th><th>What happened</th></tr>
{rows}
</table></body></html>
"""


def _conditions(conditions: Conditions) -> Iterator[str]:
    """Each condition's name and value, as text."""
    for name, value in conditions.model_dump(mode="json", exclude={"compare", "own"}).items():
        yield f"{name.replace('_', ' ')} {'off' if value is None else value}"
    yield f"compared in {' and '.join(conditions.compare) or 'nothing'}"
    for name, percent in conditions.own.items():
        yield f"{name} {'no worse' if percent is None else f'at most {percent:g}%'}"


def _plots(record: Record, member: Member) -> Iterator[str]:
    of = f" of {member.service}" if record.header.is_group else ""
    seconds = _clock(record)
    latest = max((seconds(entry) for entry in record.entries), default=0.0)
    end = _TICKS * max(1.0, math.ceil(latest / _TICKS))
    judged = [
        (seconds(entry), entry.event.observations[member.service])
        for entry in record.entries
        if isinstance(entry.event, Judged)
    ]
    asked = [(0.0, 0.0), *((seconds(entry), entry.state.weight) for entry in record.entries)]
    # Copies are no share of the requests.
    measured = [
        (seconds(entry), share)
        for entry in record.entries
        if isinstance(entry.event, Judged)
        and not entry.state.mirror
        and (share := entry.event.observations[member.service].share) is not None
    ]
    marks = list(_marks(record))
    yield plot(
        f"The canary's share of the requests{of}",
        "%",
        [Line("asked", _GREY, asked, stepped=True), Line("measured", _GREEN, measured)],
        marks,
        end,
    )

    figures = (
        (member.stable, _BLUE, [(at, seen.stable) for at, seen in judged]),
        (member.canary, _GREEN, [(at, seen.canary) for at, seen in judged]),
    )
    for title, unit, value in (
        ("Failed tries", "%", _error_rate),
        ("Latency, p50", " ms", _p50),
        ("Latency, p99", " ms", _p99),
    ):
        lines = [Line(version, colour, _points(own, value)) for version, colour, own in figures]
        yield plot(f"{title}{of}", unit, lines, marks, end)


def _points(
    figures: list[tuple[float, Figures]], value: Callable[[Figures], float | None]
) -> list[tuple[float, float]]:
    """What is known and finite."""
    known = ((at, value(each)) for at, each in figures)
    return [(at, number) for at, number in known if number is not None and math.isfinite(number)]


def _marks(record: Record) -> Iterator[Mark]:
    seconds = _clock(record)
    phase = Phase.APPLYING
    for entry in record.entries:
        if entry.state.phase is not phase:
            phase = entry.state.phase
            yield Mark(seconds(entry), f"{phase.value} at {entry.state.weight}%")


def _rows(record: Record) -> Iterator[str]:
    for entry in record.entries:
        event = entry.event
        text = event.kind
        if isinstance(event, Judged):
            text = f"{event.outcome.value}: {event.reason}"
        elif isinstance(event, Hooked):
            text = f"hook {event.when}: {event.output}"
        elif reason := getattr(event, "reason", "") or entry.state.reason:
            text = f"{event.kind}: {reason}"
        cells = (entry.at[11:23], f"{entry.state.weight}%", entry.state.phase.value, text)
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _clock(record: Record) -> Callable[[Entry], float]:
    begun = datetime.fromisoformat(record.header.at)

    def seconds(entry: Entry) -> float:
        return max(0.0, (datetime.fromisoformat(entry.at) - begun).total_seconds())

    return seconds


def _error_rate(figures: Figures) -> float | None:
    return None if figures.success_rate is None else 100 - figures.success_rate


def _p50(figures: Figures) -> float | None:
    return figures.quantile(0.5)


def _p99(figures: Figures) -> float | None:
    return figures.quantile(0.99)
