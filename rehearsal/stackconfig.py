"""A stack's configuration, put together as the Pulumi CLI hands it to a program."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).resolve().parent.parent


class StackConfigError(Exception):
    """A configuration file or override that the CLI would not take; the text is for people."""


def project_name(root: Path = ROOT) -> str:
    """The project's name, as Pulumi.yaml gives it."""
    return str(_load(root / "Pulumi.yaml")["name"])


def stacks(root: Path = ROOT) -> list[str]:
    """Names of the stacks that have a configuration file, sorted."""
    return sorted(path.stem.removeprefix("Pulumi.") for path in root.glob("Pulumi.*.yaml"))


def stack_config(
    stack: str, overrides: Mapping[str, str], root: Path = ROOT, *, placeholder: str = ""
) -> tuple[dict[str, str], set[str]]:
    """Merge the project's defaults, the stack's file and overrides; the later wins.

    Args:
        stack: the stack's name; its file is Pulumi.<stack>.yaml.
        overrides: values by key; a key without a namespace is the project's own.
        root: the folder of Pulumi.yaml.
        placeholder: what takes the place of an encrypted value that has no default; with none, an
            encrypted value is refused.

    Returns:
        Every value as the string that a program sees (a list or map is JSON), by full key; and
        the keys whose values are secret.

    Raises:
        StackConfigError: the stack has no file, a key is malformed, or a value is encrypted
            (its key is the real engine's), not overridden and without a placeholder.
    """
    path = root / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = ", ".join(stacks(root)) or "none"
        raise StackConfigError(f"stack {stack}: {path.name} does not exist (stacks: {known})")
    project = project_name(root)
    given = {_full_key(key, project): value for key, value in overrides.items()}
    config = _project_defaults(root, project)
    secret: set[str] = set()
    for key, node in _stack_nodes(path):
        if key.count(":") != 1:
            raise StackConfigError(
                f"{path.name}: config key {key}: must be <namespace>:<name>, as {project}:{key}"
            )
        if isinstance(node, yaml.MappingNode) and _child(node, "secure") is not None:
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
                config[key] = _text(node)
    config.update(given)
    return config, secret


def _full_key(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _project_defaults(root: Path, project: str) -> dict[str, str]:
    declared = cast("dict[str, Any]", _load(root / "Pulumi.yaml").get("config") or {})
    defaults: dict[str, str] = {}
    for key, schema in declared.items():
        value = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {"value": schema}
        chosen = value.get("default", value.get("value"))
        if chosen is not None:
            defaults[_full_key(key, project)] = _stringify(chosen)
    return defaults


def _stringify(value: object) -> str:
    """Return what Go's `%v` makes of a scalar, or the JSON of a list or map, as the CLI does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return str(value)


def _stack_nodes(path: Path) -> list[tuple[str, yaml.Node]]:
    """Config entries as YAML nodes: a scalar keeps the text it is written in, as in the CLI."""
    with _reading(path):
        document = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if document is None:
        return []
    if not isinstance(document, yaml.MappingNode):
        raise StackConfigError(f"{path.name}: must be a map, such as config: {{}}")
    config = _child(document, "config")
    if config is None or config.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(config, yaml.MappingNode):
        raise StackConfigError(f"{path.name}: config: must be a map of keys and values")
    return [(str(key.value), value) for key, value in _entries(config)]


def _entries(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    return cast("list[tuple[yaml.Node, yaml.Node]]", node.value)


def _child(node: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in _entries(node) if key.value == name), None)


def _text(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    return _stringify(yaml.SafeLoader("").construct_document(node))  # pyright: ignore[reportUnknownMemberType]


def _load(path: Path) -> dict[str, Any]:
    try:
        with _reading(path):
            return _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackConfigError(f"{path} does not exist") from error


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Say of a file that can't be read which it is: no UTF-8, no YAML, no end to its nesting."""
    try:
        yield
    except (yaml.YAMLError, ValueError) as error:
        raise StackConfigError(f"{path.name}: not YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise StackConfigError(f"{path.name}: not YAML: nested too deeply") from error


@cache
def _parsed(text: str) -> dict[str, Any]:
    """What a file says, for reading alone; one program is declared time and again."""
    return cast("dict[str, Any]", yaml.safe_load(text))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
