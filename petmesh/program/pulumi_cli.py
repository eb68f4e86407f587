"""Finds and installs the Pulumi CLI, and keeps its state in `.state` without an account.

Pulumi's SDK takes a second to import, so only the functions that need it import it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from petmesh.project import ROOT

if TYPE_CHECKING:
    from pulumi.automation import PulumiCommand

STATE = ROOT / ".state"
PINNED_VERSION = version("pulumi")
# Without it each state file has a second file for its metadata, which isn't written atomically: an
# engine that is killed meanwhile leaves it empty, and the state becomes unreadable.
# https://pkg.go.dev/gocloud.dev/blob/fileblob#URLOpener
WHOLE_FILES = "metadata=skip"


class CliError(Exception):
    """The Pulumi CLI is missing or unusable; the text says why, in one line."""


def find() -> PulumiCommand | None:
    """Return the CLI that `install` installed, else the one on the PATH; None if there is none.

    Raises:
        CliError: the CLI isn't one that the locked SDK can use.
    """
    from pulumi.automation import InvalidVersionError, PulumiCommand  # noqa: PLC0415

    for root in (_installed(), None):
        try:
            return PulumiCommand(root=str(root) if root else None)
        except FileNotFoundError:
            continue
        except (subprocess.CalledProcessError, InvalidVersionError, OSError) as error:
            raise CliError(f"the pulumi command can't be used: {error}") from error
    return None


def install() -> PulumiCommand:
    """Install the official CLI of the locked SDK's version into ~/.pulumi/versions.

    Raises:
        CliError: it can't be downloaded or started.
    """
    from pulumi.automation import InvalidVersionError, PulumiCommand  # noqa: PLC0415

    try:
        return PulumiCommand.install()
    except (OSError, subprocess.CalledProcessError, InvalidVersionError) as error:
        raise CliError(f"the Pulumi CLI {PINNED_VERSION} can't be installed: {error}") from error


def state_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that keep state in `.state`; none if the user has chosen a backend.

    A backend is chosen by PULUMI_BACKEND_URL or by an earlier `pulumi login`. State in `.state` is
    encrypted with a passphrase, created on first use in a file that only its owner can read.

    Raises:
        CliError: `.state` can't be created or written.
    """
    if environment.get("PULUMI_BACKEND_URL") or _logged_in(environment):
        return {}
    try:
        return _local_state(environment)
    except OSError as error:
        raise CliError(f"{STATE}: can't be written: {error.strerror}") from error


def environment_of(pulumi: PulumiCommand) -> dict[str, str]:
    """Return the environment in which a CLI finds its state and its own plugins.

    Raises:
        CliError: `.state` can't be created or written.
    """
    environment = {**os.environ, **state_environment()}
    if os.sep in pulumi.command:
        folder = Path(pulumi.command).parent
        environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
    return environment


def _local_state(environment: Mapping[str, str]) -> dict[str, str]:
    STATE.mkdir(mode=0o700, exist_ok=True)
    variables = {"PULUMI_BACKEND_URL": f"{STATE.as_uri()}?{WHOLE_FILES}"}
    if not environment.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        passphrase = STATE / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_urlsafe(32))
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase)
    return variables


def _installed() -> Path:
    return Path.home() / ".pulumi" / "versions" / PINNED_VERSION


def _logged_in(environment: Mapping[str, str]) -> bool:
    home = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        credentials = json.loads((home / "credentials.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(credentials.get("current"))
