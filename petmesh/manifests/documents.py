"""Kubernetes objects in YAML or JSON: a file, a folder, or standard input."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from petmesh.host.files import read_text
from petmesh.program import go_yaml

STDIN: Final = "-"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
# Files beside the objects that aren't objects.
SETTINGS: Final = "rehearsal.yaml"
EXPECTATIONS: Final = "expectations.yaml"
# The key of a document of istio-config-validator's tests.
TEST_CASES: Final = "testCases"
_NO_OBJECTS: Final = (SETTINGS, EXPECTATIONS)
# What a name may be, which names a folder of the run too: no path.
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
_RENDERED: Final = {
    "Chart.yaml": "helm template",
    "kustomization.yaml": "kustomize build",
    "kustomization.yml": "kustomize build",
    "Kustomization": "kustomize build",
}


class ManifestError(Exception):
    """An input isn't Kubernetes YAML; one line per problem, with its file."""


@dataclass(frozen=True)
class Document:
    """One object, and the file that it is in."""

    source: str
    body: dict[str, Any]


def read_documents(path: str) -> tuple[Document, ...]:
    """Read every object of a file, of a folder and the folders in it, or of standard input (`-`).

    Empty documents and test cases are skipped, and the items of a `List` are objects of their own.

    Raises:
        ManifestError: the path doesn't exist or has no object, a document isn't an object of
            Kubernetes, or the folder is a chart or a kustomization, whose output is the input.
    """
    texts = list(_texts(path))
    documents = [each for source, text in texts for each in _objects(source, text)]
    if not documents:
        raise ManifestError(f"{path}: has no Kubernetes object")
    return tuple(documents)


def _texts(path: str) -> Iterator[tuple[str, str]]:
    if path == STDIN:
        yield "stdin", sys.stdin.read()
        return
    place = Path(path)
    if place.is_dir():
        for name, command in _RENDERED.items():
            if (place / name).is_file():
                raise ManifestError(
                    f"{path}: has a {name}: rehearse what it renders, "
                    f"{command} {path} | petmesh rehearse -"
                )
        files = sorted(each for each in _within(place) if _holds_objects(each))
    else:
        files = [place]
    for file in files:
        try:
            yield str(file), read_text(file)
        except (OSError, UnicodeDecodeError) as error:
            why = (
                (error.strerror or error) if isinstance(error, OSError) else "must be text in UTF-8"
            )
            raise ManifestError(f"{file}: {why}") from error


def _within(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, but for hidden ones."""

    def refuse(error: OSError) -> None:
        raise ManifestError(f"{error.filename}: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (Path(place) / each for each in names if not each.startswith("."))


def _holds_objects(file: Path) -> bool:
    return file.suffix in _SUFFIXES and file.name not in _NO_OBJECTS and file.is_file()


def _objects(source: str, text: str) -> Iterator[Document]:
    try:
        held = go_yaml.load_all(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(f"{source}: {go_yaml.in_one_line(error)}") from error
    for number, body in enumerate(held, 1):
        yield from _flattened(f"{source}: document {number}", source, body)


def _flattened(where: str, source: str, body: object) -> Iterator[Document]:
    if body is None:
        return
    if not isinstance(body, dict):
        raise ManifestError(f"{where}: must be an object with apiVersion and kind")
    held = cast("dict[str, Any]", body)
    if set(held) == {TEST_CASES}:
        return
    if isinstance(held.get("items"), list) and str(held.get("kind", "")).endswith("List"):
        for item in cast("list[object]", held["items"]):
            yield from _flattened(where, source, item)
        return
    for key in ("apiVersion", "kind"):
        if not isinstance(held.get(key), str) or not held[key]:
            raise ManifestError(f"{where}: {key} = {held.get(key)}: must be text")
    metadata: object = held.get("metadata")
    name = cast("dict[str, Any]", metadata).get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise ManifestError(f"{where}: {held['kind']}: metadata.name = {name}: must be text")
    _check_names(where, cast("dict[str, Any]", metadata))
    yield Document(source, held)


def _check_names(where: str, metadata: dict[str, Any]) -> None:
    for key in ("name", "namespace"):
        value: object = metadata.get(key)
        if value and not (isinstance(value, str) and _NAME.fullmatch(value)):
            what = f"{where}: metadata.{key} = {str(value)[:60]!r}"
            raise ManifestError(f"{what}: must be a name of Kubernetes")
