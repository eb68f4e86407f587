"""Values for what only a stack's owner knows, where nothing is created with them."""

from collections.abc import Mapping
from pathlib import Path

from petmesh.program.declaration import ProgramError
from petmesh.program.stack_config import StackConfigError, stack_config
from petmesh.project import ROOT

PLACEHOLDER = "rehearsal"
PLACEHOLDERS = {"gcp:project": PLACEHOLDER}


def with_placeholders(
    stack: str, overrides: Mapping[str, str], root: Path = ROOT, *, encrypted: bool = False
) -> dict[str, str]:
    """The overrides, and placeholders for what only a stack's owner knows.

    Args:
        stack: the stack's name.
        overrides: values by key, which no placeholder takes the place of.
        root: the folder of Pulumi.yaml.
        encrypted: whether values that are encrypted get their defaults or placeholders too, which
            are as secret.

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
