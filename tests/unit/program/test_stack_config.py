"""A stack's file that can't be used is refused in one line that names it."""

from pathlib import Path

import pytest

from petmesh.program.config_keys import StackConfigError
from petmesh.program.stack_config import stack_config


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
        (b"config: {p:a: " + b"[" * 1000, "not YAML: "),
        (b"config:\n  p:a: " + b"[" * 1000 + b"]" * 1000, "not YAML: nested too deeply"),
        (b"config:\n  p:a: &a [*a]\n", "not YAML: "),
        (b"config:\n  p:a: {[1]: 2}\n", "not YAML: "),
        (b"[]", "must be a map"),
        (b"hello", "must be a map"),
        (b"config: []", "config: must be a map"),
        (b"config: hello", "config: must be a map"),
        (b"config: ''", "config: must be a map"),
        (b"config: {p:a: 1, p:a: 2}", "not YAML: key p:a is given on line 1 already"),
        (b"config: {p:a: {b: 1, b: 2}}", "not YAML: key b is given on line 1 already"),
        (b"config: {p:a: 1, a: 2}", "config key a: p:a is given twice"),
        (b"config: {p:a: 1, p:config:a: 2}", "config key p:config:a: p:a is given twice"),
        (b"config: {}\nconfig: {}", "not YAML: key config is given on line 1 already"),
        (b"config: {p:a:b: 1}", "config key p:a:b: must be <namespace>:<name>"),
        (b"config: {8: 1}", "config key 8: must be a text"),
        (b"config: {p:a: .inf}", "not YAML: inf is no number"),
        (b"config: {p:a: !!binary '?'}", "not YAML: is no base64"),
        (b"config: {p:a: !!int x}", "not YAML: x is no int"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(StackConfigError) as refusal:
        read(tmp_path, content)
    said = str(refusal.value)
    assert said.startswith(f"Pulumi.s.yaml: {reason}")
    assert "\n" not in said


def test_a_key_without_a_namespace_is_the_projects(tmp_path: Path) -> None:
    content = b"config: {a: 010, other:b: yes, p:config:c: [2026-01-02]}"
    moment = '["2026-01-02 00:00:00 +0000 UTC"]'
    assert read(tmp_path, content) == {"p:a": "8", "other:b": "yes", "p:c": moment}


def test_a_path_leads_into_what_the_file_and_the_other_overrides_leave(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p")
    (tmp_path / "Pulumi.s.yaml").write_text("config: {p:a: {x: {y: 1}, z: 2}}")
    config, _ = stack_config("s", {"a.x.y": "3", "b[0]": "c", "b": "[]"}, tmp_path)
    assert config == {"p:a": '{"x": {"y": 3}, "z": 2}', "p:b": '["c"]'}
    with pytest.raises(
        StackConfigError, match=r"^config path a\.z\.x: the config has no place for x$"
    ):
        stack_config("s", {"a.z.x": "3"}, tmp_path)


@pytest.mark.parametrize(
    "value", ["{secure: v1:abc=}", "[a, {secure: v1:abc=}]", "{b: {c: {secure: v1:abc=}}}"]
)
def test_what_is_encrypted_within_makes_a_value_secret(tmp_path: Path, value: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\n")
    (tmp_path / "Pulumi.s.yaml").write_text(f"config: {{a: {value}}}")
    with pytest.raises(StackConfigError, match="p:a is encrypted for the real engine"):
        stack_config("s", {}, tmp_path)
    assert stack_config("s", {"a": "x"}, tmp_path) == ({"p:a": "x"}, {"p:a"})
    assert stack_config("s", {}, tmp_path, placeholder="y") == ({"p:a": "y"}, {"p:a"})


@pytest.mark.parametrize("value", ["{secure: 1}", "{secure: a, b: c}", "secure"])
def test_what_only_looks_encrypted_is_plain(tmp_path: Path, value: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\n")
    (tmp_path / "Pulumi.s.yaml").write_text(f"config: {{a: {value}}}")
    assert stack_config("s", {}, tmp_path)[1] == set()


@pytest.mark.parametrize("content", ["", "runtime: python", "name: ''", "name: [p]"])
def test_a_project_without_a_name_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(content)
    (tmp_path / "Pulumi.s.yaml").write_text("")
    with pytest.raises(StackConfigError, match=r"^Pulumi.yaml: name: must be the project's"):
        stack_config("s", {}, tmp_path)
