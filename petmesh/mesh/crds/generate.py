"""Writes the schemas of the CRDs in the Go module istio.io/api, without their descriptions.

Run by `make crds`; needs Go.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from petmesh.mesh.crds.check import SCHEMAS, older_schemas
from petmesh.mesh.istio import RELEASE

MODULE: Final = f"istio.io/api@v{RELEASE}"
# The minor versions that are supported besides that of the translation, by a release of each.
OLDER: Final = {"1.30": "istio.io/api@v1.30.8", "1.29": "istio.io/api@v1.29.6"}
_CRDS: Final = "kubernetes/customresourcedefinitions.gen.yaml"
_GROUPS: Final = ("networking.istio.io", "security.istio.io", "telemetry.istio.io")
_SECONDS: Final = 60


class ModuleError(Exception):
    """The Go module can't be had; the text says why."""


def generated(module: str = MODULE) -> str:
    """Return a file of schemas: the spec's of each kind.

    Args:
        module: the Go module with the CRDs.

    Raises:
        ModuleError: the CRDs can't be had.
    """
    text = (module_folder(module) / _CRDS).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas: dict[str, Any] = {}
    for crd in yaml.load_all(text, Loader=loader):
        if crd["spec"]["group"] in _GROUPS:
            newest = crd["spec"]["versions"][0]
            spec = newest["schema"]["openAPIV3Schema"]["properties"]["spec"]
            schemas[crd["spec"]["names"]["kind"]] = _reduced(spec)
    lines = (f"{json.dumps(kind)}:{json.dumps(held)}" for kind, held in sorted(schemas.items()))
    return "{" + ",\n".join(lines) + "}\n"


def module_folder(module: str) -> Path:
    """Return the folder of a Go module, from the module cache or the module proxy.

    Args:
        module: such as istio.io/api@v1.31.1.

    Raises:
        ModuleError: it can't be had.
    """
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(
                ["go", "mod", "download", "-json", module],
                cwd=empty,
                env={**os.environ, "GOFLAGS": "-mod=mod"},
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise ModuleError(f"{module}: {error}") from error
    try:
        answer = cast("dict[str, str]", json.loads(done.stdout))
    except json.JSONDecodeError:
        raise ModuleError(f"{module}: {done.stderr.strip()}") from None
    if "Dir" not in answer:
        raise ModuleError(f"{module}: {answer.get('Error', 'no reason given')}")
    return Path(answer["Dir"])


def _reduced(held: object) -> Any:  # noqa: ANN401 (JSON)
    """Return a schema without the texts for people."""
    if isinstance(held, list):
        return [_reduced(each) for each in cast("list[object]", held)]
    if isinstance(held, Mapping):
        return {
            key: _reduced(value)
            for key, value in cast("Mapping[str, object]", held).items()
            if not (key == "description" and isinstance(value, str))
        }
    return held


if __name__ == "__main__":
    SCHEMAS.write_text(generated(), encoding="utf-8")
    for each, of in OLDER.items():
        older_schemas(each).write_text(generated(of), encoding="utf-8")
