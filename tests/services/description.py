"""The OpenAPI descriptions of the services, each reference replaced by what it names."""

from collections.abc import Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any, cast

import yaml

from apps.catalog import FOLDER

Node = dict[str, Any]


def file_of(service: str) -> Path:
    """Where a service's description is."""
    return FOLDER / service / "openapi.yaml"


@cache
def description(service: str) -> Node:
    """Give a service's description."""
    return cast("Node", _resolved(_load(file_of(service)), file_of(service)))


def described(service: str) -> Mapping[str, Mapping[int, Node]]:
    """Give what a GET of each path may be answered: the response of each status."""
    return {
        path: {int(status): response for status, response in item["get"]["responses"].items()}
        for path, item in description(service)["paths"].items()
    }


@cache
def _load(file: Path) -> Node:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _resolved(node: object, file: Path) -> object:
    if isinstance(node, list):
        return [_resolved(item, file) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("Node", node)
    if "$ref" not in members:
        return {name: _resolved(value, file) for name, value in members.items()}
    name, _, pointer = str(members["$ref"]).partition("#/")
    named = (file.parent / name).resolve() if name else file
    return _resolved(reduce(lambda part, key: part[key], pointer.split("/"), _load(named)), named)
