"""The table of rules in docs/guard-rails.md, as the rules describe themselves.

Write it anew with `python -m policy.table`.
"""

from pathlib import Path
from typing import Final

from policy.pack import RULES

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "guard-rails.md"
HEAD: Final = "| Rule | What it holds to | Standard |\n|---|---|---|\n"


def table() -> str:
    """A row for each rule: its name, what it holds to and which standard it follows."""
    rows = (f"| `{rule.name}` | {rule.description} | {rule.standard} |\n" for rule in RULES)
    return HEAD + "".join(rows)


def renewed(page: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = page.partition(HEAD)
    return before + table() + "\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
