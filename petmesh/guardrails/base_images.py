"""Which images a Dockerfile's build draws on, read by BuildKit's own parser.

Source:
    https://docs.docker.com/reference/dockerfile/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

# As BuildKit looks for it: https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/directives.go
_SYNTAX: Final = re.compile(
    r"\ufeff?(?:#![^\n]*\n)?(?:(?:#|//)[^\n=]+=[^\n]*\n)*(?:#|//)\s*syntax\s*=\s*(\S+)",
    re.IGNORECASE,
)
_SYNTAX_OF_JSON: Final = re.compile(r"""\ufeff?\s*\{[^}]*"syntax"\s*:\s*"([^"]+)""", re.IGNORECASE)
# What COPY and ADD have as a flag, RUN has within --mount.
_DRAWN: Final = re.compile(r"""(?:--|[,="'])from=["']?([^\s,"']+)""", re.IGNORECASE)
_FETCHED: Final = re.compile(r"https?://|git@|ssh://|git://")
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


class UnreadableError(Exception):
    """BuildKit couldn't read a Dockerfile; one line says why."""


def images(text: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each image or file that a build fetches and doesn't make itself, with what fetches it.

    Args:
        text: The Dockerfile.
        given: The build's arguments; those that the Dockerfile doesn't ask for change nothing.

    Raises:
        UnreadableError: It isn't one.
    """
    if syntax := _SYNTAX.match(text) or _SYNTAX_OF_JSON.match(text):
        yield "syntax", syntax[1]
    # Only what is declared before the first FROM counts in a FROM.
    arguments: dict[str, str] = {}
    stages: list[str] = []
    for command in _commands(text):
        name = command.cmd.upper()
        if name == "ARG" and not stages:
            for word in command.value:
                key, _, default = word.partition("=")
                default = _expanded(default.strip("\"'"), arguments)
                arguments[key] = str(given.get(key, default))
        elif name == "FROM":
            image, *alias = (_expanded(word.strip("\"'"), arguments) for word in command.value)
            if image.lower() not in ("scratch", *stages):
                yield name, image
            stages.append(alias[1].lower() if len(alias) > 1 else "")
        else:
            # What an ONBUILD has as flags is in its text alone.
            flags = command.original if name == "ONBUILD" else " ".join(command.flags)
            fetched = [each for each in command.value if _FETCHED.match(each)]
            if name == "ADD" and fetched and "--checksum=" not in flags:
                yield name, fetched[0]
            for image in _DRAWN.findall(flags):
                if image.lower() not in stages and not image.isdecimal():
                    yield f"{name} --from", image


def settings(text: str) -> Iterator[tuple[str, str]]:
    """The variables and the arguments' defaults that a Dockerfile sets, which its image keeps.

    Raises:
        UnreadableError: It isn't one.
    """
    for command in _commands(text):
        if command.cmd.upper() == "ENV":
            yield from zip(command.value[::2], command.value[1::2], strict=True)
        elif command.cmd.upper() == "ARG":
            yield from (word.partition("=")[::2] for word in command.value)


def _commands(text: str) -> Sequence[Any]:
    try:
        parser: Any = import_module("dockerfile")
    except ImportError as error:
        # PyPI has it built for all that petmesh runs on but Linux on Arm.
        raise UnreadableError("pip install dockerfile, which needs Go on this platform") from error
    try:
        return parser.parse_string(text)
    except parser.GoParseError as error:
        raise UnreadableError(str(error).partition("\n")[0]) from error


def _expanded(text: str, arguments: Mapping[str, str]) -> str:
    """A word with its variables' values, or their defaults; other forms are left as they are."""
    return _VARIABLE.sub(
        lambda found: arguments.get(found[1] or found[2]) or found[3] or "",
        text,
    )
