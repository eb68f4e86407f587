"""The README's list of rules."""

from policy.pack import RULES
from settings import ROOT


def test_the_readme_lists_every_rule_as_it_describes_itself() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("| Rule | What it holds to |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| `{rule.name}` | {rule.description} |" for rule in RULES]
