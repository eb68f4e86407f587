"""Stacks of the small programs beside this file, on the real engine."""

import sys
from pathlib import Path

import pytest
import yaml
from pulumi import automation

from petmesh.program.pulumi_cli import CliError, find
from petmesh.project import ROOT


def small_stack(program: str, folder: Path) -> automation.Stack:
    """A stack of one program, in a state of its own; the test is skipped where there is no CLI.

    Args:
        program: The file's name.
        folder: An empty folder, for the project and its state.
    """
    try:
        command = find()
    except CliError as error:
        pytest.skip(str(error))
    if command is None:
        pytest.skip("no Pulumi CLI: run make install-cli")
    project, state = folder / "project", folder / "state"
    project.mkdir()
    state.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "petmesh", "runtime": runtime}))
    (project / "__main__.py").write_text((Path(__file__).parent / program).read_text())
    variables = {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PYTHONPATH": str(ROOT),
    }
    options = automation.LocalWorkspaceOptions(pulumi_command=command, env_vars=variables)
    return automation.create_stack("local", work_dir=str(project), opts=options)
