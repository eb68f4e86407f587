"""Test files of istio-config-validator are read strictly, and their requests unfolded."""

from pathlib import Path

import pytest

from petmesh.expectations.model import read_expectations
from petmesh.expectations.validator.cases import read_cases
from petmesh.manifests.documents import read_documents
from petmesh.rehearsal.settings import SettingsError

REQUEST = "request: {authority: [a, b], method: [GET, PUT], uri: [/]}"
GOOD = f"testCases: [{{{REQUEST}, wantMatch: true, rewrite: {{uri: /b}}}}]"


def written(folder: Path, text: str) -> Path:
    file = folder / "a_test.yml"
    file.write_text(text)
    return file


def test_every_document_of_every_file_of_a_folder_is_read(tmp_path: Path) -> None:
    written(tmp_path, f"{GOOD}\n---\n{GOOD}")
    (tmp_path / "inner").mkdir()
    written(tmp_path / "inner", GOOD)
    cases = read_cases([tmp_path])
    assert len(cases) == 3
    assert list(cases[0].request.unfolded()) == [
        ("a", "GET", "/"),
        ("a", "PUT", "/"),
        ("b", "GET", "/"),
        ("b", "PUT", "/"),
    ]
    assert cases[0].compared == ("rewrite",)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "has no testCases"),
        ("a: [", "while parsing"),
        ("testCases: []", "testCases: must not be empty"),
        (f"testCases: [{{{REQUEST}}}]", "testCases[0]: must have one of route, redirect"),
        (f"testCases: [{{{REQUEST}, colour: red}}]", "testCases[0].colour: unknown key"),
        (f"testCases: [{{{REQUEST}, rewrite: {{}}}}]", "must have uri, authority or"),
        ("testCases: [{rewrite: {uri: /}}]", "testCases[0].request: field required"),
        (
            "testCases: [{request: {authority: [], method: [GET], uri: [/]}, rewrite: {uri: /}}]",
            "testCases[0].request.authority: must not be empty",
        ),
        (
            "testCases: [{request: {authority: [a], method: [GET], uri: [b]}, rewrite: {uri: /}}]",
            "testCases[0].request.uri[0] = b: string should match pattern",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(
    tmp_path: Path, text: str, mistake: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        read_cases([file])
    assert str(refused.value).startswith(f"{file}: ")
    assert mistake in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        read_cases([tmp_path / "none.yaml"])
    with pytest.raises(SettingsError, match="has no file of test cases"):
        read_cases([tmp_path])


def test_test_cases_beside_objects_are_no_objects(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    (tmp_path / "mesh.yaml").write_text("{apiVersion: v1, kind: Service, metadata: {name: a}}")
    assert [each.body["kind"] for each in read_documents(str(tmp_path))] == ["Service"]


def test_test_cases_are_no_expectations(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has testCases, which --validator-tests takes"):
        read_expectations(written(tmp_path, GOOD))
