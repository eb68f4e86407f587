"""Keeps one issue with a stack's drift: opens or updates it, and closes it when the drift is gone.

What it says was written by the default branch's code from what the cloud holds: it is posted as
data, in the code block that it comes in. An empty report means that there is no drift; a run that
couldn't tell has no report, and leaves the issue as it is.

Needs `gh`, GH_TOKEN, GITHUB_REPOSITORY, STACK and RUN_URL; the standard library alone, since
nothing is installed beside a token that may write.
"""

# ruff: noqa: INP001 (a script by itself)

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BOT = "github-actions[bot]"
# An issue has at most 65,536 characters.
LIMIT = 60_000


def main(report: str) -> int:
    """Open, update or close the issue of a report; returns 0."""
    stack, run = os.environ["STACK"], os.environ["RUN_URL"]
    mark = f"<!-- petmesh: drift of {stack} -->"
    text = Path(report).read_text(encoding="utf-8")
    known = own_issue(mark)
    if text.strip():
        body = f"{mark}\n{cut(text)}\nFound by [this run]({run}).\n"
        if known:
            gh("PATCH", f"issues/{known}", {"body": body})
        else:
            gh("POST", "issues", {"title": f"Drift of the stack {stack}", "body": body})
    elif known:
        gh("POST", f"issues/{known}/comments", {"body": f"Gone, as [this run]({run}) found."})
        gh("PATCH", f"issues/{known}", {"state": "closed", "state_reason": "completed"})
    return 0


def cut(text: str) -> str:
    """Return a report that fits an issue, its code block closed."""
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT].rpartition(chr(10))[0]}\n```\n\nCut: too long for an issue.\n"


def own_issue(mark: str) -> int | None:
    """Return the number of the open issue that an earlier run opened."""
    pages = gh("GET", "issues?state=open&per_page=100", None, "--paginate", "--slurp")
    for page in pages:
        for each in page:
            own = each["user"]["login"] == BOT and "pull_request" not in each
            if own and (each["body"] or "").startswith(mark):
                return each["number"]
    return None


def gh(method: str, path: str, body: dict[str, str] | None, *options: str) -> Any:  # noqa: ANN401 (GitHub's data)
    """Return the response of GitHub's API for the repository; a body is sent by standard input."""
    path = f"repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    given = [] if body is None else ["--input", "-"]
    done = subprocess.run(
        ["gh", "api", "--method", method, path, *options, *given],
        input=None if body is None else json.dumps(body),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"gh api: {done.stderr.strip()}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
