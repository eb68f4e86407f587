"""Posts previews as a comment on the pull request of a workflow run, or replaces the last ones.

Both previews, the report and the engine's, were written by the pull request's code, so they are a
stranger's data: each is shown as plain text in a code block that it can't end, as its author's
word. The pull request's number, and whether the engine ran and how it ended, come from GitHub's
event and API; the run's own data only selects between pull requests of one branch. A fork's run has
no engine: a file in the engine's name is not shown.

Needs `gh`, GH_TOKEN, GITHUB_REPOSITORY, HEAD_OWNER, HEAD_REPOSITORY, HEAD_BRANCH, HEAD_SHA, RUN_ID
and RUN_URL; the standard library alone, since nothing is installed beside a token that may write.
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
# A comment has at most 65,536 characters: the engine gets the rest of the report's, at least this.
LIMIT, ENGINE_LIMIT = 60_000, 20_000
# Fences of a code block, the report's own included.
FENCES = re.compile(r"^`{3,}\w*\n|`{3,}", re.MULTILINE)
# Control characters, and those that change the direction of the text after them.
UNSHOWN = re.compile(
    "[^\\n\\x20-\\x7e\\u00a0-\\U0010ffff]|[\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]"
)


def main(report: str, engine: str) -> int:
    """Post a run's two folders as a comment; returns 0, even if its pull request is closed."""
    owner, branch, commit = (os.environ[f"HEAD_{each}"] for each in ("OWNER", "BRANCH", "SHA"))
    number = pull_request(owner, branch, commit, read(Path(report, "pull-request")))
    if number is None:
        print("no open pull request is this run's any more: nothing is posted")
        return 0
    run = os.environ["RUN_URL"]
    body = comment(
        read(Path(report, "report.md")),
        read(Path(engine, "engine.txt"), end=True),
        engine_did(),
        commit,
        run,
    )
    known = own_comment(number)
    if known:
        gh("PATCH", f"issues/comments/{known}", body=body)
    else:
        gh("POST", f"issues/{number}/comments", body=body)
    return 0


def read(path: Path, *, end: bool = False) -> str:
    """Return a file's text or its end, empty if there is none; only a plain file is read."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        sys.exit(f"{path.name}: must be a plain file")
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * LIMIT) if end else 0)
        return file.read(4 * LIMIT).decode("utf-8", errors="replace")


def comment(report: str, engine: str, did: str, commit: str, run: str) -> str:
    """Return a comment that shows both previews as plain text in a diff's colours.

    Args:
        report: The report, empty if there is none.
        engine: The engine's output.
        did: The conclusion of the engine's job, empty if there was none; then `engine` isn't shown.
        commit: The previews' commit.
        run: The URL of their run.
    """
    told = f"as [its run]({run}) tells"
    cut = f"\nCut: too long for a comment. [Its run]({run}) has the rest.\n"
    text, said = plain(report.removeprefix(MARK)), plain(engine) if did else ""
    shown = text[: LIMIT - min(len(said), ENGINE_LIMIT)]
    parts = [f"{MARK}\n**Preview in process** of {commit[:7]}, by the pull request's own code: "]
    if shown:
        parts.append(f"take it as its author's word.\n\n```diff\n{shown}\n```\n")
        parts.append(cut if shown != text else "")
    else:
        parts.append(f"it failed before it could report, {told}.\n")
    if did:
        ended = "" if did == "success" else f" failed, {told}"
        parts.append(f"\n**The engine's preview**{ended}, by the same code.\n")
    if said:
        # The end has the failure, and the number of changes.
        end = said[-(LIMIT - len(shown)) :]
        parts.append(f"\n```diff\n{end}\n```\n{cut if end != said else ''}")
    return "".join(parts)


def plain(text: str) -> str:
    """Return a stranger's text without what could end a code block or hide a part of it."""
    return FENCES.sub("", UNSHOWN.sub("", text)).strip("\n")


def pull_request(owner: str, branch: str, commit: str, said: str) -> int | None:
    """Return the number of the open pull request whose branch has a commit at its head.

    If several do, to different bases, it is the one that the run names.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        sys.exit("HEAD_SHA: must be a commit")
    found = gh("GET", "pulls", "-f", "state=open", "-f", f"head={owner}:{branch}")
    numbers: list[int] = [each["number"] for each in found if each["head"]["sha"] == commit]
    if len(numbers) > 1:
        numbers = [number for number in numbers if str(number) == said.strip()]
    return numbers[0] if numbers else None


def engine_did() -> str:
    """Return the conclusion of the run's job `engine`; empty if there was none, as for a fork."""
    if os.environ["HEAD_REPOSITORY"].lower() != os.environ["GITHUB_REPOSITORY"].lower():
        return ""
    jobs = gh("GET", f"actions/runs/{os.environ['RUN_ID']}/jobs")["jobs"]
    ended: list[str] = [each["conclusion"] or "" for each in jobs if each["name"] == "engine"]
    return ended[0] if ended and ended[0] != "skipped" else ""


def own_comment(number: int) -> int | None:
    """Return the id of the comment that an earlier run posted."""
    path = f"issues/{number}/comments"
    for page in gh("GET", path, "-F", "per_page=100", "--paginate", "--slurp"):
        for each in page:
            if each["user"]["login"] == BOT and each["body"].startswith(MARK):
                return each["id"]
    return None


def gh(method: str, path: str, *options: str, body: str | None = None) -> Any:  # noqa: ANN401 (GitHub's data)
    """Return the response of GitHub's API for the repository; a body is sent by standard input."""
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
