"""Values for what only a stack's owner knows, where nothing is created with them."""

from collections.abc import Mapping
from pathlib import Path

from rehearsal.program import ProgramError
from rehearsal.stackconfig import ROOT, StackConfigError, stack_config

PLACEHOLDERS = {"gcp:project": "rehearsal"}


def with_placeholders(
    stack: str, overrides: Mapping[str, str], root: Path = ROOT
) -> dict[str, str]:
    """The overrides, and placeholders for what only a stack's owner knows.

    Raises:
        ProgramError: the stack has no configuration file, or it can't be read.
    """
    try:
        config, _ = stack_config(stack, overrides, root)
    except StackConfigError as error:
        raise ProgramError(str(error)) from error
    missing = {key: value for key, value in PLACEHOLDERS.items() if not config.get(key)}
    return {**missing, **overrides}
