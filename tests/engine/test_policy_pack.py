"""The guard-rails as the real Pulumi engine starts them and asks them."""

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
    program = (Path(__file__).parent / "judged.py").read_text()
    (project / "__main__.py").write_text(program)
    variables = {"PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": "test"}
    options = automation.LocalWorkspaceOptions(pulumi_command=command, env_vars=variables)
    return automation.create_stack("local", work_dir=str(project), opts=options)


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
