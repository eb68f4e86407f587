"""What posts a stranger's report: where it goes, and that it is shown as plain text."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.review import MARK
from settings import ROOT

COMMIT = "c" * 40
# A stand-in for GitHub's CLI: answers from a file, writes down what it is asked.
GH = f"""#!{sys.executable}
import json, os, sys
folder = os.environ["FOLDER"]
body = sys.stdin.read() if "--input" in sys.argv else ""
with open(f"{{folder}}/asked", "a") as file:
    file.write(json.dumps([sys.argv[1:], body and json.loads(body)["body"]]) + "\\n")
known = json.load(open(f"{{folder}}/known"))
method, path = sys.argv[3], sys.argv[4]
print(json.dumps(known.get(path.rpartition("/")[2], []) if method == "GET" else {{}}))
"""


def post(
    folder: Path, report: str | bytes, pulls: list[Any], comments: list[Any] | None = None
) -> tuple[subprocess.CompletedProcess[str], list[tuple[list[str], str]]]:
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    (folder / "known").write_text(json.dumps({"pulls": pulls, "comments": comments or []}))
    file = folder / "report.md"
    file.write_bytes(report if isinstance(report, bytes) else report.encode())
    return run(folder, file)


def run(
    folder: Path, file: Path
) -> tuple[subprocess.CompletedProcess[str], list[tuple[list[str], str]]]:
    environment = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "FOLDER": str(folder),
        "GITHUB_REPOSITORY": "owner/petmesh",
        "HEAD_OWNER": "stranger",
        "HEAD_BRANCH": "fix; $(id)",
        "HEAD_SHA": COMMIT,
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "comment.py"), str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    asked = folder / "asked"
    lines = asked.read_text().splitlines() if asked.exists() else []
    return done, [tuple(json.loads(line)) for line in lines]


def pull(number: int, commit: str = COMMIT) -> dict[str, Any]:
    return {"number": number, "head": {"sha": commit}}


def test_a_report_is_posted_as_plain_text(tmp_path: Path) -> None:
    done, asked = post(tmp_path, f"{MARK}\n### Preview\n", [pull(7)])
    assert done.returncode == 0, done.stderr
    assert asked[0][0][-1] == "head=stranger:fix; $(id)"
    arguments, body = asked[-1]
    assert arguments[1:4] == ["--method", "POST", "repos/owner/petmesh/issues/7/comments"]
    assert body.startswith(MARK)
    assert body.endswith(f"{'`' * 10}text\n### Preview\n{'`' * 10}\n")


def test_a_later_report_takes_the_place_of_the_bots_own(tmp_path: Path) -> None:
    comments = [
        {"id": 1, "user": {"login": "stranger"}, "body": MARK},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "other"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARK}\nold"},
    ]
    done, asked = post(tmp_path, "new", [pull(7)], comments)
    assert done.returncode == 0, done.stderr
    assert asked[-1][0][1:4] == ["--method", "PATCH", "repos/owner/petmesh/issues/comments/3"]


@pytest.mark.parametrize("pulls", [[], [pull(7, "d" * 40)], [pull(7), pull(8)]])
def test_a_commit_that_no_pull_request_ends_with_gets_nothing(
    tmp_path: Path, pulls: list[Any]
) -> None:
    done, asked = post(tmp_path, "report", pulls)
    assert done.returncode == 0
    assert len(asked) == 1


@pytest.mark.parametrize(
    "report",
    [
        "`" * 10 + "\n@everyone\n",
        "`" * 7 + "`" * 10 + "`" * 3 + "\n@everyone",
        "\u202e@everyone\u200b\x1b[31m\x00",
        b"\xff\xfe@everyone",
        "x" * 500_000 + "@everyone",
    ],
)
def test_a_report_cant_leave_its_code_block(tmp_path: Path, report: str | bytes) -> None:
    done, asked = post(tmp_path, report, [pull(7)])
    assert done.returncode == 0, done.stderr
    body = asked[-1][1]
    assert len(body) < 65_536
    assert body.count("`" * 10) == 2
    assert "@everyone" not in body.partition("`" * 10)[0] + body.rpartition("`" * 10)[2]
    assert not set(body) & set("\u202e\u200b\x1b\x00\ufeff")


def test_only_a_plain_file_is_read(tmp_path: Path) -> None:
    link = tmp_path / "link.md"
    link.symlink_to("/etc/passwd")
    post(tmp_path, "", [pull(7)])
    done, asked = run(tmp_path, link)
    assert done.returncode == 1
    assert "must be a plain file" in done.stderr
    assert "root:" not in str(asked)
