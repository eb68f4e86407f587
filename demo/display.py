"""Displays scenes as tables, and writes them as JSON and Markdown."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from demo.scenes.scene import Scene
from petmesh.mesh.fields import Omission

WIDTH = 100
# The parts of a cluster that the rehearsal has to replace.
REPLACED = (
    ("pods' addresses", "ports of 127.0.0.1; each process has its own for HOST and PORT"),
    ("redirection to the sidecar", "HTTP_PROXY: the sidecar is the process's forward proxy"),
    ("proxyHttpPort of a pod's loopback", "the same forward proxy, at the pod's own port"),
    ("istiod", "its translation and its certificate authority are the rehearsal's"),
    ("cluster DNS", "the sidecar knows the names"),
    ("the ingress's certificate", "one of a local authority, for the same names"),
    ("outside hosts", "stand-ins on 127.0.0.1 with certificates of a local authority"),
)


class Display:
    """Writes to the terminal, or plain lines to anything else; NO_COLOR is honoured."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        stream = sys.stderr if to_stderr else sys.stdout
        probe = Console(file=stream)
        width = min(WIDTH, probe.width) if probe.is_terminal else WIDTH
        self.console = Console(file=stream, width=width, highlight=False)
        self._status: Status | None = None

    def progress(self, text: str) -> None:
        """Show what is being done: in place on a terminal, else as a line."""
        if not self.console.is_terminal:
            self.console.print(f"… {text}")
        elif self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def settle(self) -> None:
        """End the progress line."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def line(self, text: str, style: str = "") -> None:
        """Print a line of text."""
        self.settle()
        self.console.print(Text(text, style=style), soft_wrap=True)

    def scene(self, scene: Scene) -> None:
        """Print one scene."""
        self.settle()
        self.console.print()
        self.console.print(Text(scene.title, style="bold"))
        self.console.print(_table(scene.columns, scene.rows))
        for note in scene.notes:
            self.console.print(Padding(Text(note, style="dim"), (0, 0, 0, 2)))
        for problem in scene.problems:
            self.console.print(Padding(Text(f"✗ {problem}", style="bold red"), (0, 0, 0, 2)))

    def left_out(self, omissions: Iterable[Omission]) -> None:
        """Print what the rehearsal replaces, and what it leaves out."""
        self.settle()
        self.console.print()
        self.console.print(Text("In place of a cluster", style="bold"))
        self.console.print(_table(("of the cluster", "here"), REPLACED))
        by_reason: dict[str, list[str]] = {}
        for omission in omissions:
            by_reason.setdefault(omission.reason, []).append(omission.what)
        self.console.print()
        self.console.print(Text("Declared, but left out of the rehearsal", style="bold"))
        rows = [("\n".join(_short(what)), reason) for reason, what in by_reason.items()]
        longest = max((len(word) for names, _ in rows for word in names.split()), default=0)
        self.console.print(_table(("what", "why"), rows, min(longest, self.console.width * 2 // 3)))

    def verdict(self, problems: Sequence[str], seconds: float) -> None:
        """Print the last line."""
        self.settle()
        self.console.print()
        if problems:
            self.line(
                f"✗ {len(problems)} of the expectations failed, in {seconds:.0f} s", "bold red"
            )
        else:
            self.line(f"✓ everything as declared, in {seconds:.0f} s", "bold green")


def document(
    stack: str,
    scenes: Sequence[Scene],
    omissions: Iterable[Omission],
    findings: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """Return all figures of the scenes, for machines."""
    problems = [problem for scene in scenes for problem in scene.problems]
    return {
        "stack": stack,
        "passed": not problems,
        "problems": problems,
        "seconds": round(seconds, 1),
        "scenes": {scene.key: scene.data for scene in scenes},
        "findings": list(findings),
        "replaced": [{"what": what, "by": by} for what, by in REPLACED],
        "leftOut": [
            {"what": o.what, "reason": o.reason, "objects": list(o.objects)} for o in omissions
        ],
    }


def markdown(scenes: Iterable[Scene]) -> str:
    """Return the scenes' tables as Markdown."""
    blocks: list[str] = []
    for scene in scenes:
        lines = [f"**{scene.title}**", "", _cells(scene.columns), "|---" * len(scene.columns) + "|"]
        blocks.append("\n".join([*lines, *map(_cells, scene.rows)]))
        blocks += [*scene.notes, *(f"✗ {problem}" for problem in scene.problems)]
    return "\n\n".join(blocks) + "\n"


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write_json(content: Mapping[str, Any], file: str) -> None:
    """Write JSON to a file, or to standard output for `-`."""
    write(json.dumps(content, indent=2) + "\n", file)


def write(text: str, file: str) -> None:
    """Write text to a file, or to standard output for `-`."""
    if file == "-":
        sys.stdout.write(text)
        return
    with open(file, "w", encoding="utf-8") as output:  # noqa: PTH123 (the user's path as given)
        output.write(text)


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], first_width: int | None = None
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    content = [tuple(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = all(row[index][:1].isdigit() or row[index] in ("", "-") for row in content)
        justify = "right" if numeric else "left"
        width = None if index else first_width
        table.add_column(column, justify=justify, overflow="fold", width=width)
    for row in content:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _short(omitted: Sequence[str]) -> list[str]:
    """Return names of one kind on one line: `Deployment: a, b`."""
    by_kind: dict[str, list[str]] = {}
    for what in omitted:
        kind, _, path = what.partition(": ")
        by_kind.setdefault(kind, []).append(
            path.removeprefix("spec.").removeprefix("template.spec.")
        )
    return [
        f"{kind}: {', '.join(filter(None, paths))}" if any(paths) else kind
        for kind, paths in by_kind.items()
    ]
