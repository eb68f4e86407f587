"""The build context of the images: this folder's files with the modes that git records.

A build context's digest is made of its files' modes too, and a checkout's modes are those that the
umask left. So images are built from a copy, in which a file is 0755 where its owner may execute it
and else 0644: the same commit makes the same digest in each checkout.

Source:
    https://github.com/pulumi/pulumi-docker/blob/master/provider/provider.go (hashPath)
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pulumi

from apps.catalog import FOLDER

ROOT = FOLDER.parent
# Below it each file has the path that it has below the root.
COPIES = Path("build", "context")
_LEFT_OUT = ("__pycache__", "tests")


def build_context() -> str:
    """Bring the copy up to date and return its path below the root.

    Raises:
        pulumi.RunError: The copy can't be written.
    """
    context = COPIES / FOLDER.relative_to(ROOT)
    copy = ROOT / context
    try:
        copy.mkdir(parents=True, exist_ok=True)
        files = {file.relative_to(FOLDER) for file in _files(FOLDER)}
        for gone in {file.relative_to(copy) for file in _files(copy)} - files:
            (copy / gone).unlink(missing_ok=True)
        for file in files:
            _copy(FOLDER / file, copy / file)
    except OSError as error:
        raise pulumi.RunError(
            f"{context}: images are built from a copy of {FOLDER.name}/ there, which can't be "
            f"made: {error.strerror}"
        ) from error
    return context.as_posix()


def _files(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _LEFT_OUT]
        yield from (file for name in names if (file := Path(path, name)).is_file())


def _copy(source: Path, target: Path) -> None:
    """Copy a file unless its copy is as it must be; whoever reads meanwhile finds a whole file."""
    mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
    content = source.read_bytes()
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists() and target.read_bytes() == content:
        target.chmod(mode)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=ROOT / COPIES, delete=False) as new:
        new.write(content)
    Path(new.name).chmod(mode)
    Path(new.name).replace(target)
