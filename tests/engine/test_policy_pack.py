"""The guard-rails as the real Pulumi engine starts them and asks them."""

from pathlib import Path

import pytest
from pulumi import automation

from cli.pulumi_cli import ROOT
from tests.engine.small import small_stack


@pytest.fixture
def stack(tmp_path: Path) -> automation.Stack:
    return small_stack("judged.py", tmp_path)


def up(stack: automation.Stack, setting: str, closed: str) -> None:
    stack.set_config("setting", automation.ConfigValue(setting))
    stack.set_config("closed", automation.ConfigValue(closed))
    stack.up(policy_packs=[str(ROOT / "policy")])


def test_an_up_by_the_engine_is_held_to_the_rules(stack: automation.Stack) -> None:
    up(stack, "db.host", '["Ingress", "Egress"]')

    with pytest.raises(automation.CommandError, match="no-credential-in-clear") as refused:
        up(stack, "db.password", '["Ingress", "Egress"]')
    assert "data.db.password is" in str(refused.value)
    assert "hunter2" not in str(refused.value)

    with pytest.raises(automation.CommandError, match="namespaces-closed") as refused:
        up(stack, "db.host", '["Ingress"]')
    assert "Namespace pets: Egress of every pod is" in str(refused.value)
