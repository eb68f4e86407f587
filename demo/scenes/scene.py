"""The result of a scene, and how its figures are shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from petmesh.rehearsal.load import LoadPhase


@dataclass(frozen=True)
class Scene:
    """The result of one scene.

    Attributes:
        key: its name for machines.
        title: its name for people.
        columns, rows: the table; a row with an unexpected result is named in `problems`.
        notes: lines below the table.
        data: all figures, for machines.
        problems: one line for each unexpected result.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problems: tuple[str, ...] = ()


LATENCY_COLUMNS = ("p50 ms", "p99 ms")


def latency_cells(phase: LoadPhase) -> tuple[str, str]:
    """Return a phase's latencies in milliseconds, for people."""
    return f"{phase.percentile(50) * 1000:.1f}", f"{phase.percentile(99) * 1000:.1f}"


def latency_data(phase: LoadPhase) -> dict[str, float]:
    """Return a phase's latencies in milliseconds, for machines."""
    return {
        "p50Ms": round(phase.percentile(50) * 1000, 2),
        "p99Ms": round(phase.percentile(99) * 1000, 2),
    }


def counts(responses: Counter[str]) -> str:
    """Return counts by name, such as `200: 40, 502: 2`."""
    found = sorted(responses.items())
    return ", ".join(f"{name}: {count:,}" for name, count in found) or "nothing"
