"""The runbook of a killed `up`, as its reader has it: commands, and the answers they are for."""

import re
from collections.abc import Mapping
from textwrap import dedent
from typing import Final

from petmesh.project import ROOT

_PAGE: Final = ROOT / "docs/runbooks/killed-up.md"
_STEP: Final = re.compile(r"^\d+\. ", re.MULTILINE)
_ANSWER: Final = re.compile(r"\*\*`([^`]+)`\*\*")
_COMMANDS: Final = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def first() -> str:
    """The commands of the first step."""
    return _commands(_steps()[0])


def by_answer() -> Mapping[str, str]:
    """The commands that an `up`'s answer asks for, by words of that answer."""
    parts = [part for step in _steps() for part in _ANSWER.split(step)[1:]]
    return {answer: _commands(text) for answer, text in zip(parts[::2], parts[1::2], strict=True)}


def last() -> str:
    """The commands of the last step."""
    return _commands(_steps()[-1])


def _steps() -> list[str]:
    return _STEP.split(_PAGE.read_text())[1:]


def _commands(text: str) -> str:
    [commands] = _COMMANDS.findall(text)
    return dedent(commands)
