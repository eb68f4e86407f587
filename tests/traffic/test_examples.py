"""Each example's expectations, through real Envoys, and that they reach all of it."""

import asyncio
from pathlib import Path

import pytest

from petmesh.expectations.model import read_expectations
from petmesh.expectations.output import misses
from petmesh.expectations.suite import Suite, run
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.rehearse import running

pytestmark = pytest.mark.envoy
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/expectations.yaml"))


async def suite_of(folder: Path, stack: str = "") -> Suite:
    async with running(read_input((str(folder),), stack)) as runtime:
        return await run(runtime, read_expectations(folder))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_an_example_meets_its_expectations_and_is_covered(folder: Path) -> None:
    suite = asyncio.run(suite_of(folder))
    assert list(misses(suite)) == []
    assert [str(item) for item in suite.coverage.missed] == []


def test_so_do_the_pets() -> None:
    suite = asyncio.run(suite_of(ROOT, "local"))
    assert list(misses(suite)) == []
    assert [str(item) for item in suite.coverage.missed] == []
