"""A suite's results: a table for people, JUnit and JSON for CI, Markdown for a pull request."""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from petmesh.expectations.judge import Result
from petmesh.expectations.suite import Suite
from petmesh.program.diff_text import printable


def print_suite(suite: Suite, console: Console) -> None:
    """Print a row for each expectation, a line for each miss, and what no expectation reached."""
    table = Table("", "Expectation", "Answered", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for result in suite.results:
        counts = [f"{count} x {what}" for what, count in result.answered.items()]
        title = escape(printable(result.question.title))
        table.add_row(_mark(result), title, escape(", ".join(counts)))
    console.print(table)
    for line in misses(suite):
        console.print(escape(line), style="red", soft_wrap=True)
    for line in skipped(suite):
        console.print(escape(line), style="dim", soft_wrap=True)
    console.print(summary(suite))
    for item in suite.coverage.missed if suite.coverage else ():
        console.print(escape(f"  not reached: {item}"), style="dim", soft_wrap=True)


def _mark(result: Result) -> str:
    if not result.was_asked:
        return "[dim]skip[/]"
    return "[green]ok[/]" if result.passed else "[red]MISS[/]"


def misses(suite: Suite) -> Iterator[str]:
    """Yield a line for each miss: the expectation, what came, and the object that decided."""
    for result in suite.results:
        for miss in result.misses:
            yield printable(f"{result.question.title}: {miss}")


def skipped(suite: Suite) -> Iterator[str]:
    """Yield a line for each expectation of which something wasn't asked, with the reason."""
    for result in suite.results:
        if result.skipped:
            yield printable(f"{result.question.title}: skipped {result.skipped}")


def summary(suite: Suite) -> str:
    """Return the number of met expectations, and the coverage, in one line."""
    asked = len(suite.results) - suite.skipped
    text = f"{asked - suite.failed} of {asked} expectations met"
    if suite.skipped:
        text += f", {suite.skipped} skipped"
    if suite.coverage is None:
        return text
    reached = suite.coverage
    count = len(reached.items) - len(reached.missed)
    return f"{text}; coverage {reached.percent:.0f}% ({count} of {len(reached.items)})"


def junit(suite: Suite) -> str:
    """Return the results as JUnit XML."""
    total = sum(result.seconds for result in suite.results)
    root = ET.Element(
        "testsuite",
        name="petmesh",
        tests=str(len(suite.results)),
        failures=str(suite.failed),
        skipped=str(suite.skipped),
        time=f"{total:.3f}",
    )
    for result in suite.results:
        title = printable(result.question.title)
        case = ET.SubElement(
            root, "testcase", name=title, classname="petmesh", time=f"{result.seconds:.3f}"
        )
        if not result.passed:
            failure = ET.SubElement(case, "failure", message=printable(result.misses[0]))
            failure.text = "\n".join(map(printable, result.misses))
        elif not result.was_asked:
            ET.SubElement(case, "skipped", message=printable(result.skipped))
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def as_json(suite: Suite) -> str:
    """Return the results as JSON."""
    held: dict[str, Any] = {
        "expectations": [
            {
                "name": result.question.title,
                "passed": result.passed and result.was_asked,
                "misses": list(result.misses),
                "skipped": result.skipped,
                "answered": dict(result.answered),
                "seconds": round(result.seconds, 4),
            }
            for result in suite.results
        ],
        "failed": suite.failed,
        "skipped": suite.skipped,
    }
    if suite.coverage:
        held["coverage"] = {
            "percent": round(suite.coverage.percent, 2),
            "items": len(suite.coverage.items),
            "missed": [str(item) for item in suite.coverage.missed],
        }
    return json.dumps(held, indent=2) + "\n"


def markdown(suite: Suite) -> str:
    """Return the results as Markdown; what a change's author wrote is in code that it can't end."""
    lines = [f"**{summary(suite)}**", ""]
    missed, left_out = list(misses(suite)), list(skipped(suite))
    if missed:
        lines += ["Not met:", "", *_block(missed)]
    if left_out:
        lines += ["Skipped:", "", *_block(left_out)]
    if suite.coverage and suite.coverage.missed:
        names = [printable(str(item)) for item in suite.coverage.missed]
        lines += ["<details><summary>No expectation reached</summary>", "", *_block(names)]
        lines += ["</details>", ""]
    return "\n".join(lines)


def _block(lines: list[str]) -> list[str]:
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return [fence, *lines, fence, ""]
