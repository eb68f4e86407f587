"""rehearsal.yaml: how a workload runs here."""

import io
import json
import sys
from pathlib import Path

import pytest

from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.launch import Launcher
from petmesh.rehearsal.settings import RehearsalSettings, SettingsError, read_settings
from tests.unit.manifests.inputs import SHOP, read
from tests.unit.mesh.meshes import pod


def settings(folder: Path, text: str) -> RehearsalSettings:
    file = folder / "rehearsal.yaml"
    file.write_text(text)
    return read_settings(file)


def launched(folder: Path, text: str):  # noqa: ANN201 (a command)
    mesh = read(folder, SHOP)
    [workload] = mesh.workloads
    return Launcher(settings(folder, text))(mesh, pod("web", "v1", 1000), workload, {"EXTRA": "1"})


def test_without_an_entry_a_stand_in_answers(tmp_path: Path) -> None:
    command = launched(tmp_path, "workloads: {other: {status: 500}}")
    told = json.loads(command.environment["STAND_IN"])
    assert (told["workload"], told["version"], told["status"]) == ("web-v1", "v1", 200)
    assert command.arguments[0] == sys.executable
    assert not command.probed


def test_an_entry_says_what_a_stand_in_answers(tmp_path: Path) -> None:
    text = "workloads: {default/web-*: {status: 503, delay: 250ms, body: {a: 1}}}"
    told = json.loads(launched(tmp_path, text).environment["STAND_IN"])
    assert (told["status"], told["delay"], told["body"]) == (503, 0.25, {"a": 1})


def test_an_entry_names_a_command_its_folder_and_variables(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    command = launched(
        tmp_path,
        "workloads: {web-v1: {command: [python, -m, web, '--port={port}'], folder: src,"
        " environment: {A: b}, port: WEB_PORT}}",
    )
    assert command.arguments == (sys.executable, "-m", "web", "--port=1000")
    assert command.folder == tmp_path / "src"
    environment = command.environment
    assert (environment["A"], environment["WEB_PORT"], environment["EXTRA"]) == ("b", "1000", "1")
    assert environment["HTTP_PROXY"] == "http://127.0.0.1:1002"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="folder none: there is no such folder"):
        launched(tmp_path, "workloads: {web-v1: {command: [a], folder: none}}")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("works: {}", "works: unknown key"),
        ("workloads: {a: {colour: 1}}", "workloads.a.colour: unknown key"),
        ("workloads: {a: {status: 99}}", "workloads.a.status = 99: input should be greater"),
        ("workloads: {a: {delay: soon}}", "workloads.a.delay = soon: must be a duration"),
        ("workloads: {a: {command: [b], status: 200}}", "status is a stand-in's"),
        ("workloads: {a: {folder: src}}", "folder needs a command"),
        ("workloads: {a: {command: []}}", "workloads.a.command: tuple should have at least 1"),
        ("- a", "must have the key workloads alone"),
        ("a: [", "while parsing"),
    ],
)
def test_a_mistake_is_one_line_with_the_key(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'rehearsal.yaml'}: ")
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_entry_of_no_workload_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(SHOP)
    (tmp_path / "rehearsal.yaml").write_text("workloads: {wbe-v1: {status: 200}}")
    with pytest.raises(SettingsError, match=r"workloads\.wbe-v1: must be one of web-v1"):
        read_input((str(tmp_path),), "local")


def test_standard_input_has_no_file_beside_it_but_may_be_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rehearsal.yaml").write_text("workloads: {wbe-v1: {status: 200}}")
    file = tmp_path / "own.yaml"
    file.write_text("workloads: {web-v1: {status: 201}}")
    monkeypatch.chdir(tmp_path)
    for settings, status in ((None, 200), (file, 201)):
        monkeypatch.setattr("sys.stdin", io.StringIO(SHOP))
        read_one = read_input(("-",), "", settings=settings)
        assert read_one.settings.of(read_one.mesh.workloads[0]).status == status
    monkeypatch.setattr("sys.stdin", io.StringIO(SHOP))
    with pytest.raises(SettingsError, match="No such file"):
        read_input(("-",), "", settings=tmp_path / "none.yaml")


def test_more_pods_than_a_machine_can_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(SHOP.replace("replicas: 2", "replicas: 100000"))
    with pytest.raises(RefusedError, match=r"default/web-v1: replicas = 100000: .* 500 in all"):
        read_input((str(tmp_path),), "")
