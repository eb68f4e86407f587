"""A copy of the project, its `local` stack in a state of its own, and the cluster it goes to."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pulumi import automation

from petmesh.program.pulumi_cli import CliError, find
from petmesh.project import ROOT
from tests.e2e.local_stack import LocalStack

CONFIG_VARIABLE = "E2E_CONFIG"


@pytest.fixture(scope="session")
def pulumi_command() -> automation.PulumiCommand:
    """The Pulumi CLI."""
    try:
        command = find()
    except CliError as error:
        pytest.exit(f"e2e can't run: {error}", returncode=1)
    if command is None:
        pytest.exit("e2e can't run: no Pulumi CLI; run make install-cli", returncode=1)
    return command


@pytest.fixture(scope="session")
def cluster() -> None:
    """The cluster of the current kube context."""
    if not shutil.which("kubectl"):
        pytest.exit("e2e can't run: kubectl is not on the PATH", returncode=1)
    answer = subprocess.run(
        ["kubectl", "version", "--request-timeout=10s"], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        reason = answer.stderr.strip().splitlines()[-1]
        pytest.exit(f"e2e can't run: no cluster answers: {reason}", returncode=1)


@pytest.fixture(scope="module")
def local_stack(
    pulumi_command: automation.PulumiCommand,
    cluster: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalStack]:
    """The `local` stack, destroyed at the end whatever happened."""
    project = _copy_of_project(tmp_path_factory.mktemp("project"))
    state = tmp_path_factory.mktemp("state")
    stack = automation.create_or_select_stack(
        "local",
        work_dir=str(project),
        opts=automation.LocalWorkspaceOptions(
            pulumi_command=pulumi_command,
            env_vars={
                "PULUMI_BACKEND_URL": state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "e2e",
            },
        ),
    )
    local = LocalStack(stack)
    try:
        yield local
    finally:
        local.destroy()


def _copy_of_project(copy: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    if given := os.environ.get(CONFIG_VARIABLE):
        stack_file = copy / "Pulumi.local.yaml"
        stack_config = yaml.safe_load(stack_file.read_text())
        stack_config["config"] |= {
            f"petmesh:{key}": value
            for key, value in yaml.safe_load(Path(given).read_text()).items()
        }
        stack_file.write_text(json.dumps(stack_config))
    return copy
