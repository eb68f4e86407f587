"""What a user reads when the program refuses its config, or a resource fails."""

import os
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


def errors(printed: str) -> list[str]:
    """The lines of it that tell an error."""
    diagnostics = printed.partition("Diagnostics:")[2].partition("Resources:")[0]
    return [line.strip() for line in diagnostics.splitlines() if "error" in line]


def test_a_refused_key_is_told_in_one_line(stack: automation.Stack) -> None:
    stack.set_config("canaryWeight", automation.ConfigValue("x"))
    printed = seen(stack)
    assert errors(printed) == ["error: canaryWeight = x: must be a whole number"]
    assert "exit code" not in printed


def test_a_cluster_that_is_too_old_is_told_in_one_line_and_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = small_stack("old_cluster.py", tmp_path)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("""#!/bin/sh\necho '{"serverVersion": {"gitVersion": "v1.29.14"}}'\n""")
    kubectl.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    [error] = errors(seen(stack))
    assert error == (
        "error: kubeContext = kind-old: its cluster's version of Kubernetes is v1.29.14: must be "
        "1.32 or later for Istio 1.31.1"
    )
    deployment = stack.export_stack().deployment
    assert deployment
    assert [each["type"] for each in deployment["resources"]] == ["pulumi:pulumi:Stack"]


def test_a_resource_that_fails_is_told_without_the_programs_traceback(
    stack: automation.Stack,
) -> None:
    printed = seen(stack)
    assert "refused by the cloud" in printed
    assert "KeyboardInterrupt" not in printed
    assert "pulumi-language-python-exec" not in printed
