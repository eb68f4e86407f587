"""A new version of petdetailsservice is a new file, and no edit of the program."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rehearsal.program import Declaration, ProgramError, declare
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
