"""What the base of a pull request declares: its own code, run from a worktree of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import petmesh
from petmesh.program.declaration import Declaration, ProgramError, Resource
from petmesh.program.difference import OPTIONS
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.project import ROOT

# What a comparison needs of a resource.
_KEPT = ("type", "name", "urn", "parent", "custom", "inputs", "secret_inputs", *OPTIONS)
_SECONDS = 300


class BaseError(Exception):
    """The base can't be had or refuses; the text says why, in one line."""


@dataclass(frozen=True)
class Base:
    """A commit that work is compared with.

    Attributes:
        name: what it was asked for, such as main.
        commit: the newest commit that both sides have.
        root: a worktree of it.
    """

    name: str
    commit: str
    root: Path


@contextmanager
def base_of(name: str, root: Path = ROOT) -> Generator[Base]:
    """The commit at which a checkout left a branch, in a worktree that goes again.

    Args:
        name: a branch, a tag or a commit; a branch that is only known as origin's will do.
        root: the checkout.

    Raises:
        BaseError: git knows no such commit, or none that both sides have.
    """
    commit = ""
    # What starts with a dash would be an option to git, not a name.
    for known_as in () if name.startswith("-") else (name, f"origin/{name}"):
        if _git(root, "rev-parse", "--verify", f"{known_as}^{{commit}}"):
            commit = _git(root, "merge-base", known_as, "HEAD")
            break
    if not commit:
        raise BaseError(f"--base = {name}: must be a branch, tag or commit that this checkout left")
    with tempfile.TemporaryDirectory(prefix="petmesh-base-") as folder:
        worktree = Path(folder) / "base"
        if not _git(root, "worktree", "add", "--detach", str(worktree), commit, says_nothing=True):
            raise BaseError(f"--base = {name}: git can't check out {commit[:7]}")
        try:
            yield Base(name, commit, worktree)
        finally:
            _git(root, "worktree", "remove", "--force", str(worktree))


def declaration_of(base: Base, stack: str) -> Declaration:
    """What the base declares for a stack, as far as a comparison needs it.

    Its program runs with this checkout's rehearsal in the engine's place, so that a change of the
    rehearsal isn't taken for one of the stack, and with this checkout's packages. Nothing is
    declared where the base doesn't have the stack.

    Raises:
        BaseError: its program refuses.
    """
    if not (base.root / f"Pulumi.{stack}.yaml").is_file():
        return _declaration(stack, {"resources": [], "outputs": {}, "secret_outputs": []})
    command = [sys.executable, "-m", "petmesh.report.base_checkout", stack, str(base.root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=base.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BaseError(f"{base.name} takes more than {_SECONDS} s to declare {stack}") from error
    if done.returncode:
        sys.stderr.write(done.stderr)
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BaseError(f"{base.name} can't declare {stack}: {why}")
    return _declaration(stack, json.loads(done.stdout))


def changed_files(base: Base, root: Path = ROOT) -> list[str]:
    """Files of the checkout that are not as in the base, untracked ones too, sorted.

    Their paths are below the root, as the file system has them, whatever characters they hold.
    """
    # Without -z git quotes what is not ASCII; a path may hold a line's end.
    names = ("-z", "--relative", "--name-only", "--no-renames")
    tracked = _git(root, "diff", *names, base.commit, "--")
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted({*tracked.split("\0"), *untracked.split("\0")} - {""})


def _git(root: Path, *arguments: str, says_nothing: bool = False) -> str:
    """What git says, without a line's end; empty where it refuses."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    said = "done" if says_nothing else os.fsdecode(done.stdout).removesuffix("\n")
    return "" if done.returncode else said


def _declaration(stack: str, fields: Mapping[str, Any]) -> Declaration:
    return Declaration(
        project="",
        stack=stack,
        preview=False,
        config={},
        resources=tuple(_resource(each) for each in fields["resources"]),
        outputs=fields["outputs"],
        secret_outputs=frozenset(cast("list[str]", fields["secret_outputs"])),
        warnings=(),
    )


def _resource(fields: Mapping[str, Any]) -> Resource:
    secret: list[str] = fields["secret_inputs"]
    others = {field: fields[field] for field in _KEPT if field != "secret_inputs"}
    return Resource(**others, secret_inputs=frozenset(secret), outputs={})


def _dump(stack: str, root: Path) -> Mapping[str, Any]:
    """What another checkout declares; its modules are found there alone."""
    petmesh.__path__[:0] = [str(root / "petmesh")]
    sys.path[:] = [str(root), *(each for each in sys.path if Path(each).resolve() != ROOT)]
    overrides = with_placeholders(stack, {}, root, encrypted=True)
    declaration = declare(stack, overrides, root=root)
    return {
        "resources": [
            {field: getattr(resource, field) for field in _KEPT}
            for resource in declaration.resources
        ],
        "outputs": declaration.outputs,
        "secret_outputs": declaration.secret_outputs,
    }


def _main(stack: str, root: str) -> int:
    try:
        declared = _dump(stack, Path(root))
    except ProgramError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    json.dump(declared, sys.stdout, default=lambda each: sorted(cast("frozenset[str]", each)))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
