"""What a scene shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scene:
    """What one scene showed.

    Attributes:
        key: its name for machines.
        title: its name for people.
        columns, rows: the table; a row that isn't as it must be is named in `problems`.
        notes: what else is worth a line.
        data: everything, for machines.
        problems: what wasn't as it must be.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problems: tuple[str, ...] = ()


def milliseconds(seconds: float) -> str:
    """A latency in milliseconds, for people."""
    return f"{seconds * 1000:.1f}"
