"""A stack's file that can't be used is refused in one line that names it."""

from pathlib import Path

import pytest

from rehearsal.stackconfig import StackConfigError, stack_config


def read(folder: Path, content: bytes) -> dict[str, str]:
    (folder / "Pulumi.yaml").write_text("name: p\n")
    (folder / "Pulumi.s.yaml").write_bytes(content)
    return stack_config("s", {}, folder)[0]


@pytest.mark.parametrize("content", [b"", b"# nothing", b"config:", b"config: {}", b"other: 1"])
def test_a_file_without_config_is_a_stack_of_defaults(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"config:\n  p:a: \xff\n", "not YAML: 'utf-8' codec can't decode"),
        (b"config: {p:a: " + b"[" * 2000, "not YAML: "),
        (b"config:\n  p:a: " + b"[" * 2000 + b"]" * 2000, "not YAML: nested too deeply"),
        (b"config:\n  p:a: &a [*a]\n", "not YAML: "),
        (b"config:\n  p:a: {[1]: 2}\n", "not YAML: "),
        (b"[]", "must be a map"),
        (b"hello", "must be a map"),
        (b"config: []", "config: must be a map"),
        (b"config: hello", "config: must be a map"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(StackConfigError) as refusal:
        read(tmp_path, content)
    said = str(refusal.value)
    assert said.startswith(f"Pulumi.s.yaml: {reason}")
    assert "\n" not in said
