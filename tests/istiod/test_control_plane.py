"""istiod as the control plane of a rehearsal, beside another one."""

import asyncio
from pathlib import Path

import pytest

from petmesh.istiod.control_plane import IstiodControlPlane
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input
from tests.istiod import built
from tests.unit.manifests.topologies import Laid

pytestmark = pytest.mark.istiod


def test_the_same_istiod_changes_nothing(tmp_path: Path) -> None:
    binary = built.binary()
    if binary is None:
        pytest.skip("no istiod: ISTIOD=path/to/pilot-discovery, or make istiod, which builds it")
    mesh = read_input((str(ROOT / "examples" / "bookinfo"),), "").mesh
    laid = Laid(mesh, tmp_path)
    control_plane = IstiodControlPlane(binary, tmp_path / "istiod", binary)
    asyncio.run(control_plane.prepare(mesh, laid.topology, laid.gateways))
    assert control_plane.changes == []
