"""The folders of runs, with their logs and Envoy's files."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from petmesh.host.processes import ProcessError
from petmesh.project import ROOT

RUNS = ROOT / "build" / "rehearsal"
_KEPT_RUNS = 5
_OWNER = "pid"


def new_folder() -> Path:
    """Create a folder for a new run, and delete those of ended runs but the latest.

    Raises:
        ProcessError: it can't be created.
    """
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        ended = [path for path in sorted(RUNS.iterdir()) if not _is_used(path)]
        for old in ended[: -_KEPT_RUNS + 1]:
            shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=RUNS))
        (folder / _OWNER).write_text(str(os.getpid()), encoding="utf-8")
    except OSError as error:
        raise ProcessError(f"{RUNS}: no folder can be created in it: {error.strerror}") from error
    return folder


def _is_used(folder: Path) -> bool:
    """Return whether the process that created a run's folder still runs."""
    try:
        os.kill(int((folder / _OWNER).read_text(encoding="utf-8")), 0)
    except (OSError, ValueError):
        return False
    return True
