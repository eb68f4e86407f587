"""A service that is public and called by others: one weight moves both of its routes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from petmesh.rehearsal.share import CanaryShare
from tests.walkthrough.steps import add_service, copy_checkout

pytestmark = pytest.mark.envoy

SCRIPT = Path(__file__).parents[1] / "walkthrough" / "both_routes.py"
WEIGHTS = (0, 30, 100, 0)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the service of docs/services.md, which is public besides."""
    found = copy_checkout(tmp_path_factory.mktemp("both"))
    add_service(found)
    folder = found / "apps/petinsuranceservice"
    for file, before, after in (
        ("service.yaml", '["/pet/{*}/insurance"]', '["/pet/{*}/insurance", "/insurance/{*}"]'),
        ("__main__.py", "Service([", 'Service([web.get("/insurance/{id}", insurance), '),
    ):
        text = (folder / file).read_text()
        assert before in text
        (folder / file).write_text(text.replace(before, after))
    with (folder / "service.yaml").open("a") as entry:
        entry.write("public: /insurance/\n")
    return found


def run(copy: Path, *command: str) -> str:
    paths = {"PYTHONPATH": f"{copy}{os.pathsep}{copy}/apps"}
    ended = subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_share_of_the_public_and_of_the_callers_moves_with_one_weight(copy: Path) -> None:
    steps: list[dict[str, Any]] = json.loads(
        run(copy, sys.executable, str(SCRIPT), json.dumps(WEIGHTS))
    )
    for step in steps:
        for who in ("public", "called"):
            share = CanaryShare(step["weight"], step[who].get("v2", 0), sum(step[who].values()))
            assert (share.total, share.is_within) == (300, True), (who, step)
    assert [step["restarted"] for step in steps] == [[]] * len(WEIGHTS)
    both = ["VirtualService petinsuranceservice", "VirtualService petinsuranceservice-public"]
    assert [sorted(step["changed"]) for step in steps] == [[], both, both, both]


def test_a_ramp_promotes_its_canary(copy: Path, tmp_path: Path) -> None:
    command = [
        *(str(copy / ".venv/bin/petmesh"), "ramp", "--target", "rehearsal"),
        *("--journal", str(tmp_path), "--load-path", "/insurance/7"),
        *("--service", "petinsuranceservice"),
        *("--config", "releases.petinsuranceservice.canaryVersion=v2"),
        *("--steps", "50,100", "--hold", "2s", "--interval", "500ms", "--silence", "30s"),
        *("--warm-up", "0s", "--min-requests", "100", "--latency-margin-ms", "100"),
    ]
    assert "promoted" in run(copy, *command)
