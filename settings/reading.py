"""A stack's settings from its config, or one line for each of its problems."""

import difflib
import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError

from settings.contradictions import contradictions
from settings.keys import PROJECT, Settings

SHOWN_CHARACTERS = 300


class ConfigError(pulumi.RunError):
    """Config that can't be used; the text has one line for each problem. Nothing was declared."""


def load(built: Mapping[str, Sequence[str]]) -> Settings:
    """The settings of the stack that the program runs for.

    Args:
        built: For each service the versions that this checkout can build.

    Raises:
        ConfigError: A key is unknown, a value isn't allowed, or two keys contradict each other.
    """
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{PROJECT}:"
    own = {
        key.removeprefix(prefix): value
        for key, value in everything.items()
        if key.startswith(prefix)
    }
    own["gcp:project"] = everything.get("gcp:project", "")
    try:
        settings = Settings.model_validate(own)
    except ValidationError as error:
        lines = [_line(problem["type"], problem["loc"], own) for problem in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None
    problems = [*contradictions(settings, built)]
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def _line(problem: str, location: tuple[int | str, ...], own: Mapping[str, str]) -> str:
    key = str(location[0])
    known = {field.alias or "": field.description for field in Settings.model_fields.values()}
    if key not in known:
        similar = difflib.get_close_matches(key, known, 1)
        hint = f"; did you mean {similar[0]}?" if similar else f": known are {', '.join(known)}"
        return f"{_shown(key)} = {_shown(own[key])}: no such key{hint}"
    if problem == "missing":
        return f"{key} is not set: it must be {known[key]}"
    return f"{key} = {_shown(own[key])}: must be {known[key]}"


def _shown(value: str) -> str:
    readable = value if value and value.isprintable() else json.dumps(value)
    return readable if len(readable) <= SHOWN_CHARACTERS else f"{readable[:SHOWN_CHARACTERS]}…"
