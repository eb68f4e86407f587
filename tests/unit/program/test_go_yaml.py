"""Config values as the CLI reads them. tests/engine compares the same table with the CLI."""

import pytest
import yaml

from petmesh.program.go_yaml import as_text, load
from tests.unit.program.clivalues import REFUSED, VALUES


@pytest.mark.parametrize(("written", "read"), VALUES)
def test_a_value_is_read_as_the_cli_reads_it(written: str, read: str) -> None:
    assert as_text(load(f"config:\n  p:a: {written}\n")["config"]["p:a"]) == read


@pytest.mark.parametrize("written", REFUSED)
def test_what_the_cli_refuses_is_refused(written: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError, RecursionError)):
        as_text(load(f"config:\n  p:a: {written}\n")["config"]["p:a"])


@pytest.mark.parametrize("text", ["", "# nothing", "---", "--- \n---\n"])
def test_a_text_without_a_value_is_null(text: str) -> None:
    assert load(text) is None


def test_a_second_document_is_not_read() -> None:
    assert load("a: 1\n---\n[") == {"a": 1}


def test_aliases_of_aliases_are_no_config() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(yaml.YAMLError, match="its aliases expand to too much"):
        load("\n".join(lines))
