"""Kubernetes YAML in: files, folders, standard input; and what isn't that."""

import io
import os
import select
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from petmesh.manifests.declaration import declare_manifests
from petmesh.manifests.documents import ManifestError, read_documents
from tests.unit.manifests.inputs import GATEWAY, SHOP, read

NAMED = "apiVersion: v1\nkind: Service\nmetadata: {name: "


def names(path: Path) -> list[str]:
    return [each.body["metadata"]["name"] for each in read_documents(str(path))]


def test_a_folder_is_read_with_its_folders_but_not_what_is_hidden_or_settings(
    tmp_path: Path,
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "b.yaml").write_text(f"{NAMED}b}}")
    (tmp_path / "inner" / "a.json").write_text(
        '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}'
    )
    (tmp_path / ".git" / "c.yaml").write_text(f"{NAMED}c}}")
    (tmp_path / "rehearsal.yaml").write_text("workloads: {}")
    (tmp_path / "expectations.yaml").write_text("expectations: []")
    (tmp_path / "notes.txt").write_text("text")
    assert names(tmp_path) == ["b", "a"]


def test_a_folder_in_it_that_can_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "b.yaml").write_text(f"{NAMED}b}}")
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ManifestError, match=r"/inner: Permission denied"):
        read_documents(str(tmp_path))


def test_a_pipe_is_read_to_its_end_and_refused_where_nobody_writes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ManifestError, match=r"/pipe: is a pipe that nobody writes to"):
        read_documents(str(pipe))
    ours = os.open(pipe, os.O_RDWR)
    os.write(ours, f"{NAMED}a}}".encode())
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(names, pipe)
        while select.select([ours], [], [], 0)[0] and not held.done():
            time.sleep(0.001)
        os.close(ours)
        assert held.result() == ["a"]


def test_stdin_is_what_helm_template_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"---\n# Source: a\n{NAMED}a}}\n---\n\n---\n"))
    assert [each.body["metadata"]["name"] for each in read_documents("-")] == ["a"]


def test_a_lists_items_are_objects(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    item = "{apiVersion: v1, kind: Service, metadata: {name: a}}"
    file.write_text(f"apiVersion: v1\nkind: List\nitems: [{item}]")
    assert names(file) == ["a"]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "has no Kubernetes object"),
        ("text", "document 1: must be an object with apiVersion and kind"),
        ("kind: Service", "document 1: apiVersion = None: must be text"),
        ("apiVersion: v1\nkind: Service", "document 1: Service: metadata.name = None: must be"),
        (f"{NAMED}1}}", "document 1: Service: metadata.name = 1: must be text"),
        ("a: [", "while parsing"),
        ("a: 1\na: 2", "line 2"),
        ("a:\n\t- b", "cannot start any token, line 2, column 1"),
        ("[" * 100_000, "is nested too deeply"),
        ("- " * 10_000, "is nested too deeply"),
        ("&a [*a]", "is nested too deeply"),
        ("a: \0", "unacceptable character"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(
    tmp_path: Path, text: str, refusal: str
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    with pytest.raises(ManifestError) as refused:
        read_documents(str(file))
    assert str(refused.value).startswith(str(file))
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_documents(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("name", "command"),
    [("Chart.yaml", "helm template"), ("kustomization.yaml", "kustomize build")],
)
def test_a_chart_or_kustomization_is_to_be_rendered(
    tmp_path: Path, name: str, command: str
) -> None:
    (tmp_path / name).write_text("a: 1")
    with pytest.raises(ManifestError, match=command):
        read_documents(str(tmp_path))


def test_two_objects_of_one_name_are_refused_unless_they_are_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(SHOP)
    second.write_text(SHOP)
    assert len(declare_manifests(str(first), str(second)).resources) == 2
    second.write_text(SHOP.replace("replicas: 2", "replicas: 3"))
    with pytest.raises(ManifestError) as refused:
        declare_manifests(str(first), str(second))
    assert str(refused.value) == (
        f"Deployment default/web-v1: is there twice, in {first} and {second}"
    )


def test_versions_that_istio_serves_with_the_same_fields_are_one(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(GATEWAY)
    assert [each.type for each in declare_manifests(str(file)).resources] == [
        "kubernetes:networking.istio.io/v1:Gateway",
        "kubernetes:networking.istio.io/v1:VirtualService",
    ]


def test_what_the_api_server_adds_is_no_field_of_the_object(tmp_path: Path) -> None:
    served = (
        "uid: a, resourceVersion: '1', generation: 2, managedFields: [{manager: kubectl}], "
        "ownerReferences: [], finalizers: [a], generateName: w-, creationTimestamp: null"
    )
    mesh = read(tmp_path, SHOP.replace("{name: web}", f"{{name: web, {served}}}", 1))
    assert [each.metadata.name for each in mesh.services] == ["web"]


def test_of_two_objects_the_older_comes_first(tmp_path: Path) -> None:
    one = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
    spec = "spec: {hosts: [web], http: [{directResponse: {status: 418}}]}"
    young = f"{one}metadata: {{name: a, creationTimestamp: '2026-02-02T00:00:00Z'}}\n{spec}"
    old = f"{one}metadata: {{name: b, creationTimestamp: '2026-01-01T00:00:00Z'}}\n{spec}"
    mesh = read(tmp_path, SHOP, young, old)
    assert [each.metadata.name for each in mesh.virtual_services] == ["b", "a"]


@pytest.mark.parametrize("key", ["name", "namespace"])
@pytest.mark.parametrize("value", ["../../a", "a/b", "..", "a b", "x" * 254])
def test_a_name_that_is_none_is_refused(tmp_path: Path, key: str, value: str) -> None:
    names = {"name": "web", key: value}
    metadata = ", ".join(f"{each}: '{held}'" for each, held in names.items())
    (tmp_path / "a.yaml").write_text(f"{{apiVersion: v1, kind: Service, metadata: {{{metadata}}}}}")
    with pytest.raises(ManifestError, match=rf"metadata.{key} = .*: must be a name of Kubernetes"):
        read_documents(str(tmp_path))
