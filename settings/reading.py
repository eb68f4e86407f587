"""A stack's settings from its config, or one line for each of its problems."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from petmesh.program.urls import HIDDEN, without_credentials
from settings.applications import NAMESPACE, ApplicationSettings
from settings.contradictions import contradictions
from settings.keys import PROJECT, ReleaseSettings, Settings
from settings.messages import no_such_key, readable
from settings.owners import of_another_owner, unset
from settings.platform_stack import platform_config

# Keys that hold a map of maps.
_STRUCTURED: Mapping[str, type[BaseModel]] = {
    "applications": ApplicationSettings,
    "releases": ReleaseSettings,
}
_WORD = re.compile(r"""[^\s"']+""")


class ConfigError(pulumi.RunError):
    """Config that can't be used; the text has one line for each problem. Nothing was declared."""


def load(
    built: Mapping[str, Sequence[str]], fixed: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """The settings of the stack that the program runs for.

    Args:
        built: For each service the versions that this checkout can build.
        fixed: The services that can have no canary, and why.

    Raises:
        ConfigError: A key is unknown, secret or another owner's, a value isn't allowed, or two keys
            contradict each other.
        PlatformStackError: The platform's stack can't be followed.
    """
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{PROJECT}:"
    own = {
        key.removeprefix(prefix): value
        for key, value in everything.items()
        if key.startswith(prefix)
    }
    own["gcp:project"] = everything.get("gcp:project", "")
    secret = {key for key in own if _is_secret(key if ":" in key else f"{prefix}{key}")}
    settings = _validated(own, secret)
    others = of_another_owner(own, settings.owner)
    problems = [f"{key} = {_shown(key, own[key])}: {why}" for key, why in others]
    problems += unset(settings)
    if not problems and settings.owner == "application":
        settings = _validated({**own, **platform_config(settings)}, secret)
    if problems or (problems := [*contradictions(settings, built, fixed)]):
        raise ConfigError("\n".join(problems))
    return settings


def _validated(own: Mapping[str, str], secret: Collection[str]) -> Settings:
    try:
        settings = Settings.model_validate(own)
    except ValidationError as error:
        problems = error.errors()
        unknown = {key for key in own if key not in _known()}
        lines = [
            *(_plain_line(key) for key in sorted({*secret} - unknown)),
            *(
                _line(problem, own, secret)
                for problem in problems
                if str(problem["loc"][0]) not in {*secret} - unknown
            ),
        ]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None
    if secret:
        raise ConfigError("\n".join(map(_plain_line, sorted(secret))))
    return settings


def _is_secret(key: str) -> bool:
    """Whether a value was set with --secret, by full key."""
    given = runtime_config.get_config_secret_keys_env()
    return runtime_config.is_config_secret(key) or key in given


def _known() -> dict[str, str | None]:
    """What each key allows."""
    return {field.alias or "": field.description for field in Settings.model_fields.values()}


def _plain_line(key: str) -> str:
    return (
        f"{key} = {HIDDEN}: must be no secret, for the cluster, Google Cloud and the stack's "
        f"outputs show it: set it anew without --secret"
    )


def _line(problem: ErrorDetails, own: Mapping[str, str], secret: Collection[str]) -> str:
    known, key = _known(), str(problem["loc"][0])
    if key in _STRUCTURED and problem["loc"][2:]:
        return _inner_line(problem)
    value = HIDDEN if key in secret else _shown(key, own.get(key, ""))
    if key not in known:
        return f"{readable(key)} = {value}: {no_such_key(key, known)}"
    if problem["type"] == "missing":
        return f"{key} is not set: it must be {known[key]}"
    return f"{key} = {value}: must be {known[key]}"


def _inner_line(problem: ErrorDetails) -> str:
    """A problem within a map of maps, by its path there."""
    *parts, key = (str(part) for part in problem["loc"][:3])
    given: Any = problem["input"]
    value = readable(given if isinstance(given, str) else json.dumps(given))
    if key == "[key]":
        return f"{readable('.'.join(parts))}: must be {NAMESPACE}"
    model = _STRUCTURED[parts[0]]
    known = {field.alias or "": field.description for field in model.model_fields.values()}
    must = f"must be {known[key]}" if key in known else no_such_key(key, known)
    if problem["type"] == "missing":
        return f"{'.'.join([*parts, key])} is not set: it {must}"
    return f"{readable('.'.join([*parts, key]))} = {value}: {must}"


def _shown(key: str, value: str) -> str:
    """A value without the credentials of its URLs; a member's email address is none."""
    told = value if key == "deployers" else _WORD.sub(lambda word: _no_userinfo(word[0]), value)
    return readable(without_credentials(told))


def _no_userinfo(word: str) -> str:
    """A word without the user and password before its last @; a digest's @ is none.

    Nor has a whole address its query and fragment: no key takes one with them.
    """
    if "://" in word and (cut := re.search(r"[?#]", word)):
        word = f"{word[: cut.end()]}{HIDDEN}"
    address = word.partition("@sha256:")[0]
    userinfo, at, _ = address.rpartition("@")
    scheme, slashes, _ = userinfo.partition("//")
    if not at or not (slashes or ":" in userinfo):
        return word
    return f"{scheme if slashes else ''}{slashes}{HIDDEN}{word[len(userinfo) :]}"
