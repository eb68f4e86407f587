"""The images that a change of files rebuilds: those whose .dockerignore admits the files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petmesh.program.declaration import Resource
from petmesh.project import ROOT

# A program copies build contexts into this folder, so that a checkout's umask doesn't change an
# image; their files have the same paths below the root.
COPIES = "build/context/"
_IMAGE = "docker:index/image:Image"
_PARTS = re.compile(r"(\*\*/|\*\*|\*|\?)")
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def built_anew(
    resources: Sequence[Resource], files: Sequence[str], root: Path = ROOT
) -> dict[str, list[str]]:
    """Return the images that are built from any of the files, each with those files.

    Args:
        resources: a stack's declared resources.
        files: paths below the root, with slashes.
        root: the checkout, which has the images' build contexts.

    Source:
        https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    found: dict[str, list[str]] = {}
    for resource in resources:
        build: dict[str, Any] = resource.inputs.get("build") or {}
        if resource.type != _IMAGE or not isinstance(build.get("dockerfile"), str):
            continue
        dockerfile, context = build["dockerfile"], str(build.get("context") or ".")
        patterns = _ignored(root / f"{dockerfile}.dockerignore")
        within = f"{Path(context).as_posix()}/".removeprefix(COPIES)
        sources = [
            file
            for file in files
            if file == dockerfile
            or (file.startswith(within) and _let_in(file.removeprefix(within), patterns))
        ]
        if sources:
            found[resource.name] = sources
    return found


def _ignored(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _let_in(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a build context has a file: the last pattern that matches it decides."""
    let_in = True
    for pattern in patterns:
        if re.match(_expression(pattern.removeprefix("!").strip("/")), path, re.DOTALL):
            let_in = pattern.startswith("!")
    return let_in


def _expression(pattern: str) -> str:
    parts = (_WILDCARDS.get(part, re.escape(part)) for part in _PARTS.split(pattern))
    return rf"{''.join(parts)}(/|\Z)"
