"""The base of a pull request: its own code in its own worktree, and the resources it declares."""

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

# The fields of a resource that a comparison needs.
_KEPT = ("type", "name", "urn", "parent", "custom", "inputs", "secret_inputs", *OPTIONS)
_SECONDS = 300


class BaseError(Exception):
    """The base doesn't exist, or its program failed; the text says why, in one line."""


@dataclass(frozen=True)
class Base:
    """The commit that a checkout is compared with.

    Attributes:
        name: the revision as the user gave it, such as main.
        commit: the merge base of that revision and the checkout.
        root: a worktree of the commit.
    """

    name: str
    commit: str
    root: Path


@contextmanager
def base_of(name: str, root: Path = ROOT) -> Generator[Base]:
    """Yield the merge base of a revision and a checkout, in a temporary worktree.

    Args:
        name: a branch, a tag or a commit; a branch may exist only at origin.
        root: the checkout.

    Raises:
        BaseError: git knows no such commit, or there is no merge base.
    """
    commit = ""
    # git would take a name that starts with a dash for an option.
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
    """Return what the base declares for a stack, with only the fields that a comparison needs.

    The base's program runs with this checkout's in-process engine, so that a change of that engine
    doesn't look like a change of the stack, and with this checkout's packages. The declaration is
    empty if the base doesn't have the stack.

    Raises:
        BaseError: its program failed.
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
    """Return the paths of files that differ from the base, untracked ones too, sorted.

    They are relative to the root, as the file system has them, whatever characters they contain.
    """
    # Without -z git quotes characters that aren't ASCII; a path may contain a line break.
    names = ("-z", "--relative", "--name-only", "--no-renames")
    tracked = _git(root, "diff", *names, base.commit, "--")
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted({*tracked.split("\0"), *untracked.split("\0")} - {""})


def _git(root: Path, *arguments: str, says_nothing: bool = False) -> str:
    """Return git's output, without the final line break; empty if git failed."""
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
    """Return what another checkout declares; its modules are imported from there alone."""
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
