"""What a user reads when the program refuses its config, or a resource fails."""

import sys
from pathlib import Path

import pytest
import yaml
from pulumi import automation

from cli.pulumi_cli import ROOT, CliError, find


@pytest.fixture
def stack(tmp_path: Path) -> automation.Stack:
    """A stack of the small program, in a state of its own."""
    try:
        command = find()
    except CliError as error:
        pytest.skip(str(error))
    if command is None:
        pytest.skip("no Pulumi CLI: run make install-cli")
    project, state = tmp_path / "project", tmp_path / "state"
    project.mkdir()
    state.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "petmesh", "runtime": runtime}))
    (project / "__main__.py").write_text((Path(__file__).parent / "ending.py").read_text())
    variables = {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PYTHONPATH": str(ROOT),
    }
    options = automation.LocalWorkspaceOptions(pulumi_command=command, env_vars=variables)
    return automation.create_stack("local", work_dir=str(project), opts=options)


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
