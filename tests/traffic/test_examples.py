"""Each example's expectations, through real Envoys, and that they reach all of it."""

import asyncio
from pathlib import Path

import pytest

from petmesh.expectations.model import read_expectations
from petmesh.expectations.output import misses
from petmesh.expectations.suite import Suite, run
from petmesh.expectations.validator.cases import read_cases
from petmesh.expectations.validator.surroundings import surrounded
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import declared, input_of, read_input
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
    assert suite.percent == 100, suite.coverage


def test_tests_of_istio_config_validator_hold_and_reach_every_route() -> None:
    folder = ROOT / "examples" / "validator-tests"
    cases = read_cases([folder / "routes_test.yaml"])

    async def tested() -> Suite:
        async with running(input_of(surrounded(declared((str(folder),), "")), None)) as runtime:
            right = await run(runtime, (), cases)
            wrong = [each.model_copy(update={"want_match": not each.want_match}) for each in cases]
            assert (await run(runtime, (), wrong)).failed == len(right.results)
            return right

    suite = asyncio.run(tested())
    assert list(misses(suite)) == []
    assert suite.percent == 100, suite.coverage


def test_so_do_the_pets() -> None:
    suite = asyncio.run(suite_of(ROOT, "local"))
    assert list(misses(suite)) == []
    assert suite.percent == 100, suite.coverage
