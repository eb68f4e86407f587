"""The generated tables of the documentation; `make docs` writes them into their pages.

A table stands in its page from its head to the next empty line.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from apps.entry import Entry, Resources
from docs.gke_settings import COLUMNS, rows
from petmesh.guardrails.pack import RULES
from settings import Settings

ROOT: Final = Path(__file__).resolve().parents[1]
_UNDERSTOOD: Final = ROOT / "docs" / "istiod_understood.yaml"


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        page: The page's path in the repository.
        columns: The head.
        rows: A row's cells each, as Markdown.
    """

    page: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def renewed(self, text: str) -> str:
        """The page's text with this table in place of the one that it has.

        Raises:
            ValueError: The page has no such table.
        """
        head = f"{_line(self.columns)}{'|---' * len(self.columns)}|\n"
        before, found, rest = text.partition(head)
        if not found:
            raise ValueError(f"{self.page} has no table with the head {head}")
        _, _, after = rest.partition("\n\n")
        return f"{before}{head}{''.join(map(_line, self.rows))}\n{after}"


def _line(cells: Sequence[str]) -> str:
    row = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {row} |\n"


def _config() -> Iterator[Sequence[str]]:
    """A row for each config key that Pulumi.yaml declares."""
    keys: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, declared in keys.items():
        of = f" of {declared['items']['type']}s" if "items" in declared else ""
        default = declared["default"]
        shown = default if isinstance(default, str) else json.dumps(default)
        yield (
            f"`{key}`",
            f"{declared['type']}{of}",
            f"`{shown}`" if default not in ("", []) else "empty",
            declared["description"],
        )
    # Structured config has no type that Pulumi.yaml could declare.
    releases = str(Settings.model_fields["releases"].description)
    applications = str(Settings.model_fields["applications"].description)
    yield (
        "`applications`",
        "map of maps",
        "empty",
        f"owner platform: its applications: {applications}",
    )
    yield "`releases`", "map of maps", "empty", f"Releases of further services: {releases}"
    groups = str(Settings.model_fields["release_groups"].description)
    yield "`releaseGroups`", "map of lists", "empty", f"What is released together: {groups}"


def _entry() -> Iterator[Sequence[str]]:
    """A row for each key of a service's entry."""
    for key, field in Entry.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, Resources):
            default = {name: each.model_dump() for name, each in default}
        if field.is_required():
            shown = "required"
        else:
            shown = f"`{json.dumps(default)}`" if default else "none"
        yield f"`{key}`", shown, field.description or ""


def _differences() -> Iterator[Sequence[str]]:
    """A row for each known difference between istiod and the translation."""
    text = (ROOT / "docs" / "istiod_differences.yaml").read_text()
    for each in yaml.safe_load(text):
        yield each["what"], each["istiod"], each["rehearsal"], each["reason"]


def _understood() -> Iterator[Sequence[str]]:
    """A row for each kind of object in Istio's own source, with how many are understood."""
    for each in yaml.safe_load(_UNDERSTOOD.read_text())["kinds"]:
        numbers = [each[key] for key in ("found", "valid", "understood")]
        share = f"{100 * numbers[2] / numbers[1]:.1f}%" if numbers[1] else ""
        yield each["kind"], *map(str, numbers), share


def _not_understood() -> Iterator[Sequence[str]]:
    """A row for each reason for which valid objects aren't understood."""
    for each in yaml.safe_load(_UNDERSTOOD.read_text())["others"]:
        yield each["kind"], str(each["number"]), each["reason"], f"`{each['one']}`"


TABLES: Final = (
    Table("docs/config.md", ("Key", "Type", "Default", "Description"), [*_config()]),
    Table("docs/services.md", ("Key", "Default", "It must be"), [*_entry()]),
    Table(
        "docs/guard-rails.md",
        ("Rule", "What it holds to", "Standard"),
        [(f"`{rule.name}`", rule.description, rule.standard) for rule in RULES],
    ),
    Table("docs/gke.md", COLUMNS, rows()),
    Table("docs/istiod.md", ("What", "istiod", "Rehearsal", "Reason"), [*_differences()]),
    Table("docs/istiod.md", ("Kind", "Found", "Valid", "Understood", "Share"), [*_understood()]),
    Table("docs/istiod.md", ("Kind", "Objects", "Why not", "One of them"), [*_not_understood()]),
)


if __name__ == "__main__":
    for table in TABLES:
        page = ROOT / table.page
        page.write_text(table.renewed(page.read_text()))
