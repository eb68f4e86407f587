"""Which images a Dockerfile's build draws on, read as BuildKit reads it.

Source:
    https://docs.docker.com/reference/dockerfile/
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_SYNTAX: Final = re.compile(r"(?:#[^\n=]+=[^\n]*\n)*#\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
_INSTRUCTION: Final = re.compile(r"\s*(\w+)\s+((?:--\S+\s+)*)(.*)", re.DOTALL)
# A heredoc's beginning, or else what may hold the like: an escape or a string.
_HEREDOC: Final = re.compile(
    r"""(?<!\S)\d*<<(-?)(["']?)([A-Za-z_]\w*)\2(?!\S)|\\.|"(?:\\.|[^"\\])*"|'[^']*'"""
)
# What COPY and ADD have as a flag, RUN has within --mount.
_DRAWN: Final = re.compile(r"""(?:--|[,="'])from=["']?([^\s,"']+)""", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


def images(text: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each image that a build draws on and doesn't make itself, with the instruction that does.

    Args:
        text: The Dockerfile.
        given: The build's arguments; those that the Dockerfile doesn't ask for change nothing.
    """
    if syntax := _SYNTAX.match(text):
        yield "syntax", syntax[1]
    # Only what is declared before the first FROM counts in a FROM.
    arguments: dict[str, str] = {}
    stages: list[str] = []
    for name, flags, rest in _instructions(text):
        if name == "ARG" and not stages:
            for word in _words(rest):
                key, _, default = word.partition("=")
                arguments[key] = str(given.get(key, _expanded(default, arguments)))
        elif name == "FROM":
            image, *alias = (_expanded(word, arguments) for word in _words(rest) or [""])
            if image.lower() not in ("scratch", *stages):
                yield name, image
            stages.append(alias[1].lower() if len(alias) > 1 else "")
        elif name in ("COPY", "ADD", "RUN"):
            for image in _DRAWN.findall(flags):
                if image.lower() not in stages and not image.isdecimal():
                    yield f"{name} --from", image


def _instructions(text: str) -> Iterator[tuple[str, str, str]]:
    """Each instruction's name in capitals, its flags, and the rest, without a heredoc's text."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    while lines:
        line = lines.pop(0)
        while line.rstrip().endswith("\\") and lines:
            line = line.rstrip()[:-1] + lines.pop(0)
        if found := _INSTRUCTION.match(line):
            yield found[1].upper(), found[2], found[3]
        for dash, _, end in _HEREDOC.findall(line):
            if end:
                del lines[: _length(lines, end, indented=bool(dash))]


def _length(lines: Sequence[str], end: str, *, indented: bool) -> int:
    """How many lines a heredoc takes, its end included; none where it has no end."""
    texts = [line.lstrip("\t") if indented else line for line in lines]
    return texts.index(end) + 1 if end in texts else 0


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _expanded(text: str, arguments: Mapping[str, str]) -> str:
    """A word with its variables' values, or their defaults; other forms are left as they are."""
    return _VARIABLE.sub(
        lambda found: arguments.get(found[1] or found[2]) or found[3] or "",
        text,
    )
