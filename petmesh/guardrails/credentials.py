"""Credentials in clear text, in whatever field a resource holds them."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from petmesh.guardrails.dockerfiles import UnreadableError, settings
from petmesh.guardrails.podspec import containers
from petmesh.guardrails.rules import check, read
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.supply import IMAGES, dockerfile
from petmesh.guardrails.values import (
    UNKNOWN,
    Confidential,
    at,
    entries,
    found,
    joined,
    last,
    members,
)

_TABLE: Final[Mapping[str, list[str]]] = read("credentials.yaml")
_KEYS: Final = "|".join(_TABLE["keys"])
_LIKE: Final = {
    name: re.compile("|".join(alternatives).replace("{keys}", _KEYS))
    for name, alternatives in _TABLE.items()
}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SETTING: Final = re.compile(r"-{0,2}([\w.-]+)=(.*)", re.DOTALL)
_FLAG: Final = re.compile(r"--?([\w.-]+)")
# What a shell's text may have around a word.
_AROUND = "\"';"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = (*_PROBES, "lifecycle.postStart", "lifecycle.preStop")
# Which are for credentials.
_KEEPS: Final = re.compile(
    r"core/Secret|gcp:secretmanager/(Regional)?SecretVersion|gcp:certificatemanager/Certificate"
)
_AS_MOUNT = "hand it to the RUN that needs it by --mount=type=secret: an image keeps what it sets"
_AS_REFERENCE = "hold it in a Secret and refer to it by secretKeyRef"
_AS_VARIABLE = "put it in env by secretKeyRef and write $(NAME)"
_BY_IAM = "declare it as a Pulumi secret, or log in by IAM"
_BY_REFERENCE = "hold it in a Secret or in Secret Manager, and have what needs it read that"


@check("no-credential-in-clear")
def _credentials(subject: Subject) -> Iterator[Violation]:
    if not _KEEPS.fullmatch(subject.of):
        for path, fix in dict(_places(subject)).items():
            yield Violation(path, "(not shown)", fix)


def _places(subject: Subject) -> Iterator[tuple[str, str]]:
    """Where a credential is, and what to do about it."""
    if subject.of == "core/ConfigMap":
        yield from _of_config(subject.properties)
    path, spec = subject.pod or ("", None)
    for where, container in containers(path, spec):
        yield from _of_container(where, container)
    if subject.type in IMAGES:
        yield from _of_dockerfile(subject)
    yield from _of_annotations(subject)
    for variables in ("env", "envs", "extraEnv", "extraEnvs", "extraEnvVars", "environment"):
        for where, variable in found(subject.properties, f"values.**.{variables}[]"):
            if _held(str(at(variable, "name")), at(variable, "value")):
                yield where, _BY_REFERENCE
    for path, value in found(subject.properties, "**"):
        key = last(path)
        named = path.startswith(("values", "build.args", "buildArgs", "repositoryOpts.password"))
        named = named or ".headers" in path or subject.of.startswith("gcp:")
        # Nobody but the provider reads it, and the state has it encrypted.
        login = path.startswith(("password", "rootPassword", "repositoryOpts."))
        if login and isinstance(value, Confidential):
            continue
        looks = isinstance(value, str) and (_LIKE["looks"].search(value) or not _kept("url", value))
        if looks or (named and _held(key, value)):
            yield path, _BY_IAM if login else _BY_REFERENCE


def _of_annotations(subject: Subject) -> Iterator[tuple[str, str]]:
    for path, holder in [*filter(None, [subject.template]), ("", subject.properties)]:
        for where, value in found(holder, "metadata.annotations.*", path) if subject.api else ():
            name = last(where).rpartition("/")[2].replace("auth-secret", "tls-secret")
            if "checksum/" not in where and _held(name, value):
                yield where, _BY_REFERENCE


def _of_dockerfile(subject: Subject) -> Iterator[tuple[str, str]]:
    # Another rule says where it can't be read.
    with suppress(OSError, UnicodeDecodeError, UnreadableError):
        for name, value in settings(dockerfile(subject) or "FROM scratch"):
            if _held(name, value):
                given = at(subject.properties, IMAGES[subject.type][0]) or "Dockerfile"
                yield f"{given}: {name}", _AS_MOUNT


def _of_config(config: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (data)
    for field in ("data", "binaryData"):
        for key, value in entries(config, field).items():
            text = _decoded(value) if field == "binaryData" else value
            if _held(key, text) or _LIKE["file"].fullmatch(key):
                pairs = _LIKE["pair"].findall(str(text))
                inner = next((name for name, value in pairs if _is_credential(name, value)), "")
                yield f"{joined(field, key)} {inner}".rstrip(), _AS_REFERENCE


def _of_container(path: str, container: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (data)
    for where, variable in found(container, "env[]", path):
        name = str(at(variable, "name"))
        if _held(name, at(variable, "value")):
            yield f"{where} {name}", _AS_REFERENCE
    for field in ("command", "args", *(f"{hook}.exec.command" for hook in _HOOKS)):
        for inner, name, value in _arguments(container, field):
            if _held(name, value):
                yield f"{path}.{inner} {name}", _AS_VARIABLE
    for hook in _HOOKS:
        asked = at(container, f"{hook}.httpGet.path")
        if _held("", asked):
            yield f"{path}.{hook}.httpGet.path", "ask a path that needs none"
        for where, header in found(container, f"{hook}.httpGet.httpHeaders[]", path):
            if _held(str(at(header, "name")), at(header, "value")):
                yield where, "ask a path that needs none"


def _decoded(value: Any) -> Any:  # noqa: ANN401 (data)
    try:
        return value if value is UNKNOWN else b64decode(str(value)).decode(errors="replace")
    except ValueError:
        return ""


def _held(name: str, value: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a setting holds a credential: by its name, by its look, or within its text."""
    if value is UNKNOWN or isinstance(value, bool):
        return False
    text = "" if value is None else str(value).strip(_AROUND)
    pairs = [] if _LIKE["harmless"].fullmatch(text) else _LIKE["pair"].findall(text)
    return (
        _LIKE["looks"].search(text) is not None
        or not all(_kept(each, text) for each in ("url", "driver", "element", "sql", "header"))
        or any(_is_credential(key, each) for key, each in [(name, text), *pairs])
    )


def _kept(name: str, text: str) -> bool:
    """Whether the passwords that a text has by a pattern are references alone."""
    return all(map(_LIKE["harmless"].fullmatch, _LIKE[name].findall(text)))


def _is_credential(name: str, value: str) -> bool:
    name = _CAMEL.sub("_", name)
    # A count of tokens is none; a password or token of digits is one all the same.
    if not _LIKE["name"].search(name) or _LIKE["counted"].fullmatch(f"{name}={value}"):
        return False
    of = _LIKE["of_secret"].fullmatch(name)
    whose = (of[1] or of[2] or "") if of else ""
    is_name = _LIKE["object"].fullmatch(value) or value in re.split("[_.-]", whose.lower())
    if value and of and is_name and not _LIKE["holds"].fullmatch(whose):
        return False
    return not _LIKE["harmless"].fullmatch(_LIKE["scheme"].sub("", value).strip(_AROUND))


def _arguments(container: Any, field: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 (data)
    """What words set, those of a shell's text too: a path, a name and a value each.

    A flag without a value is set to the next word; a word that sets nothing is a URL at the most.
    """
    words = [
        (path, piece.strip(_AROUND))
        for path, word in found(container, f"{field}[]")
        for piece in str(word).split()
    ]
    # What args hold may be for what command starts.
    started = members(at(container, "command")) if field == "args" else []
    text = " ".join([*map(str, started), *(word for _, word in words)])
    yield from ((field, "password", short[1]) for short in _LIKE["flag"].finditer(text))
    for (path, word), (_, following) in pairwise([*words, ("", "")]):
        if setting := _SETTING.fullmatch(word):
            yield path, setting[1], setting[2]
        elif (flag := _FLAG.fullmatch(word)) and not following.startswith("-"):
            # Such as curl's: a name and its password.
            user = flag[1] in ("u", "user") and not following.replace(":", "").isdecimal()
            password = following.partition(":")[2] if user else ""
            yield path, "password" if password else flag[1], password or following
        else:
            # A header's name and what it holds are two words.
            yield path, "URL", f"{word} {following}" if word.endswith(":") else word
