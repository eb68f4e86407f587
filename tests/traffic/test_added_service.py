"""A service that a user adds by docs/services.md, rehearsed through real Envoy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from petmesh.rehearsal.share import CanaryShare
from tests.walkthrough.steps import add_service, copy_checkout, release

pytestmark = pytest.mark.envoy

SCRIPT = Path(__file__).parents[1] / "walkthrough" / "rehearse.py"


def test_an_added_service_is_called_by_petservice_alone_and_released(tmp_path: Path) -> None:
    copy = copy_checkout(tmp_path)
    add_service(copy)
    config = json.dumps(dict(release()))
    paths = {"PYTHONPATH": f"{copy}{os.pathsep}{copy}/apps"}
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), config],
        cwd=copy,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    got = json.loads(ended.stdout)
    versions = got.pop("versions")
    assert got == {
        "petservice": 200,
        "another path": 403,
        "another method": 403,
        "petdetailsservice": 502,
        "around its proxy": 403,
        "ingress": 403,
        "pet": 200,
        "tester": "v2",
    }
    weight = int(release()["canaryWeight"])
    assert CanaryShare(weight, versions["v2"], sum(versions.values())).is_within
