"""Posts a report on the pull request that a workflow run belongs to, or takes the last one's place.

The report was written by what the pull request holds, so it is data of a stranger's: it is shown as
plain text in a code block that it can't end, in nobody's name but its author's. Which pull request
it goes to is told by GitHub's event and asked of its API, never by the report.

Needs `gh`, GH_TOKEN, GITHUB_REPOSITORY, HEAD_OWNER, HEAD_BRANCH and HEAD_SHA; the standard library
alone, since nothing is installed beside a token that may write.
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
FENCE = "`" * 10
# Control characters, and those that change the direction of what follows.
UNSHOWN = re.compile(
    "[^\\n\\x20-\\x7e\\u00a0-\\U0010ffff]|[\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]"
)


def main(path: str) -> int:
    """Post the report; returns 0, also where there is no pull request for it any more."""
    number = pull_request(
        os.environ["HEAD_OWNER"], os.environ["HEAD_BRANCH"], os.environ["HEAD_SHA"]
    )
    if number is None:
        print("no open pull request has this commit at its head: nothing is posted")
        return 0
    body = comment(read(Path(path)))
    repository = f"repos/{os.environ['GITHUB_REPOSITORY']}"
    known = own_comment(repository, number)
    if known:
        gh("--method", "PATCH", f"{repository}/issues/comments/{known}", body=body)
    else:
        gh("--method", "POST", f"{repository}/issues/{number}/comments", body=body)
    return 0


def read(path: Path) -> str:
    """The report's text; what isn't a plain file is refused."""
    if path.is_symlink() or not path.is_file():
        sys.exit(f"{path.name}: must be a plain file")
    with path.open("rb") as file:
        return file.read(4 * LIMIT).decode("utf-8", errors="replace")


def comment(report: str) -> str:
    """A comment that shows a report as plain text, whatever it holds."""
    text = UNSHOWN.sub("", report.removeprefix(MARK).strip("\n"))[:LIMIT].replace(FENCE, "")
    # What a cut or a removal joined anew could be a fence again.
    while FENCE in text:
        text = text.replace(FENCE, "")
    return (
        f"{MARK}\n**Preview in process**, by the pull request's own code: take it as its author's "
        f"word.\n\n{FENCE}text\n{text}\n{FENCE}\n"
    )


def pull_request(owner: str, branch: str, commit: str) -> int | None:
    """The number of the one open pull request of a branch that has a commit at its head."""
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        sys.exit("HEAD_SHA: must be a commit")
    repository = os.environ["GITHUB_REPOSITORY"]
    query = ["-f", "state=open", "-f", f"head={owner}:{branch}"]
    found = gh("--method", "GET", f"repos/{repository}/pulls", *query)
    numbers = [each["number"] for each in found if each["head"]["sha"] == commit]
    return numbers[0] if len(numbers) == 1 and isinstance(numbers[0], int) else None


def own_comment(repository: str, number: int) -> int | None:
    """The id of the comment that an earlier run posted."""
    path = f"{repository}/issues/{number}/comments"
    for each in gh("--method", "GET", path, "-F", "per_page=100"):
        if each["user"]["login"] == BOT and each["body"].startswith(MARK):
            return each["id"]
    return None


def gh(*arguments: str, body: str | None = None) -> Any:  # noqa: ANN401 (GitHub's data)
    """What GitHub's API answers; a body goes by standard input."""
    given = [] if body is None else ["--input", "-"]
    done = subprocess.run(
        ["gh", "api", *arguments, *given],
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
