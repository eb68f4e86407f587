"""The folders that runs keep their logs and Envoy's files in."""

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
    """A folder for a new run; of the runs that have ended, all but the latest go.

    Raises:
        ProcessError: it can't be made.
    """
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        ended = [path for path in sorted(RUNS.iterdir()) if not _is_used(path)]
        for old in ended[: -_KEPT_RUNS + 1]:
            shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=RUNS))
        (folder / _OWNER).write_text(str(os.getpid()), encoding="utf-8")
    except OSError as error:
        raise ProcessError(f"{RUNS}: no folder can be made in it: {error.strerror}") from error
    return folder


def _is_used(folder: Path) -> bool:
    """Whether the process that made a run's folder still runs."""
    try:
        os.kill(int((folder / _OWNER).read_text(encoding="utf-8")), 0)
    except (OSError, ValueError):
        return False
    return True
