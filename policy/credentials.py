"""Credentials: none in clear where whoever reads an object can read it."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from policy.podspec import containers, pod
from policy.rules import Subject, Trouble, resource_rule
from policy.values import at, entries, items

# What ends as --from-secret or --image-pull-secret does names a Secret.
_NAME = re.compile(
    r"(?:password|passwd|passphrase"
    r"|(?:^|(?<!from|pull)[_.-])(?:pass|secret|token|credentials?)"
    r"|(?:api|private|access|secret)[_.-]?key)$",
    re.IGNORECASE,
)
_PASSWORD_OF_URL = re.compile(r"""://[^\s/?#:"']*:([^\s/?#"']+)@""")
# Nothing, a switch, a file's path, or references alone: Kubernetes' $(NAME) and a shell's.
_HARMLESS = re.compile(
    r"|yes|no|on|off|true|false|[01]|(?:/[\w.-]+)+|(?:\$(?:\w+|\{\w+\}|\(\w+\)?))+",
    re.IGNORECASE,
)
_SETTING = re.compile(r"-{0,2}([\w.-]+)=(.*)")
_FLAG = re.compile(r"--?([\w.-]+)")
# What a shell's text may have around a word.
_AROUND = "\"';"
_AS_REFERENCE = "hold it in a Secret and refer to it by secretKeyRef"
_AS_VARIABLE = "put it in env by secretKeyRef and write $(NAME)"


def _credentials(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) == ("core", "ConfigMap"):
        for key, value in entries(subject.properties, "data").items():
            if _held(key, value):
                yield Trouble(f"data.{key}", "(not shown)", _AS_REFERENCE)
    found = pod(subject)
    for path, container in containers(*found) if found else ():
        for inner, variable in items(container, "env"):
            name = str(at(variable, "name"))
            if _held(name, at(variable, "value")):
                yield Trouble(f"{path}.{inner} {name}", "(not shown)", _AS_REFERENCE)
        for field in ("command", "args"):
            for inner, name, value in _arguments(container, field):
                if _held(name, value):
                    yield Trouble(f"{path}.{inner} {name}", "(not shown)", _AS_VARIABLE)


def _held(name: str, value: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a setting holds a credential: by its name, or as the password of a URL."""
    text = "" if value is None else str(value).strip(_AROUND)
    passwords = _PASSWORD_OF_URL.findall(text)
    if _NAME.search(name) and not (_is_token(name) and text.isdecimal()):
        passwords.append(text)
    return not all(map(_HARMLESS.fullmatch, passwords))


def _is_token(name: str) -> bool:
    """Whether a name may mean a count of tokens; a password of digits is one all the same."""
    return name.lower().endswith("token")


def _arguments(container: Any, field: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 (data)
    """What words set, those of a shell's text too: a path, a name and a value each.

    A flag without a value is set to the next word; a word that sets nothing is a URL at the most.
    """
    words = [
        (path, piece.strip(_AROUND))
        for path, word in items(container, field)
        for piece in str(word).split()
    ]
    for (path, word), (_, following) in pairwise([*words, ("", "")]):
        if setting := _SETTING.fullmatch(word):
            yield path, setting[1], setting[2]
        elif (flag := _FLAG.fullmatch(word)) and not following.startswith("-"):
            yield path, flag[1], following
        else:
            yield path, "URL", word


RULES = (
    resource_rule(
        "no-credential-in-clear",
        "No environment variable, argument or ConfigMap holds a credential.",
        _credentials,
    ),
)
