"""Posts a report on the pull request that a workflow run belongs to, or takes the last one's place.

The report was written by what the pull request holds, so it is data of a stranger's: it is shown as
plain text in a code block that it can't end, in nobody's name but its author's. Which pull request
it goes to is told by GitHub's event and asked of its API; what the run left decides between pull
requests of one branch alone. The engine's action comments only where its preview went well
(https://github.com/pulumi/actions/blob/v7.0.0/src/main.ts), so the comment says where it didn't.

Needs `gh`, GH_TOKEN, GITHUB_REPOSITORY, HEAD_OWNER, HEAD_BRANCH, HEAD_SHA, RUN_ID and RUN_URL; the
standard library alone, since nothing is installed beside a token that may write.
"""

# ruff: noqa: INP001 (a script by itself)

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- petmesh: pull request preview -->"
BOT = "github-actions[bot]"
# GitHub takes 65,536 characters.
LIMIT = 60_000
# A fence, or what could be one; the report's own would only be in the way.
FENCES = re.compile(r"^`{3,}\w*\n|`{3,}", re.MULTILINE)
# Control characters, and those that change the direction of what follows.
UNSHOWN = re.compile(
    "[^\\n\\x20-\\x7e\\u00a0-\\U0010ffff]|[\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]"
)


def main(folder: str) -> int:
    """Post what a run left in a folder; returns 0, also where its pull request is gone or moved."""
    owner, branch, commit = (os.environ[f"HEAD_{each}"] for each in ("OWNER", "BRANCH", "SHA"))
    number = pull_request(owner, branch, commit, read(Path(folder, "pull-request")))
    if number is None:
        print("no open pull request is this run's any more: nothing is posted")
        return 0
    run = os.environ["RUN_URL"]
    body = comment(read(Path(folder, "report.md")), commit, run, engine_failed=engine_failed())
    known = own_comment(number)
    if known:
        gh("PATCH", f"issues/comments/{known}", body=body)
    else:
        gh("POST", f"issues/{number}/comments", body=body)
    return 0


def read(path: Path) -> str:
    """A file's text, empty where there is none; what isn't a plain file is refused."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        sys.exit(f"{path.name}: must be a plain file")
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return file.read(4 * LIMIT).decode("utf-8", errors="replace")


def comment(report: str, commit: str, run: str, *, engine_failed: bool) -> str:
    """A comment that shows a report as plain text in a diff's colours, whatever it holds."""
    text = FENCES.sub("", UNSHOWN.sub("", report.removeprefix(MARK))[:LIMIT]).strip("\n")
    parts = [f"{MARK}\n**Preview in process** of {commit[:7]}, by the pull request's own code: "]
    if text:
        parts.append(f"take it as its author's word.\n\n```diff\n{text}\n```\n")
    else:
        parts.append(f"it failed before it could report, as [its run]({run}) tells.\n")
    if engine_failed:
        parts.append(
            f"\n**The engine's preview failed**, as [its run]({run}) tells: a comment of the "
            "engine's is an earlier commit's.\n"
        )
    return "".join(parts)


def pull_request(owner: str, branch: str, commit: str, said: str) -> int | None:
    """The number of the open pull request of a branch that has a commit at its head.

    Where several do, to different bases, it is the one that the run says it ran for.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        sys.exit("HEAD_SHA: must be a commit")
    found = gh("GET", "pulls", "-f", "state=open", "-f", f"head={owner}:{branch}")
    numbers: list[int] = [each["number"] for each in found if each["head"]["sha"] == commit]
    if len(numbers) > 1:
        numbers = [number for number in numbers if str(number) == said.strip()]
    return numbers[0] if numbers else None


def engine_failed() -> bool:
    """Whether the run's job `engine` was to preview and didn't."""
    jobs = gh("GET", f"actions/runs/{os.environ['RUN_ID']}/jobs")["jobs"]
    return any(
        each["name"] == "engine" and each["conclusion"] not in ("success", "skipped")
        for each in jobs
    )


def own_comment(number: int) -> int | None:
    """The id of the comment that an earlier run posted."""
    path = f"issues/{number}/comments"
    for page in gh("GET", path, "-F", "per_page=100", "--paginate", "--slurp"):
        for each in page:
            if each["user"]["login"] == BOT and each["body"].startswith(MARK):
                return each["id"]
    return None


def gh(method: str, path: str, *options: str, body: str | None = None) -> Any:  # noqa: ANN401 (GitHub's data)
    """What GitHub's API answers of the repository; a body goes by standard input."""
    path = f"repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    given = [] if body is None else ["--input", "-"]
    done = subprocess.run(
        ["gh", "api", "--method", method, path, *options, *given],
        input=None if body is None else json.dumps({"body": body}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"gh api: {done.stderr.strip()}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
