"""A new version of petdetailsservice is a new file, and no edit of the program."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.program import declare
from settings import ROOT
from tests.unit.declared import container, manifests, spec

PROGRAM = ("settings", "apps", "infra", "istio", "observability", "stack")
Run = Callable[..., Declaration]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the program."""
    ignore = shutil.ignore_patterns("__pycache__", "tests")
    for name in PROGRAM:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for path in (*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def run(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Declares the copy's stack `local`."""
    monkeypatch.setattr(sys, "path", [str(checkout), *sys.path])
    for name in [each for each in sys.modules if each.partition(".")[0] in PROGRAM]:
        monkeypatch.delitem(sys.modules, name)

    def declare_copy(config: Mapping[str, str]) -> Declaration:
        try:
            return declare("local", config, root=checkout)
        finally:
            for name in [each for each in sys.modules if each.partition(".")[0] in PROGRAM]:
                del sys.modules[name]

    return declare_copy


def test_a_file_more_is_an_image_a_workload_and_a_subset_more(checkout: Path, run: Run) -> None:
    versions = checkout / "apps/petdetailsservice/versions"
    shutil.copy(versions / "v2.json", versions / "v3.json")
    stack = run({"canaryVersion": "v3", "canaryWeight": "10"})
    image = stack.one("docker:index/image:Image", "petdetailsservice-v3-image")
    assert image.inputs["imageName"] == "localhost:5001/petdetailsservice:v3"
    data = (versions / "v3.json").read_text()
    assert image.inputs["build"]["args"] == {"VERSION": "v3", "VERSION_DATA": data}
    assert container(stack, "petdetailsservice-v3")["image"] == image.outputs["repoDigest"]
    for kind in ("Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert "petdetailsservice-v3" in manifests(stack, kind)
    subsets = spec(stack, "DestinationRule", "petdetailsservice")["subsets"]
    assert [each["name"] for each in subsets] == ["v1", "v2", "v3"]
    assert stack.outputs["weights"] == {"v1": 90, "v3": 10}


def test_a_version_without_its_file_is_refused(run: Run) -> None:
    with pytest.raises(ProgramError, match="canaryVersion = v3: must be one of v1, v2"):
        run({"canaryVersion": "v3"})


VERSIONS = "apps/petdetailsservice/versions"


@pytest.mark.parametrize("name", ["v2 copy", "V3", "v3.old", "-v3", "v" * 21, "v3\n", "vé"])
def test_a_versions_file_with_another_name_is_refused(checkout: Path, run: Run, name: str) -> None:
    (checkout / VERSIONS / f"{name}.json").write_text("{}")
    with pytest.raises(ProgramError) as refused:
        run({})
    [line] = str(refused.value).splitlines()
    assert line.startswith(f'"{VERSIONS}/')
    assert ": must have 1 to 20 of a-z, 0-9 and -" in line


def test_what_is_hidden_and_what_is_no_file_is_no_version(checkout: Path, run: Run) -> None:
    (checkout / VERSIONS / ".hidden.json").write_text("{}")
    (checkout / VERSIONS / "v4.json").mkdir()
    subsets = spec(run({}), "DestinationRule", "petdetailsservice")["subsets"]
    assert [each["name"] for each in subsets] == ["v1", "v2"]
    with pytest.raises(ProgramError, match=r"^canaryVersion = v4: must be one of v1, v2,"):
        run({"canaryVersion": "v4"})


UNUSABLE = (
    *(b"\xff\xfe", b"", b"[]", b"{", b'{"a": "\xe4"}'),
    *(b"[" * 100_000, b'{"a": "' + b"x" * 100_000),
)


@pytest.mark.parametrize("content", UNUSABLE)
def test_a_version_whose_file_is_no_data_is_refused_where_it_is_chosen(
    checkout: Path, run: Run, content: bytes
) -> None:
    (checkout / VERSIONS / "v3.json").write_bytes(content)
    with pytest.raises(ProgramError) as refused:
        run({"canaryVersion": "v3"})
    [line] = str(refused.value).splitlines()
    assert line.startswith(f"canaryVersion = v3: {VERSIONS}/v3.json must be a file with a JSON")


def test_a_version_whose_file_is_no_data_is_in_nobodys_way(checkout: Path, run: Run) -> None:
    for number, content in enumerate(UNUSABLE):
        (checkout / VERSIONS / f"v{3 + number}.json").write_bytes(content)
    run({})
