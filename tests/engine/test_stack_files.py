"""A stack's file, read by the CLI and in process alike."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from petmesh.program.config_keys import StackConfigError
from petmesh.program.pulumi_cli import CliError, find
from petmesh.program.stack_config import stack_config
from tests.unit.program.clivalues import REFUSED, VALUES


def _missing() -> str:
    try:
        return "" if find() else "no Pulumi CLI: run make install-cli"
    except CliError as error:
        return str(error)


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "there is one")

PROJECT = """
name: p
runtime: yaml
config:
  whole: {type: integer, default: 010}
  text: {type: string, default: usual}
  list: {type: array, items: {type: string}, default: [x, "<"]}
  p:half: {default: 1.50}
  short: 0x19
  other:key: {value: yes}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the stack s."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT)
    done = pulumi(folder, "stack", "init", "s")
    assert not done.returncode, done.stderr
    return folder


@cache
def command() -> str:
    found = find()
    assert found
    return found.command


def pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TZ": "UTC",
    }
    return subprocess.run(
        [command(), "--non-interactive", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def by_the_cli(folder: Path, text: str) -> dict[str, str] | None:
    """Each key's value, or None where the CLI refuses."""
    (folder / "Pulumi.s.yaml").write_text(text)
    done = pulumi(folder, "config", "--stack", "s", "--json", "--show-secrets")
    if done.returncode:
        return None
    told = cast("dict[str, dict[str, Any]]", json.loads(done.stdout))
    return {key: str(each["value"]) for key, each in told.items()}


def in_process(folder: Path, text: str) -> dict[str, str] | None:
    (folder / "Pulumi.s.yaml").write_text(text)
    try:
        return stack_config("s", {}, folder)[0]
    except StackConfigError:
        return None


def test_each_value_is_read_alike(project: Path) -> None:
    text = "".join(f"  p:v{place}: {value}\n" for place, (value, _) in enumerate(VALUES))
    theirs = by_the_cli(project, f"config:\n{text}")
    assert theirs
    read = {value: theirs[f"p:v{place}"] for place, (value, _) in enumerate(VALUES)}
    assert read == dict(VALUES)
    assert in_process(project, f"config:\n{text}") == theirs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "config: {}",
        "config:",
        "config:\n  text: alone\n  p:whole: 0b1\n",
        "config:\n  p:config:text: old form\n",
        "config: {text: 1}\n---\nconfig: [",
        "\ufeffconfig: {text: 1}",
        "secretsprovider: passphrase\nconfig:\n  other:key: mine\n",
    ],
)
def test_each_key_is_read_alike(project: Path, text: str) -> None:
    theirs = by_the_cli(project, text)
    assert theirs is not None
    assert in_process(project, text) == theirs


@pytest.mark.parametrize(
    "text",
    [
        *(f"config:\n  p:a: {value}\n" for value in REFUSED),
        "config:\n  p:a: 1\n  p:a: 2\n",
        "config: {}\nconfig: {}\n",
        "other: {a: 1, a: 2}\n",
        "config: {p:a:b: 1}",
        "config: {p:config:a:b: 1}",
        "config: {5: a}",
        "config: {true: a}",
        "config: [1]",
        "config: text",
        "[]",
        "text",
    ],
)
def test_what_one_refuses_the_other_refuses(project: Path, text: str) -> None:
    assert by_the_cli(project, text) is None
    assert in_process(project, text) is None
