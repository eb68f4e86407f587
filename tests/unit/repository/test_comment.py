"""The script that posts a pull request's report: its target, plain text, the engine's result."""

import json
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from petmesh.report.review import MARK
from settings import ROOT

COMMIT = "c" * 40
RUN = "https://github.com/owner/petmesh/actions/runs/99"
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / ".ci" / "comment.py"))


class Ended(NamedTuple):
    """How the script ended: its status, and what it said of a refusal."""

    returncode: int
    stderr: str


# A stand-in for GitHub's CLI: answers from a file, writes down what it is asked. Without --paginate
# it gives a list's first page alone, as GitHub does.
GH = f"""#!{sys.executable} -IS
import json, os, sys
folder = os.environ["FOLDER"]
body = sys.stdin.read() if "--input" in sys.argv else ""
with open(f"{{folder}}/asked", "a") as file:
    file.write(json.dumps([sys.argv[1:], body and json.loads(body)["body"]]) + "\\n")
known = json.load(open(f"{{folder}}/known"))
method, path = sys.argv[3], sys.argv[4]
answer = known[path.rpartition("/")[2]] if method == "GET" else {{}}
if path.endswith("/comments") and method == "GET":
    pages = [answer[at : at + 100] for at in range(0, len(answer), 100)] or [[]]
    answer = pages if {{"--paginate", "--slurp"}} <= set(sys.argv) else pages[0]
print(json.dumps(answer))
"""


def post(
    folder: Path,
    report: str | bytes | None,
    pulls: list[Any],
    comments: list[Any] | None = None,
    said: str | bytes | None = None,
    **run: str,
) -> tuple[Ended, list[tuple[list[str], str]]]:
    left, engine = folder / "left", folder / "engine"
    left.mkdir(parents=True)
    engine.mkdir()
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    jobs = [
        {"name": "in-process", "conclusion": "failure"},
        {"name": "engine", "conclusion": run.get("engine", "success")},
    ]
    known = {"pulls": pulls, "comments": comments or [], "jobs": {"jobs": jobs}}
    (folder / "known").write_text(json.dumps(known))
    if report is not None:
        text = report if isinstance(report, bytes) else report.encode()
        (left / "report.md").write_bytes(text)
        (left / "pull-request").write_text(f"{run.get('number', '7')}\n")
    if said is not None:
        (engine / "engine.txt").write_bytes(said if isinstance(said, bytes) else said.encode())
    return execute(folder, left, run.get("head", "Owner/petmesh"))


def execute(
    folder: Path, left: Path, head: str = "Owner/petmesh"
) -> tuple[Ended, list[tuple[list[str], str]]]:
    environment = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "FOLDER": str(folder),
        "GITHUB_REPOSITORY": "owner/petmesh",
        "HEAD_OWNER": "stranger",
        "HEAD_REPOSITORY": head,
        "HEAD_BRANCH": "fix; $(id)",
        "HEAD_SHA": COMMIT,
        "RUN_ID": "99",
        "RUN_URL": RUN,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            ended = Ended(SCRIPT["main"](str(left), str(folder / "engine")), "")
        except SystemExit as refused:
            ended = Ended(1, str(refused.code))
    asked = folder / "asked"
    lines = asked.read_text().splitlines() if asked.exists() else []
    return ended, [tuple(json.loads(line)) for line in lines]


def pull(number: int, commit: str = COMMIT) -> dict[str, Any]:
    return {"number": number, "head": {"sha": commit}}


def test_a_report_is_posted_as_plain_text(tmp_path: Path) -> None:
    done, asked = post(tmp_path, f"{MARK}\n### Preview\n", [pull(7)])
    assert done.returncode == 0, done.stderr
    assert asked[0][0][-1] == "head=stranger:fix; $(id)"
    arguments, body = asked[-1]
    assert arguments[1:4] == ["--method", "POST", "repos/owner/petmesh/issues/7/comments"]
    assert body.startswith(MARK)
    assert f"of {COMMIT[:7]}" in body
    assert "\n```diff\n### Preview\n```\n" in body


def test_a_reports_own_blocks_are_part_of_the_one_that_shows_it(tmp_path: Path) -> None:
    report = "### Preview\n\n```diff\n+ Image b\n- Image a\n```\n\n```text\nto mend\n```\n"
    _, asked = post(tmp_path, report, [pull(7)], engine="skipped")
    _, _, shown = asked[-1][1].partition("```diff\n")
    assert shown == "### Preview\n\n+ Image b\n- Image a\n\nto mend\n```\n"


@pytest.mark.parametrize("engine", ["failure", "cancelled", "timed_out"])
def test_a_comment_says_where_the_engine_failed_and_how(tmp_path: Path, engine: str) -> None:
    said = "error: no such network\n"
    _, asked = post(tmp_path, "fine", [pull(7)], engine=engine, said=said)
    body = asked[-1][1]
    assert f"**The engine's preview** failed, as [its run]({RUN}) tells" in body
    assert body.endswith("\n```diff\nerror: no such network\n```\n")


def test_a_comment_shows_what_the_engine_said(tmp_path: Path) -> None:
    _, asked = post(tmp_path, "fine", [pull(7)], said="~ VirtualService\n")
    assert "\n```diff\nfine\n```\n" in asked[-1][1]
    assert asked[-1][1].endswith("\n```diff\n~ VirtualService\n```\n")
    assert "failed" not in asked[-1][1]


def test_an_engine_that_said_nothing_is_told_of(tmp_path: Path) -> None:
    _, asked = post(tmp_path, "fine", [pull(7)], engine="failure")
    assert "**The engine's preview** failed" in asked[-1][1]
    assert asked[-1][1].count("```diff") == 1


@pytest.mark.parametrize(
    ("engine", "head"), [("skipped", "owner/petmesh"), ("success", "stranger/petmesh")]
)
def test_what_is_left_in_the_name_of_an_engine_that_didnt_run_isnt_shown(
    tmp_path: Path, engine: str, head: str
) -> None:
    _, asked = post(tmp_path, "fine", [pull(7)], said="all is well", engine=engine, head=head)
    assert "engine" not in asked[-1][1]
    assert "all is well" not in asked[-1][1]


def test_of_a_long_preview_by_the_engine_the_end_is_shown(tmp_path: Path) -> None:
    said = "".join(f"+ {number}\n" for number in range(200_000)) + "error: the last\n"
    _, asked = post(tmp_path, "x" * 70_000, [pull(7)], said=said)
    body = asked[-1][1]
    assert len(body) < 65_536
    assert "error: the last\n```\n" in body
    assert len(re.findall("^x+$", body, re.MULTILINE)[0]) == 40_000
    assert body.count(f"Cut: too long for a comment. [Its run]({RUN}) has the rest.") == 2


def test_a_run_that_left_no_report_takes_the_last_ones_place(tmp_path: Path) -> None:
    before = {"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARK}\nfine"}
    done, asked = post(tmp_path, None, [pull(7)], [before])
    assert done.returncode == 0, done.stderr
    assert asked[-1][0][1:4] == ["--method", "PATCH", "repos/owner/petmesh/issues/comments/3"]
    assert f"it failed before it could report, as [its run]({RUN}) tells" in asked[-1][1]


def test_a_later_report_takes_the_place_of_the_bots_own(tmp_path: Path) -> None:
    comments = [
        {"id": 1, "user": {"login": "stranger"}, "body": MARK},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "other"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARK}\nold"},
    ]
    done, asked = post(tmp_path, "new", [pull(7)], comments)
    assert done.returncode == 0, done.stderr
    assert asked[-1][0][1:4] == ["--method", "PATCH", "repos/owner/petmesh/issues/comments/3"]


def test_the_bots_own_is_found_behind_a_hundred_others(tmp_path: Path) -> None:
    others = [{"id": each, "user": {"login": "stranger"}, "body": ""} for each in range(150)]
    own = {"id": 900, "user": {"login": "github-actions[bot]"}, "body": f"{MARK}\nold"}
    _, asked = post(tmp_path, "new", [pull(7)], [*others, own])
    assert asked[-1][0][1:4] == ["--method", "PATCH", "repos/owner/petmesh/issues/comments/900"]


def test_of_two_pull_requests_of_a_branch_the_runs_own_gets_its_report(tmp_path: Path) -> None:
    _, asked = post(tmp_path, "report", [pull(7), pull(8)], number="8")
    assert asked[-1][0][1:4] == ["--method", "POST", "repos/owner/petmesh/issues/8/comments"]


def test_a_report_cant_choose_a_pull_request_of_another_branch(tmp_path: Path) -> None:
    _, asked = post(tmp_path, "report", [pull(7)], number="9")
    assert asked[-1][0][1:4] == ["--method", "POST", "repos/owner/petmesh/issues/7/comments"]
    done, asked = post(tmp_path / "two", "report", [pull(7), pull(8)], number="9")
    assert done.returncode == 0
    assert len(asked) == 1


@pytest.mark.parametrize("pulls", [[], [pull(7, "d" * 40)]])
def test_a_commit_that_no_pull_request_ends_with_gets_nothing(
    tmp_path: Path, pulls: list[Any]
) -> None:
    done, asked = post(tmp_path, "report", pulls)
    assert done.returncode == 0
    assert len(asked) == 1


@pytest.mark.parametrize(
    "report",
    [
        "```\n@everyone\n",
        "`" * 10 + "\n@everyone\n",
        "``\u200b`\n@everyone\n",
        "``\r`\n@everyone\n",
        "``\n```x\n`\n@everyone",
        "`````\n```\n`@everyone",
        "   ```\n@everyone",
        "x" * 59_998 + "``" + "\n@everyone",
        "\u202e@everyone\u200b\x1b[31m\x00",
        b"\xff\xfe@everyone",
        "x" * 500_000 + "@everyone",
    ],
)
def test_a_report_cant_leave_its_code_block(tmp_path: Path, report: str | bytes) -> None:
    for name, left in (("report", (report, "")), ("engine", ("", report))):
        shown, said = left
        done, asked = post(tmp_path / name, shown, [pull(7)], said=said)
        assert done.returncode == 0, done.stderr
        body = asked[-1][1]
        assert len(body) < 65_536
        outside = re.sub(r"^```diff\n.*?^```$", "", body, flags=re.DOTALL | re.MULTILINE)
        assert "@everyone" not in outside
        assert "`" not in outside
        assert len(re.findall("`{3,}", body)) == 2
        assert not set(body) & set("\u202e\u200b\x1b\x00\ufeff")


@pytest.mark.parametrize("name", ["left/report.md", "left/pull-request", "engine/engine.txt"])
def test_only_a_plain_file_is_read(tmp_path: Path, name: str) -> None:
    post(tmp_path, "", [pull(7)], said="")
    link = tmp_path / name
    link.unlink()
    link.symlink_to("/etc/passwd")
    done, asked = execute(tmp_path, tmp_path / "left")
    assert done.returncode == 1
    assert "must be a plain file" in done.stderr
    assert "root:" not in str(asked)
