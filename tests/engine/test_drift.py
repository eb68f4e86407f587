"""A stack's drift, from the engine's own plan to the one issue that tells of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from petmesh.cli.drift import DRIFTED
from petmesh.project import ROOT
from tests.engine.checkout import STACK, Checkout, Clouds
from tests.engine.standins.protocol import Made, StandIn

# A stand-in for GitHub's CLI and the repository behind it: its issues are a file.
GH = f"""#!{sys.executable} -IS
import json, os, sys
file = os.environ["ISSUES"]
issues = json.load(open(file))
method, path = sys.argv[3], sys.argv[4].removeprefix("repos/owner/petmesh/issues")
body = json.loads(sys.stdin.read()) if "--input" in sys.argv else {{}}
answer = {{}}
if method == "GET":
    answer = [[each for each in issues if each["state"] == "open"]]
elif not path:
    bot = {{"login": "github-actions[bot]"}}
    new = {{"number": len(issues) + 1, "user": bot, "state": "open", "comments": []}}
    issues.append({{**new, **body}})
elif path.endswith("/comments"):
    issues[int(path.split("/")[1]) - 1]["comments"].append(body["body"])
else:
    issues[int(path[1:]) - 1].update(body)
json.dump(issues, open(file, "w"))
print(json.dumps(answer))
"""


class Issues:
    """The issues of a repository whose workflow looks for drift."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "issues.json"
        self._file.write_text("[]")
        (folder / "gh").write_text(GH)
        (folder / "gh").chmod(0o755)

    def after(self, stack: Checkout) -> list[dict[str, Any]]:
        """Do what the workflow does; the issues that there are then."""
        report = self._folder / "drift.md"
        looked = stack.make("drift", "--output", str(report))
        assert looked.returncode in (0, DRIFTED), looked.stdout + looked.stderr
        assert bool(report.read_text()) == (looked.returncode == DRIFTED)
        variables = {
            "PATH": f"{self._folder}{os.pathsep}{os.environ['PATH']}",
            "ISSUES": str(self._file),
            "GITHUB_REPOSITORY": "owner/petmesh",
            "STACK": STACK,
            "RUN_URL": "https://github.com/owner/petmesh/actions/runs/9",
        }
        subprocess.run([sys.executable, ROOT / ".ci/drift.py", report], env=variables, check=True)
        return json.loads(self._file.read_text())


def one(cloud: StandIn, type_: str, name: str) -> tuple[tuple[str, str], Made]:
    """What a cloud holds of a resource, and under which key."""
    [found] = [
        (key, made)
        for key, made in cloud.made.items()
        if key[0] == type_ and made.urn.endswith(f"::{name}")
    ]
    return found


@pytest.fixture
def issues(tmp_path_factory: pytest.TempPathFactory) -> Issues:
    return Issues(tmp_path_factory.mktemp("issues"))


def test_what_others_changed_is_told_in_one_issue_until_it_is_gone(
    dev: Checkout, standins: Clouds, issues: Issues
) -> None:
    route = "kubernetes:networking.istio.io/v1:VirtualService"
    _, weighted = one(standins.kubernetes, route, "petdetailsservice-route")
    for held in (weighted.inputs, weighted.outputs):
        for share in held["spec"]["http"][-1]["route"]:
            share["weight"] = {"v1": 60, "v2": 40}[share["destination"]["subset"]]
    [issue] = issues.after(dev)
    assert issue["state"] == "open"
    assert "~ VirtualService petdetailsservice: weight 40 -> 0" in issue["body"]
    assert "1 resource differs" in issue["body"]

    budget, _ = one(
        standins.kubernetes, "kubernetes:policy/v1:PodDisruptionBudget", "petservice-v1-budget"
    )
    del standins.kubernetes.made[budget]
    _, cluster = one(standins.google, "gcp:container/cluster:Cluster", "gke-cluster")
    for held in (cluster.inputs, cluster.outputs):
        held["enableShieldedNodes"] = False
    [again] = issues.after(dev)
    assert (again["number"], again["title"]) == (issue["number"], issue["title"])
    assert "3 resources differ" in again["body"]
    assert "+ PodDisruptionBudget petservice-v1" in again["body"]
    assert "~ Cluster gke-cluster" in again["body"]
    assert "enableShieldedNodes" in again["body"]

    dev.run("pulumi up --refresh").check_returncode()
    [gone] = issues.after(dev)
    assert (gone["state"], gone["state_reason"]) == ("closed", "completed")
    assert len(gone["comments"]) == 1
