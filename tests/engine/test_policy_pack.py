"""The guard-rails as the real Pulumi engine starts them and asks them."""

import os
import sys
from pathlib import Path

import pytest
from pulumi import automation

from petmesh.project import ROOT
from tests.engine.small import small_stack

HERE = Path(__file__).parent


def created(tmp_path: Path, program: str) -> automation.Stack:
    """A stack of a small program; its provider makes nothing."""
    stack = small_stack(program, tmp_path)
    plugin = tmp_path / "plugins" / "pulumi-resource-kubernetes"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "echo.py"} "$@"\n')
    plugin.chmod(0o755)
    path = f"{plugin.parent}{os.pathsep}{os.environ['PATH']}"
    stack.workspace.env_vars = {**stack.workspace.env_vars, "PATH": path}
    return stack


def configure(stack: automation.Stack, **config: str) -> None:
    for key, value in config.items():
        stack.set_config(key, automation.ConfigValue(value))


def up(stack: automation.Stack, **config: str) -> None:
    configure(stack, **config)
    stack.up(policy_packs=[str(ROOT / "petmesh/guardrails")])


def preview(stack: automation.Stack, **config: str) -> None:
    configure(stack, **config)
    stack.preview(policy_packs=[str(ROOT / "petmesh/guardrails")])


BOTH, INGRESS = '["Ingress", "Egress"]', '["Ingress"]'


def test_an_up_by_the_engine_is_held_to_the_rules(tmp_path: Path) -> None:
    stack = created(tmp_path, "judged.py")
    up(stack, setting="db.host", closed=BOTH)

    with pytest.raises(automation.CommandError, match="no-credential-in-clear") as refused:
        up(stack, setting="db.password", closed=BOTH)
    assert "data[db.password] is" in str(refused.value)
    assert "hunter2" not in str(refused.value)

    with pytest.raises(automation.CommandError, match="namespaces-closed") as refused:
        up(stack, setting="db.host", closed=INGRESS)
    assert "Namespace pets: Egress of every pod is" in str(refused.value)


def test_a_cluster_that_isnt_there_yet_is_no_violation_and_hides_none(tmp_path: Path) -> None:
    stack = created(tmp_path, "closed.py")
    preview(stack, closed=BOTH, budget="true")
    with pytest.raises(automation.CommandError, match="namespaces-closed"):
        preview(stack, closed=INGRESS)
    with pytest.raises(automation.CommandError, match="workloads-have-a-budget"):
        up(stack, closed=BOTH, budget="false")
    up(stack, budget="true")
    preview(stack)
    with pytest.raises(automation.CommandError, match="namespaces-closed"):
        up(stack, closed=INGRESS)
