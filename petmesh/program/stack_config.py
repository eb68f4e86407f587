"""A stack's configuration, merged as the Pulumi CLI passes it to a program."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from petmesh.program.config_keys import StackConfigError, full_key, is_path, set_paths
from petmesh.program.go_yaml import OtherKey, as_text, load
from petmesh.project import ROOT


def project_name(root: Path = ROOT) -> str:
    """Return the project's name from Pulumi.yaml."""
    path = root / "Pulumi.yaml"
    name: object = _document(path).get("name")
    if not isinstance(name, str) or not name:
        raise StackConfigError(f"{path.name}: name: must be the project's")
    return name


def stacks(root: Path = ROOT) -> list[str]:
    """Return the names of stacks that have a configuration file, sorted."""
    return sorted(path.stem.removeprefix("Pulumi.") for path in root.glob("Pulumi.*.yaml"))


def stack_config(
    stack: str, overrides: Mapping[str, str], root: Path = ROOT, *, placeholder: str = ""
) -> tuple[dict[str, str], set[str]]:
    """Merge the project's defaults, the stack's file and overrides; the later overrides.

    Args:
        stack: the stack's name; its file is Pulumi.<stack>.yaml.
        overrides: values by key or path; a key without a namespace is the project's own. A path
            leads into what the other overrides leave.
        root: the folder of Pulumi.yaml.
        placeholder: replaces an encrypted value that has no default; without one, an encrypted
            value is an error.

    Returns:
        Every value as the string that a program gets (a list or map is JSON), by full key; and
        the keys whose values are secret.

    Raises:
        StackConfigError: the stack has no file, a key is malformed or duplicate, or a value is
            encrypted (its key is the real engine's), not overridden and without a placeholder; or
            a path is none, or leads into a value that is no list or map.
    """
    path = root / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = ", ".join(stacks(root)) or "none"
        raise StackConfigError(f"stack {stack}: {path.name} does not exist (stacks: {known})")
    project = project_name(root)
    paths = {key: value for key, value in overrides.items() if is_path(key)}
    given = {full_key(key, project): overrides[key] for key in overrides.keys() - paths.keys()}
    config = project_defaults(root, project)
    secret: set[str] = set()
    for key, value in _stack_values(path, project).items():
        if _is_encrypted(value):
            secret.add(key)
            if placeholder:
                config.setdefault(key, placeholder)
            elif key not in given:
                raise StackConfigError(
                    f"{path.name}: {key} is encrypted for the real engine; give a value for it, "
                    f"such as --config {key}=..."
                )
        else:
            with _reading(path):
                config[key] = as_text(value)
    config.update(given)
    config.update(set_paths(config, paths, project))
    return config, secret


def project_defaults(root: Path, project: str) -> dict[str, str]:
    """Return the values in Pulumi.yaml as text, by full key."""
    path = root / "Pulumi.yaml"
    defaults: dict[str, str] = {}
    for key, schema in _config(path).items():
        value = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {"value": schema}
        chosen = value.get("default", value.get("value"))
        if chosen is not None:
            with _reading(path):
                defaults[full_key(key, project)] = as_text(chosen)
    return defaults


def _stack_values(path: Path, project: str) -> dict[str, Any]:
    """Return the values in a stack's file, by full key."""
    values: dict[str, Any] = {}
    for written, value in _config(path).items():
        if isinstance(written, OtherKey):
            raise StackConfigError(f"{path.name}: config key {written}: must be a text")
        try:
            key = full_key(written, project)
        except StackConfigError as error:
            raise StackConfigError(f"{path.name}: {error}") from None
        if key in values:
            raise StackConfigError(f"{path.name}: config key {written}: {key} is given twice")
        values[key] = value
    return values


def _config(path: Path) -> dict[str, Any]:
    """Return the `config:` of a file."""
    config: object = _document(path).get("config")
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise StackConfigError(f"{path.name}: config: must be a map of keys and values")
    return cast("dict[str, Any]", config)


def _is_encrypted(value: object) -> bool:
    """Return whether a value is encrypted, or contains an encrypted one."""
    if isinstance(value, list):
        return any(map(_is_encrypted, cast("list[object]", value)))
    if not isinstance(value, dict):
        return False
    entries = cast("dict[object, object]", value)
    return ([*entries] == ["secure"] and isinstance(entries["secure"], str)) or any(
        map(_is_encrypted, entries.values())
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        with _reading(path):
            document = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackConfigError(f"{path} does not exist") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise StackConfigError(f"{path.name}: must be a map, such as config: {{}}")
    return cast("dict[str, Any]", document)


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Name the file in an error of reading it: not UTF-8, not YAML, endless nesting."""
    try:
        yield
    except (yaml.YAMLError, ValueError) as error:
        raise StackConfigError(f"{path.name}: not YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise StackConfigError(f"{path.name}: not YAML: nested too deeply") from error


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401 (data)
    """Return a file's content, not to be changed; a program is often declared again."""
    return load(text)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
