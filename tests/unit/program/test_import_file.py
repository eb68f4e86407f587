"""What is imported when the state is lost."""

import pytest

from petmesh.cli.app import main
from petmesh.program.declaration import Declaration
from petmesh.program.import_file import import_file
from tests.unit.declared import PROJECT, gke, google_managed, kept, local


def ids(stack: Declaration) -> dict[str, str]:
    return {
        each["logicalName"]: each["id"] for each in import_file(stack)["resources"] if "id" in each
    }


def test_what_google_cloud_wont_create_twice_is_imported_by_its_id() -> None:
    found = ids(gke())
    assert found["gke-cluster"] == f"projects/{PROJECT}/locations/us-central1-a/clusters/petmesh"
    assert found["gke-nodes"].startswith(f"{found['gke-cluster']}/nodePools/nodes-")
    assert found["network-nat"] == f"projects/{PROJECT}/regions/us-central1/routers/petmesh/petmesh"
    assert found["images-repository"] == (
        f"projects/{PROJECT}/locations/us-central1/repositories/petmesh"
    )


def test_each_is_within_the_components_that_the_program_puts_around_it() -> None:
    seen: set[str] = set()
    for each in import_file(google_managed())["resources"]:
        assert "parent" not in each or each["parent"] in seen, each
        assert ("id" in each) != each.get("component", False)
        assert each["name"] not in seen
        seen.add(each["name"])


def test_what_may_be_created_twice_and_what_is_in_the_cluster_is_not_imported() -> None:
    types = {each["type"] for each in import_file(kept("prod"))["resources"]}
    assert not {each for each in types if each.startswith(("kubernetes:", "docker:"))}
    assert not {each for each in types if "iam" in each.lower() or "projects/" in each}


def test_a_cluster_that_exists_has_nothing_to_import() -> None:
    assert import_file(local())["resources"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stack", "nosuch"], "petmesh: stack nosuch: Pulumi.nosuch.yaml does not exist"),
        (["--config", "petmesh:a:b=1"], "petmesh: config key petmesh:a:b: must be "),
    ],
)
def test_a_stack_that_cannot_be_is_refused_in_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-file", *options]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
