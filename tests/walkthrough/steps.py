"""The steps of docs/services.md, done as a reader does them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from settings import ROOT

PAGE: Final = ROOT / "docs" / "services.md"
NAME: Final = "petinsuranceservice"
_PROGRAM: Final = ("settings", "apps", "infra", "istio", "observability", "stack")
_NOT_COPIED: Final = shutil.ignore_patterns(".*", "build", "__pycache__", "tests", "bench", "docs")


def copy_checkout(folder: Path) -> Path:
    """Copy what the program and the toolkit need, with this checkout's Python environment."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
    environment = copy / ".venv"
    shutil.copytree(ROOT / ".venv" / "bin", environment / "bin", symlinks=True)
    (environment / "lib").symlink_to(ROOT / ".venv" / "lib")
    for file in ("pyvenv.cfg", ".locked"):
        shutil.copy(ROOT / ".venv" / file, environment)
    return copy


def add_service(copy: Path) -> None:
    """Do the steps that create files."""
    for text, code, language in _blocks():
        if language == "sh" and code.startswith("mkdir"):
            subprocess.run(["sh", "-e"], input=code, cwd=copy, check=True, text=True)
        elif key := re.search(r"under `(\w+)` of", text):
            [path] = re.findall(r"`(apps/[\w./]+)`", text)
            file = copy / path
            indented = "".join(f"  {line}\n" for line in code.splitlines())
            before, found, after = file.read_text().partition(f"\n{key[1]}:")
            rest, _, following = after.partition("\n")
            assert found, f"{file} has no key {key[1]}"
            file.write_text(f"{before}{found}{rest}\n{indented}{following}")
        elif file_name := re.search(r"`([\w.]+)` in the new folder:$", text):
            (copy / "apps" / NAME / file_name[1]).write_text(code)


def declared_by(copy: Path, config: Mapping[str, str]) -> Declaration:
    """What the copy's own program declares for the stack `local`, in this process."""
    own = {name: each for name, each in sys.modules.items() if name.split(".")[0] in _PROGRAM}
    for name in own:
        del sys.modules[name]
    sys.path.insert(0, str(copy))
    try:
        return declare("local", config, root=copy)
    finally:
        sys.path.remove(str(copy))
        for name in [each for each in sys.modules if each.split(".")[0] in _PROGRAM]:
            del sys.modules[name]
        sys.modules.update(own)


def made(copy: Path, *arguments: str) -> str:
    """What make prints in the copy."""
    command = ["make", "--no-print-directory", *arguments]
    ended = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def commands() -> list[str]:
    """The commands that look at what was added."""
    return [
        line
        for _, code, language in _blocks()
        if language == "sh"
        for line in code.splitlines()
        if line.startswith("make ")
    ]


def release() -> Mapping[str, str]:
    """The config that releases it."""
    return {
        key: value
        for _, code, _ in _blocks()
        for key, value in re.findall(r"^pulumi config set (\w+) (\w+)$", code, re.MULTILINE)
    }


def _blocks() -> Iterator[tuple[str, str, str]]:
    """Each block of code in a numbered step: the text before it, the code, and its language."""
    tokens = MarkdownIt().parse(PAGE.read_text())
    for before, block in pairwise(each for each in tokens if each.type in ("inline", "fence")):
        if block.type == "fence" and block.level:
            yield before.content, block.content, block.info
