"""Options that several commands share, and parsers of options' values.

A parser raises BadParameter with the value and what is allowed; the app adds the option's name.
Typer passes defaults through the parser too.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

OFF = "off"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PERCENT = 100


class Pair(NamedTuple):
    """A key and its value."""

    key: str
    value: str


class Limit(NamedTuple):
    """A condition's number; None switches the condition off."""

    number: float | None


class Percents(tuple[int, ...]):
    """Whole numbers from 0 to 100."""

    __slots__ = ()


def pair(text: str) -> Pair:
    """Parse KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text}: must be KEY=VALUE, as canaryWeight=25")
    return Pair(key, value)


def whole(text: str) -> int:
    """Parse a whole number of up to nine digits."""
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise typer.BadParameter(f"{text}: must be a whole number")
    return int(text)


def whole_between(least: int, most: int, *, or_zero: bool = False) -> Callable[[str | int], int]:
    """Return a parser of whole numbers in a range, and of 0 if `or_zero`."""
    allowed = f"{'0 or ' if or_zero else ''}a whole number from {least} to {most}"

    def read(text: str | int) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", str(text), re.ASCII) else -1
        if not least <= number <= most and not (or_zero and number == 0):
            raise typer.BadParameter(f"{text}: must be {allowed}")
        return number

    return read


def percents(text: str | Percents) -> Percents:
    """Parse whole numbers from 0 to 100, separated by commas."""
    if isinstance(text, Percents):
        return text
    given = text.split(",")
    if not all(re.fullmatch(r"[0-9]{1,3}", each, re.ASCII) for each in given) or any(
        int(each) > _PERCENT for each in given
    ):
        raise typer.BadParameter(f"{text}: must be whole numbers from 0 to 100, as 0,50")
    return Percents(map(int, given))


def seconds(text: str) -> float:
    """Parse a time with its unit into seconds."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?)(ms|s|m|h)", text, re.ASCII)
    if not match:
        raise typer.BadParameter(f"{text}: must be a time such as 500ms, 30s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def limit(text: str) -> Limit:
    """Parse a number, or `off`."""
    if text != OFF and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text, re.ASCII):
        raise typer.BadParameter(f"{text}: must be a number, or {OFF}")
    return Limit(None if text == OFF else float(text))


def whole_limit(text: str) -> Limit:
    """Parse a whole number, or `off`."""
    if text != OFF and not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise typer.BadParameter(f"{text}: must be a whole number, or {OFF}")
    return Limit(None if text == OFF else int(text))


def writable(text: str) -> str:
    """Check that a file can be written; `-` is standard output."""
    path = Path(text)
    if text != "-" and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise typer.BadParameter(f"{text}: must be a file in a folder that can be written")
    return text


Stack = Annotated[
    str, typer.Option(metavar="STACK", help="The stack: its config is Pulumi.STACK.yaml.")
]
Config = Annotated[
    list[Pair] | None,
    typer.Option(
        parser=pair,
        metavar="KEY=VALUE",
        show_default=False,
        help="A config value that overrides the stack's; repeatable.",
    ),
]
JsonFile = Annotated[
    str | None,
    typer.Option(
        "--json", parser=writable, metavar="FILE", help="Write all figures there; - for stdout."
    ),
]
Ui = Annotated[
    bool, typer.Option("--ui", help="Serve a page to look at on this machine's loopback address.")
]
UiPort = Annotated[
    int | None,
    typer.Option(
        "--ui-port",
        parser=whole_between(1, 65535),
        metavar="PORT",
        help="The page's port.",
        show_default="any free port",
    ),
]
