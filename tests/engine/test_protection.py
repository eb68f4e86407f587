"""What the real engine leaves of a protected stack that somebody destroys."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pulumi import automation

from tests.engine.small import small_stack


@pytest.fixture
def stack(tmp_path: Path) -> automation.Stack:
    """A protected stack with a canary, applied."""
    stack = small_stack("protected.py", tmp_path)
    configure(stack, deletionProtection="true", canaryVersion="v2")
    stack.up()
    return stack


def configure(stack: automation.Stack, **config: str) -> None:
    for key, value in config.items():
        stack.set_config(key, automation.ConfigValue(value))


def there(stack: automation.Stack) -> Mapping[str, str]:
    """The type of each resource in the state by its URN."""
    deployment = stack.export_stack().deployment
    assert deployment
    return {each["urn"]: each["type"] for each in deployment.get("resources", ())}


def test_a_destroy_of_a_protected_stack_deletes_nothing(stack: automation.Stack) -> None:
    before = there(stack)
    assert len(before) > 5
    with pytest.raises(automation.CommandError, match=r"deletion-protection.* cannot be deleted"):
        stack.destroy()
    assert there(stack) == before


def test_an_up_of_a_protected_stack_deletes_what_is_declared_no_more(
    stack: automation.Stack,
) -> None:
    before = there(stack)
    stack.remove_config("canaryVersion")
    stack.up()
    [gone] = before.keys() - there(stack).keys()
    assert gone.endswith("::canary")


def test_a_destroy_follows_an_up_that_takes_the_protection_away(stack: automation.Stack) -> None:
    configure(stack, deletionProtection="false")
    changes = stack.up().summary.resource_changes
    assert changes == {"same": len(there(stack)) - providers(stack)}
    stack.destroy()
    assert not there(stack)


def providers(stack: automation.Stack) -> int:
    return sum(each.startswith("pulumi:providers:") for each in there(stack).values())
