"""What a user reads when the program refuses its config, or a resource fails."""

from pathlib import Path

import pytest
from pulumi import automation

from tests.engine.small import small_stack


@pytest.fixture
def stack(tmp_path: Path) -> automation.Stack:
    return small_stack("ending.py", tmp_path)


def seen(stack: automation.Stack) -> str:
    """What a failed up prints."""
    with pytest.raises(automation.CommandError) as failed:
        stack.up()
    return str(failed.value)


def test_a_refused_key_is_told_in_one_line(stack: automation.Stack) -> None:
    stack.set_config("canaryWeight", automation.ConfigValue("x"))
    printed = seen(stack)
    diagnostics = printed.partition("Diagnostics:")[2].partition("Resources:")[0]
    errors = [line.strip() for line in diagnostics.splitlines() if "error" in line]
    assert errors == ["error: canaryWeight = x: must be a whole number"]
    assert "exit code" not in printed


def test_a_resource_that_fails_is_told_without_the_programs_traceback(
    stack: automation.Stack,
) -> None:
    printed = seen(stack)
    assert "refused by the cloud" in printed
    assert "KeyboardInterrupt" not in printed
    assert "pulumi-language-python-exec" not in printed
