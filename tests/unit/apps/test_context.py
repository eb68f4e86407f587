"""The images' build context, whatever a checkout's umask was."""

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pulumi
import pytest

from apps import context
from petmesh.report import image_inputs as sources
from settings import ROOT
from tests.unit.declared import local

UMASKS = (0o002, 0o022, 0o077)
COPY = "build/context/apps"


def git(folder: Path, *arguments: str, umask: int = 0o022) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True, umask=umask)


@pytest.fixture
def commit(tmp_path: Path) -> Path:
    """A repository with one commit, of the services as they are here and of a script."""
    repository = tmp_path / "repository"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "apps", repository / "apps", ignore=ignore)
    script = repository / "apps/petservice/start"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    git(repository, "init")
    git(repository, "add", "--all")
    git(repository, "commit", "--message=all")
    return repository


def checked_out(commit: Path, umask: int) -> Path:
    checkout = commit.parent / f"checkout-{umask:03o}"
    git(commit.parent, "clone", str(commit), str(checkout), umask=umask)
    return checkout


def digest(folder: Path) -> str:
    """The digest that the Docker provider makes of a context: of names, modes and contents."""
    summed = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        summed.update(file.relative_to(folder).as_posix().encode())
        summed.update(stat.filemode(file.stat().st_mode).encode())
        summed.update(hashlib.sha256(file.read_bytes()).digest() + b"\0")
    return summed.hexdigest()


def built_from(checkout: Path, monkeypatch: pytest.MonkeyPatch, umask: int = 0o022) -> Path:
    """The context of a checkout, made by a process with some umask."""
    monkeypatch.setattr(context, "ROOT", checkout)
    monkeypatch.setattr(context, "FOLDER", checkout / "apps")
    before = os.umask(umask)
    try:
        assert context.build_context() == COPY
    finally:
        os.umask(before)
    return checkout / COPY


def test_a_commit_has_one_context_whatever_the_umask_of_its_checkout(
    commit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkouts = {umask: checked_out(commit, umask) for umask in UMASKS}
    assert len({digest(each / "apps") for each in checkouts.values()}) == len(UMASKS)
    contexts = [built_from(each, monkeypatch, umask) for umask, each in checkouts.items()]
    assert len({digest(each) for each in contexts}) == 1
    for each in contexts:
        assert (each / "petservice/start").stat().st_mode & 0o777 == 0o755
        assert (each / "petservice/__main__.py").stat().st_mode & 0o777 == 0o644


def test_a_context_is_what_the_folder_holds_now(
    commit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = digest(built_from(commit, monkeypatch))
    assert digest(built_from(commit, monkeypatch)) == first
    source = commit / "apps/petservice/__main__.py"
    text = source.read_text()
    source.write_text(f"{text}# changed\n")
    changed = digest(built_from(commit, monkeypatch))
    source.write_text(text)
    source.chmod(0o755)
    executable = digest(built_from(commit, monkeypatch))
    source.unlink()
    gone = digest(built_from(commit, monkeypatch))
    assert len({first, changed, executable, gone}) == 4
    source.mkdir()
    (source / "inner.py").write_text(text)
    assert digest(built_from(commit, monkeypatch)) != gone
    shutil.rmtree(source)
    source.write_text(text)
    # What an editor leaves of an open file: a link to nothing.
    (source.parent / ".#pets.py").symlink_to("someone@somewhere")
    assert digest(built_from(commit, monkeypatch)) == first


def test_the_stack_builds_from_the_copy_by_the_dockerfiles_of_the_checkout() -> None:
    images = local().of_type("docker:index/image:Image")
    assert {image.inputs["build"]["context"] for image in images} == {COPY}
    assert all((ROOT / image.inputs["build"]["dockerfile"]).is_file() for image in images)
    assert f"{context.COPIES.as_posix()}/" == sources.COPIES


def test_a_checkout_that_cant_be_written_is_told_in_one_line(
    commit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (commit / "build").write_text("")
    with pytest.raises(pulumi.RunError) as refused:
        built_from(commit, monkeypatch)
    [line] = str(refused.value).splitlines()
    assert line.startswith("build/context/apps: images are built from a copy of apps/ there")
