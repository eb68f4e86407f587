"""The documentation: its generated tables, and where its links and paths lead."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.tables import TABLES, Table
from settings import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("apps/*/README.md"),
        ROOT / "examples/README.md",
    ],
)
FOLDERS = {path.parent.name for path in ROOT.glob("*/*.py")} | {"tests"}


def tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text())


def inline(page: Path) -> Iterator[Token]:
    for token in tokens(page):
        yield from token.children or ()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    names: set[str] = set()
    blocks = tokens(page)
    for opening, heading in pairwise(blocks):
        if opening.type == "heading_open":
            text = "".join(each.content for each in heading.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.add(f"{slug}-{found[slug]}" if found[slug] else slug)
            found[slug] += 1
    return names


def leads_nowhere(page: Path) -> Iterator[str]:
    for token in inline(page):
        target = str(token.attrGet("href") or token.attrGet("src") or "")
        if not target or re.match(r"https?://", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def lists_set_as_text(page: Path) -> Iterator[str]:
    """The keys of lists that a page's commands set to one value, which the Pulumi CLI refuses."""
    keys = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for token in (*tokens(page), *inline(page)):
        for key in re.findall(r"config set (\w+)", token.content):
            if keys.get(key, {}).get("type") == "array":
                yield key


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.page)
def test_a_generated_table_is_up_to_date(table: Table) -> None:
    text = (ROOT / table.page).read_text()
    assert text == table.renewed(text), "make docs writes it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_leads_somewhere(page: Path) -> None:
    assert [*leads_nowhere(page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = {token.content for token in inline(page) if token.type == "code_inline"}
    paths = {each for each in named if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", each)}
    own = {each for each in paths if each.partition("/")[0] in FOLDERS and "/" in each}
    assert {each for each in own if not (ROOT / each).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_list_is_set_item_by_item(page: Path) -> None:
    assert [*lists_set_as_text(page)] == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Two words\n\n## `code`, and more\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md#two-words) [b](there.md#code-and-more) [c](gone.md) [d](there.md#gone)\n"
        "![e](gone.png) `[f](gone.md)` [g](https://example.com/gone)\n"
    )
    assert [*leads_nowhere(page)] == ["gone.md", "there.md#gone", "gone.png"]
