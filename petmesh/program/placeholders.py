"""Placeholders for config values that only a stack's owner knows, where nothing is created."""

from collections.abc import Mapping
from pathlib import Path

from petmesh.program.config_keys import StackConfigError
from petmesh.program.declaration import ProgramError
from petmesh.program.stack_config import stack_config
from petmesh.project import ROOT

PLACEHOLDER = "rehearsal"
PLACEHOLDERS = {"gcp:project": PLACEHOLDER}


def with_placeholders(
    stack: str, overrides: Mapping[str, str], root: Path = ROOT, *, encrypted: bool = False
) -> dict[str, str]:
    """Return the overrides, with placeholders for missing values that only an owner knows.

    Args:
        stack: the stack's name.
        overrides: values by key, which no placeholder replaces.
        root: the folder of Pulumi.yaml.
        encrypted: whether encrypted values get their defaults or placeholders too.

    Raises:
        ProgramError: the stack has no configuration file, or it can't be read.
    """
    placeholder = PLACEHOLDER if encrypted else ""
    try:
        config, secret = stack_config(stack, overrides, root, placeholder=placeholder)
    except StackConfigError as error:
        raise ProgramError(str(error)) from error
    missing = {key: value for key, value in PLACEHOLDERS.items() if not config.get(key)}
    return {**missing, **{key: config[key] for key in secret if encrypted}, **overrides}
