"""Line plots as plain SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 860, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 130, 34, 34
_TICKS = 5
_Scale = Callable[[float], float]


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: what it shows.
        colour: as CSS knows it.
        points: seconds and values, in order of the seconds.
        stepped: whether a value holds until the next point.
    """

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    stepped: bool = False


@dataclass(frozen=True)
class Mark:
    """A moment to be seen in a plot."""

    at: float
    text: str


def plot(title: str, unit: str, lines: Sequence[Line], marks: Sequence[Mark], end: float) -> str:
    """An SVG element.

    Args:
        title: above the plot.
        unit: of the values.
        lines: what is drawn.
        marks: moments, as vertical lines.
        end: seconds at the right edge.
    """
    highest = max((value for line in lines for _, value in line.points), default=0.0)
    top = _round_up(highest)
    span = max(end, 1.0)

    def x(seconds: float) -> float:
        return _LEFT + seconds / span * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<text x="{_LEFT}" y="18" class="title">{escape(title)}</text>']
    for tick in range(_TICKS + 1):
        value, seconds = top * tick / _TICKS, span * tick / _TICKS
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            'class="grid"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" class="value">{value:.3g}{unit}</text>'
            f'<text x="{x(seconds):.1f}" y="{_HEIGHT - 12}" class="time">{seconds:.0f} s</text>'
        )
    parts += [
        f'<line x1="{x(mark.at):.1f}" x2="{x(mark.at):.1f}" y1="{_TOP}" '
        f'y2="{_HEIGHT - _BOTTOM}" class="mark"><title>{escape(mark.text)}</title></line>'
        for mark in marks
    ]
    for number, line in enumerate(lines):
        parts.append(
            f'<path d="{_path(line, x, y, end)}" fill="none" stroke="{line.colour}" '
            'stroke-width="2"/>'
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{_TOP + 14 + 18 * number}" '
            f'fill="{line.colour}">{escape(line.name)}</text>'
        )
    label = escape(title, quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def _path(line: Line, x: _Scale, y: _Scale, end: float) -> str:
    commands: list[str] = []
    previous = 0.0
    for seconds, value in line.points:
        if commands and line.stepped:
            commands.append(f"L{x(seconds):.1f},{y(previous):.1f}")
        commands.append(f"{'L' if commands else 'M'}{x(seconds):.1f},{y(value):.1f}")
        previous = value
    if commands and line.stepped:
        commands.append(f"L{x(end):.1f},{y(previous):.1f}")
    return " ".join(commands)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, ... of the value's magnitude."""
    if value <= 0:
        return 1.0
    magnitude = 1.0
    while magnitude * 10 <= value:
        magnitude *= 10
    while magnitude > value:
        magnitude /= 10
    return next(magnitude * step for step in (1, 2, 5, 10) if magnitude * step >= value)
