"""The declaration of a base, from a repository created for it."""

import subprocess
from pathlib import Path

import pytest

from petmesh.program.difference import compare, outputs
from petmesh.program.program import declare
from petmesh.report.base_checkout import BaseError, base_of, changed_files, declaration_of

# Without the provider's SDK, which takes longer to import than all else here.
MAIN = """
import pulumi
from parts import WORD
words = {"kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"word": WORD}}
pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "words", words)
"""


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A branch that changed the module that its program imports, and never had a stack two."""
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "Pulumi.one.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text(MAIN)
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    (tmp_path / "parts.py").write_text("WORD = 'old'\n")
    git(tmp_path, "init", "--initial-branch=main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--message=base")
    git(tmp_path, "switch", "--create=work")
    (tmp_path / "parts.py").write_text("WORD = 'new'\n")
    git(tmp_path, "commit", "--all", "--message=work")
    (tmp_path / "Pulumi.two.yaml").write_text("config: {}\n")
    return tmp_path


def test_the_base_declares_by_its_own_code(checkout: Path) -> None:
    here = declare("one", root=checkout)
    with base_of("main", checkout) as base:
        (change,) = compare(declaration_of(base, "one"), here)
        assert declaration_of(base, "two").resources == ()
        assert changed_files(base, checkout) == ["Pulumi.two.yaml", "parts.py"]
        assert base.root.exists()
    assert str(change) == "~ ConfigMap words: data.word old -> new"
    assert not base.root.exists()
    listed = ["git", "-C", str(checkout), "worktree", "list"]
    assert len(subprocess.check_output(listed, text=True).splitlines()) == 1


NAMES = [
    "größe.py",
    "犬.json",
    "a file",
    " b ",
    "tab\tbed",
    'quo"ted',
    "back\\slash",
    "line\nend\n",
    "sep\u2028arator",
    "esc\x1b[2J",
    "no utf-8 \udcff",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_found_whatever_its_name(checkout: Path, name: str) -> None:
    tracked, untracked = checkout / "tracked", checkout / "untracked"
    tracked.mkdir()
    (tracked / name).write_text("old")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message=names")
    (tracked / name).write_text("new")
    untracked.mkdir()
    (untracked / name).write_text("")
    with base_of("HEAD", checkout) as base:
        assert changed_files(base, checkout) == [f"tracked/{name}", f"untracked/{name}"]


def test_what_the_engine_is_asked_for_is_compared_too(checkout: Path) -> None:
    kept = MAIN.replace(", words)", ", words, pulumi.ResourceOptions(protect=True))")
    (checkout / "__main__.py").write_text(f"{kept}pulumi.export('word', WORD)\n")
    git(checkout, "commit", "--all", "--message=protect")
    (checkout / "__main__.py").write_text(f"{MAIN}pulumi.export('word', 'x')\n")
    here = declare("one", root=checkout)
    with base_of("HEAD", checkout) as base:
        there = declaration_of(base, "one")
    (change,) = compare(there, here)
    assert str(change) == "~ ConfigMap words: options.protect true -> false"
    (change,) = outputs(there, here)
    assert str(change) == "~ Stack one: outputs.word new -> x"


@pytest.mark.parametrize(
    ("defaults", "word"), [("", "rehearsal"), ("config: {word: {default: usual}}\n", "usual")]
)
def test_what_is_encrypted_is_its_default_or_a_placeholder_and_secret(
    checkout: Path, defaults: str, word: str
) -> None:
    (checkout / "Pulumi.yaml").write_text(f"name: tiny\nruntime: python\n{defaults}")
    (checkout / "Pulumi.one.yaml").write_text("config: {tiny:word: {secure: v1:abc=}}\n")
    (checkout / "parts.py").write_text(
        "import pulumi\nWORD = pulumi.Config().require_secret('word')\n"
    )
    git(checkout, "commit", "--all", "--message=encrypted")
    with base_of("HEAD", checkout) as base:
        (resource,) = declaration_of(base, "one").resources
    assert resource.inputs["data"] == {"word": word}
    assert resource.secret_inputs == {"data.word"}


def test_the_base_is_where_the_branches_parted(checkout: Path) -> None:
    git(checkout, "stash", "--include-untracked")
    git(checkout, "switch", "main")
    (checkout / "parts.py").write_text("WORD = 'newer'\n")
    git(checkout, "commit", "--all", "--message=later")
    git(checkout, "switch", "work")
    with base_of("main", checkout) as base:
        assert (base.root / "parts.py").read_text() == "WORD = 'old'\n"


def test_a_branch_may_be_known_as_origins_alone(checkout: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(checkout, "clone", "--branch=work", str(checkout), str(clone))
    with base_of("main", clone) as base:
        assert base.name == "main"


@pytest.mark.parametrize("name", ["nowhere", "--all", "", "main..work"])
def test_a_base_that_git_doesnt_know_is_named(checkout: Path, name: str) -> None:
    with pytest.raises(BaseError, match=r"^--base = .*: must be a branch") as refused:  # noqa: SIM117
        with base_of(name, checkout):
            pass
    assert name in str(refused.value)


def test_a_base_that_refuses_says_why_in_one_line_and_where_in_the_log(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "parts.py").write_text("raise ValueError('no words\\nat all')\n")
    git(checkout, "commit", "--all", "--message=broken")
    with base_of("HEAD", checkout) as base, pytest.raises(BaseError) as refused:
        declaration_of(base, "one")
    (line,) = str(refused.value).splitlines()
    assert line.startswith("HEAD can't declare one: ")
    assert "parts.py" in capsys.readouterr().err
