"""The script that keeps one issue with a stack's drift."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from settings import ROOT

MARK = "<!-- petmesh: drift of dev -->"
RUN = "https://github.com/owner/petmesh/actions/runs/9"
# A stand-in for GitHub's CLI: writes down what it is asked, and answers with the known issues.
GH = f"""#!{sys.executable} -IS
import json, os, sys
folder = os.environ["FOLDER"]
body = json.loads(sys.stdin.read()) if "--input" in sys.argv else None
with open(f"{{folder}}/asked", "a") as file:
    file.write(json.dumps([sys.argv[3], sys.argv[4], body]) + "\\n")
print(open(f"{{folder}}/known").read() if sys.argv[3] == "GET" else "{{}}")
"""


def issue(number: int, body: str | None, login: str = "github-actions[bot]", **more: object) -> Any:  # noqa: ANN401 (data)
    return {"number": number, "body": body, "user": {"login": login}, **more}


OWN = issue(7, f"{MARK}\nearlier")
STRANGERS = [
    issue(1, f"{MARK}\nforged", "somebody"),
    issue(2, None),
    issue(3, "<!-- petmesh: drift of prod -->"),
    issue(4, f"{MARK}\n", pull_request={}),
]


def kept(folder: Path, report: str, known: list[Any]) -> list[tuple[str, str, Any]]:
    """What the script changes."""
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    (folder / "known").write_text(json.dumps([STRANGERS, known]))
    (folder / "drift.md").write_text(report)
    environment = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "FOLDER": str(folder),
        "GITHUB_REPOSITORY": "owner/petmesh",
        "STACK": "dev",
        "RUN_URL": RUN,
    }
    script = [sys.executable, str(ROOT / ".ci" / "drift.py"), str(folder / "drift.md")]
    subprocess.run(script, env=environment, check=True)
    asked = [json.loads(line) for line in (folder / "asked").read_text().splitlines()]
    return [
        (method, path.removeprefix("repos/owner/petmesh/"), body)
        for method, path, body in asked
        if method != "GET"
    ]


def test_drift_opens_an_issue(tmp_path: Path) -> None:
    [(method, path, body)] = kept(tmp_path, "### Drift\n", [])
    assert (method, path) == ("POST", "issues")
    assert body["title"] == "Drift of the stack dev"
    assert body["body"] == f"{MARK}\n### Drift\n\nFound by [this run]({RUN}).\n"


def test_drift_that_goes_on_updates_its_own_issue(tmp_path: Path) -> None:
    [(method, path, body)] = kept(tmp_path, "### Drift\n", [OWN])
    assert (method, path) == ("PATCH", "issues/7")
    assert body.keys() == {"body"}


def test_drift_that_is_gone_closes_it(tmp_path: Path) -> None:
    comment, closing = kept(tmp_path, "", [OWN])
    assert comment == ("POST", "issues/7/comments", {"body": f"Gone, as [this run]({RUN}) found."})
    assert closing == ("PATCH", "issues/7", {"state": "closed", "state_reason": "completed"})


def test_without_drift_nothing_is_said(tmp_path: Path) -> None:
    assert kept(tmp_path, "\n", []) == []


def test_a_long_report_is_cut_and_its_block_closed(tmp_path: Path) -> None:
    block = "\n".join("~ Service a: port 1 -> 2" for _ in range(10_000))
    [(_, _, body)] = kept(tmp_path, f"### Drift\n\n```diff\n{block}\n```\n", [])
    assert len(body["body"]) < 65_536
    assert body["body"].count("```") == 2
    assert "Cut: too long for an issue." in body["body"]
