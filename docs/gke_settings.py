"""The declared cluster, setting by setting, beside Google's golden path and Terraform's module."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any, Final, cast

import yaml

from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from petmesh.program.stack_config import stack_config

COLUMNS: Final = ("Setting", "safer-cluster", "Golden path", "dev", "prod", "Why")
NONE: Final = "-"
_PROJECT: Final = "your-project"
_FILE: Final = Path(__file__).with_name("gke_settings.yaml")


def settings() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Each setting's kind, path, and what the references have of it."""
    kinds: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(_FILE.read_text())
    for kind, paths in kinds.items():
        for path, told in paths.items():
            yield kind, path, told


def rows() -> list[Sequence[str]]:
    """The table's rows, as Markdown."""
    return [
        (
            f"`{path}`",
            *(_code(told.get(reference, NONE)) for reference in ("safer", "golden")),
            *(_code(declared(stack, kind, path)) for stack in ("dev", "prod")),
            told.get("why", ""),
        )
        for kind, path, told in settings()
    ]


def declared(stack: str, kind: str, path: str) -> str:
    """What a stack declares of a setting, as the table shows it."""
    # A name of a label has dots of its own.
    return _shown(reduce(_within, [path] if "/" in path else path.split("."), inputs(stack)[kind]))


def _within(data: object, key: str) -> object:
    """What a key has, in the first of a list's objects where they are several."""
    if isinstance(data, list):
        return _within(next(iter(cast("list[object]", data)), None), key)
    return cast("dict[str, object]", data).get(key) if isinstance(data, dict) else None


@cache
def inputs(stack: str) -> Mapping[str, Mapping[str, Any]]:
    """What a stack declares of the cluster, its node pool and the services' namespace, by kind."""
    found: Declaration = declare(stack, stack_config(stack, {"gcp:project": _PROJECT})[0])
    [cluster] = found.of_type("gcp:container/cluster:Cluster")
    [pool] = found.of_type("gcp:container/nodePool:NodePool")
    [namespace] = [
        each
        for each in found.of_type("kubernetes:core/v1:Namespace")
        if each.inputs["metadata"]["name"] == found.config["petmesh:namespace"]
    ]
    return {
        "Cluster": cluster.inputs,
        "NodePool": pool.inputs,
        "Namespace": namespace.inputs["metadata"]["labels"],
    }


def _shown(value: object) -> str:
    if value in (None, [], {}):
        return NONE
    match value:
        case str():
            return value.replace(_PROJECT, "PROJECT")
        case list():
            return ", ".join(map(str, cast("list[object]", value)))
        case dict():
            pairs = cast("dict[str, object]", value).items()
            return ", ".join(f"{key}={each}" for key, each in sorted(pairs))
        case _:
            return json.dumps(value)


def _code(value: str) -> str:
    return value if value == NONE or value.startswith("a ") else f"`{value}`"
