"""Dockerfiles, read by BuildKit's own parser: the images they fetch, how they build, what they set.

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
# What is fetched and run at once, by whatever shell or interpreter.
_PIPED: Final = re.compile(
    r"\b(?:curl|wget)\b[^;&]*\|[^;&]*\b(?:sh|bash|dash|zsh|python3?|perl|node)\b"
    r"|\b(?:sh|bash|eval|source)\b[^;&|]*(?:\$\(|<\(|`)\s*(?:curl|wget)\b"
)
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


class UnreadableError(Exception):
    """A Dockerfile that BuildKit's parser refuses; the message is one line."""


def images(text: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The images and files that a build fetches: the instruction and the reference of each.

    Args:
        text: The Dockerfile.
        given: The build's arguments; those that the Dockerfile doesn't ask for change nothing.

    Raises:
        UnreadableError: The text is no Dockerfile.
    """
    syntax = _SYNTAX.match(text) or _SYNTAX_OF_JSON.match(text)
    if named := given.get("BUILDKIT_SYNTAX", syntax and syntax[1]):
        yield "syntax", str(named)
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


def unconfined(text: str) -> Iterator[tuple[str, str, str]]:
    """Instructions that run as root, on the host's network or a fetched script: name, text and fix.

    Raises:
        UnreadableError: It isn't a Dockerfile.
    """
    user = ""
    for command in _commands(text):
        name, flags = command.cmd.upper(), " ".join(command.flags)
        user = {"USER": " ".join(command.value), "FROM": ""}.get(name, user)
        if name == "RUN" and re.search("--(?:security=insecure|network=host)", flags):
            yield name, flags, "remove it: the build runs on the builder's own network or as root"
        if name == "RUN" and _PIPED.search(command.original):
            yield name, command.original, "keep the script in this checkout, where it is looked at"
    if user.partition(":")[0] in ("root", "0"):
        yield "USER", user, "end with a user other than root, such as 65532"


def settings(text: str) -> Iterator[tuple[str, str]]:
    """The names and values that an image keeps: variables, labels, arguments' defaults, commands.

    Raises:
        UnreadableError: The text is no Dockerfile.
    """
    for command in _commands(text):
        name, words = command.cmd.upper(), command.value
        if name in ("ENV", "LABEL"):
            yield from zip(words[::2], words[1::2], strict=False)
        elif name == "ARG":
            yield from (word.partition("=")[::2] for word in words)
        elif name == "RUN":
            yield name, " ".join(words)


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
    return _VARIABLE.sub(lambda found: arguments.get(found[1] or found[2]) or found[3] or "", text)
