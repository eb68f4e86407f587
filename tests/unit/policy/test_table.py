"""The page of rules."""

from policy.table import PAGE, renewed


def test_the_page_lists_every_rule_as_it_describes_itself() -> None:
    assert PAGE.read_text() == renewed(PAGE.read_text())
