"""istiod as the control plane of a rehearsal, alone and beside another one."""

import asyncio
from pathlib import Path

import pytest

from petmesh.expectations.model import read_expectations
from petmesh.expectations.suite import Suite, run
from petmesh.istiod.control_plane import IstiodControlPlane
from petmesh.istiod.server import VARIABLE
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import Input, is_program, read_input
from petmesh.rehearsal.rehearse import running
from tests.istiod import built
from tests.unit.manifests.topologies import Laid

pytestmark = pytest.mark.istiod
EXAMPLES = sorted(
    each.parent
    for each in (ROOT / "examples").glob("*/expectations.yaml")
    if not is_program(str(each.parent))
)
# Which part of an object decided isn't told, and a path prefix is no longer one of segments.
MISSED = {
    "egress-gateway": ["a client's request leaves by the gateway"],
    "gateway-api": ["a prefix is one of whole segments"],
}


@pytest.fixture(scope="module")
def istiod() -> Path:
    found = built.binary()
    if found is None:
        pytest.skip("no istiod: ISTIOD=path/to/pilot-discovery, or make istiod, which builds it")
    return found


def test_the_same_istiod_changes_nothing(istiod: Path, tmp_path: Path) -> None:
    mesh = read_input((str(ROOT / "examples" / "bookinfo"),), "").mesh
    laid = Laid(mesh, tmp_path)
    control_plane = IstiodControlPlane(istiod, tmp_path / "istiod", istiod)
    asyncio.run(control_plane.prepare(mesh, laid.topology, laid.gateways))
    assert control_plane.changes == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_as_expected(
    istiod: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(istiod))
    suite = asyncio.run(suite_of(read_input((str(folder),), "")))
    assert suite.coverage is None
    missed = [each.question.title for each in suite.results if each.misses]
    assert missed == MISSED.get(folder.name, [])


async def suite_of(read: Input) -> Suite:
    assert read.expectations
    async with running(read, control_plane="istiod") as runtime:
        return await run(runtime, read_expectations(read.expectations))
