"""Measure the in-process plan for more and more services: `python -m bench.plan`.

Each figure is of a fresh process: its processor time, which other work on the machine moves least,
and its peak memory. The plan of three services is compared with a plain import of the SDK classes
that it uses. It can take less than that, since a run of the program is without garbage collection
(`petmesh/program/program.py`).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parents[1]
PLOT: Final = ROOT / "bench" / "plan.svg"
SIZES: Final = (3, 30, 100, 300)
# Of a plan of three services, by the processor time of the import alone.
MOST_OF_IMPORT: Final = 1.15
# Of what a further service costs among the most, by what it costs among fewer.
MOST_GROWTH: Final = 1.25
_PROGRAM: Final = ("apps", "infra", "istio", "observability", "petmesh", "settings", "stack")
_CALLS: Final = 3


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes:
        seconds: Its processor time.
        mebibytes: Its peak memory.
    """

    seconds: float
    mebibytes: float


def checkout(folder: Path, size: int) -> Path:
    """Copy the program, with so many services: each further one is called by another."""
    copy = folder / str(size)
    ignore = shutil.ignore_patterns("__pycache__", "tests")
    for name in _PROGRAM:
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for file in (*ROOT.glob("Pulumi*.yaml"), ROOT / "petmesh.yaml", ROOT / "__main__.py"):
        shutil.copy(file, copy)
    names = [
        f"service{number}" for number in range(size - len([*ROOT.glob("apps/*/service.yaml")]))
    ]
    entries: dict[str, dict[str, Any]] = {
        name: {"port": 9100, "paths": [f"/{name}/{{*}}"], "calls": {}} for name in names
    }
    front = copy / "apps" / "petservice" / "service.yaml"
    entries["petservice"] = yaml.safe_load(front.read_text())
    for number, name in enumerate(names):
        caller = names[(number - 1) // _CALLS] if number else "petservice"
        entries[caller]["calls"][f"{name.upper()}_URL"] = name
    for name, entry in entries.items():
        own = copy / "apps" / name
        own.mkdir(exist_ok=True)
        shutil.copy(copy / "apps" / "petmedicalhistoryservice" / "Dockerfile", own)
        (own / "service.yaml").write_text(yaml.safe_dump(entry))
    return copy


def measure(copy: Path, what: str, modules: Path) -> Cost:
    """Plan, or import the SDK's modules alone, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-P", str(ROOT / "bench" / "one_plan.py"), what, str(modules)],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(*json.loads(ended.stdout))


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(each.seconds for each in costs),
        statistics.median(each.mebibytes for each in costs),
    )


def compare(rounds: int) -> tuple[Cost, Mapping[int, Cost]]:
    """Measure the import and each size's plan, in turns; the medians."""
    imports: list[Cost] = []
    plans: dict[int, list[Cost]] = {size: [] for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        copies = {size: checkout(Path(folder), size) for size in SIZES}
        modules = Path(folder, "modules.json")
        for copy in copies.values():
            measure(copy, "plan", modules)  # compiles the copy, and lists the modules
        for _ in range(rounds):
            for size, copy in copies.items():
                plans[size].append(measure(copy, "plan", modules))
            imports.append(measure(copies[SIZES[0]], "import", modules))
    return _median(imports), {size: _median(costs) for size, costs in plans.items()}


def problems(imported: Cost, plans: Mapping[int, Cost]) -> list[str]:
    """One line for each bound that isn't held."""
    found: list[str] = []
    ratio = plans[SIZES[0]].seconds / imported.seconds
    if ratio > MOST_OF_IMPORT:
        found.append(f"{SIZES[0]} services: {ratio:.2f} times the import, not {MOST_OF_IMPORT}")
    for what in ("seconds", "mebibytes"):
        few, some, many = (getattr(plans[size], what) for size in SIZES[-3:])
        before = (some - few) / (SIZES[-2] - SIZES[-3])
        growth = (many - some) / (SIZES[-1] - SIZES[-2]) / before
        if growth > MOST_GROWTH:
            found.append(f"{SIZES[-1]} services: {growth:.2f} times the {what} a service")
    return found


def plot(plans: Mapping[int, Cost]) -> str:
    """Draw time and memory by the number of services, as SVG."""
    panels = (
        ("processor seconds", {size: cost.seconds for size, cost in plans.items()}),
        ("peak memory, MiB", {size: cost.mebibytes for size, cost in plans.items()}),
    )
    drawn = "".join(_panel(20 + index * 340, *panel) for index, panel in enumerate(panels))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 240" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="680" height="240" fill="white"/>{drawn}</svg>\n'
    )


def _panel(left: int, title: str, values: Mapping[int, float]) -> str:
    width, height, top = 260, 150, 40
    most = max(values.values())

    def at(size: int, value: float) -> tuple[float, float]:
        return left + 30 + width * size / SIZES[-1], top + height * (1 - value / most)

    points = {size: at(size, value) for size, value in values.items()}
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points.values())
    floor = top + height
    labels = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#36c"/>'
        f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{values[size]:.3g}</text>'
        f'<text x="{x:.0f}" y="{floor + 18}" text-anchor="middle">{size}</text>'
        for size, (x, y) in points.items()
    )
    return (
        f'<text x="{left + 30}" y="18">{title}</text>'
        f'<path d="M{left + 30},{top} V{floor} H{left + 30 + width}" stroke="#999" fill="none"/>'
        f'<polyline points="{line}" stroke="#36c" fill="none"/>{labels}'
        f'<text x="{left + 30 + width / 2:.0f}" y="{floor + 36}" text-anchor="middle">services'
        "</text>"
    )


def main() -> int:
    """Print the figures, and write the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each size")
    rounds: int = parser.parse_args().rounds
    imported, plans = compare(rounds)
    table = Table("services", "seconds", "of the import", "MiB")
    table.add_row("import", f"{imported.seconds:.2f}", "1.00", f"{imported.mebibytes:.0f}")
    for size, cost in plans.items():
        ratio = cost.seconds / imported.seconds
        table.add_row(str(size), f"{cost.seconds:.2f}", f"{ratio:.2f}", f"{cost.mebibytes:.0f}")
    Console().print(table)
    PLOT.write_text(plot(plans))
    found = problems(imported, plans)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
