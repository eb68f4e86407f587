"""istiod's binary: the one that ISTIOD names, else one that Go builds from Istio's module.

Run as a program, it builds istiod into the user's cache, which takes some minutes.
"""

import os
import subprocess
import sys
from pathlib import Path

from petmesh.istiod.server import VARIABLE
from petmesh.mesh.crds.generate import ModuleError, module_folder

# A commit of the branch release-1.31: the module's tags are no versions of Go.
VERSION = "v0.0.0-20260827124520-eed52ebb66ad"
MODULE = f"istio.io/istio@{VERSION}"
_COMMAND = f"istio.io/istio/pilot/cmd/pilot-discovery@{VERSION}"


def binary() -> Path | None:
    """The binary that is there; None if there is none."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    cached = _folder() / "pilot-discovery"
    return cached if cached.is_file() else None


def source() -> Path | str:
    """The folder of Istio's source, or why it can't be had."""
    try:
        return module_folder(MODULE)
    except ModuleError as error:
        return str(error)


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "petmesh" / "istiod" / VERSION


def build() -> int:
    """Build it where none is there, and return the exit status."""
    if binary():
        return 0
    _folder().mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(_folder()), "CGO_ENABLED": "0"}
    command = ["go", "install", "-ldflags", "-s -w", _COMMAND]
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    except FileNotFoundError:
        print(f"{VARIABLE}: must be the path of pilot-discovery, or go must be there to build it")
        return 1


if __name__ == "__main__":
    sys.exit(build())
