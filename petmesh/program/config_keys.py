"""Config keys, and values by path as `pulumi config set --path` sets them."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

_PART: Final = re.compile(r'\.?([^.\[\]"]+)|\["((?:[^"\\]|\\.)*)"\]|\[([0-9]{1,6})\]')
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_TRUTH: Final = {"true": True, "false": False}


class StackConfigError(Exception):
    """A configuration file or override that the CLI would reject; one line for people."""


def full_key(key: str, project: str) -> str:
    """Return a key with its namespace, by default the project's.

    Raises:
        StackConfigError: it has more parts than a namespace and a name.
    """
    match key.split(":"):
        case [name]:
            return f"{project}:{name}"
        # https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/config/key.go
        case [namespace, name] | [namespace, "config", name]:
            return f"{namespace}:{name}"
        case _:
            raise StackConfigError(
                f"config key {key}: must be <namespace>:<name>, or a name alone for {project}'s own"
            )


def set_paths(config: Mapping[str, str], values: Mapping[str, str], project: str) -> dict[str, str]:
    """Return the config values that change where some are set.

    Args:
        config: every value by full key; a list or map as JSON.
        values: values by path, such as `canaryWeight` or `releases.petservice.canaryWeight`.
        project: the project's name, whose keys need no namespace.

    Returns:
        The whole new values, by full key.

    Raises:
        StackConfigError: a path is malformed, or leads into a value that is no list or map.

    Source:
        https://www.pulumi.com/docs/iac/concepts/config/#structured-configuration
    """
    changed: dict[str, str] = {}
    for path, value in values.items():
        name, *rest = parts_of(path)
        key = full_key(str(name), project)
        if not rest:
            changed[key] = value
            continue
        held = changed.get(key, config.get(key))
        whole: Any = _parsed(held, path) if held else None
        changed[key] = json.dumps(_with(whole, rest, value, path))
    return changed


def is_path(key: str) -> bool:
    """Return whether a key leads into a list or map."""
    return "." in key or "[" in key


def parts_of(path: str) -> list[str | int]:
    """Return the parts of a path: names, and the indices of lists.

    Raises:
        StackConfigError: it is none.
    """
    parts: list[str | int] = []
    end = 0
    while match := _PART.match(path, end):
        name, quoted, index = match.groups()
        if quoted is not None:
            parts.append(quoted.replace('\\"', '"'))
        else:
            parts.append(int(index) if index else name)
        end = match.end()
    if end != len(path) or not parts or isinstance(parts[0], int):
        raise StackConfigError(f"config path {path}: must be as releases.petservice.canaryWeight")
    return parts


def _parsed(text: str, path: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise StackConfigError(
            f"config path {path}: its first part holds no list or map"
        ) from error


def _with(whole: object, parts: list[str | int], value: str, path: str) -> object:
    if not parts:
        return _typed(value)
    part, *rest = parts
    if whole is None:
        whole = [] if isinstance(part, int) else {}
    if isinstance(part, str) and isinstance(whole, dict):
        held = cast("dict[str, object]", whole)
        return {**held, part: _with(held.get(part), rest, value, path)}
    if isinstance(part, int) and isinstance(whole, list):
        items = cast("list[object]", whole)
        if part <= len(items):
            inner = items[part] if part < len(items) else None
            return [*items[:part], _with(inner, rest, value, path), *items[part + 1 :]]
    raise StackConfigError(f"config path {path}: the config has no place for {part}")


def _typed(value: str) -> object:
    """A number or a truth value is kept as such within a list or map, as the CLI keeps it."""
    if _NUMBER.fullmatch(value):
        return int(value)
    return _TRUTH.get(value, value)
