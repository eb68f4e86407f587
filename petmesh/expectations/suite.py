"""Runs a mesh's tests on a rehearsal of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from petmesh.expectations.coverage import Coverage, coverage
from petmesh.expectations.judge import Result, judge
from petmesh.expectations.model import Expectation
from petmesh.expectations.run import check, send
from petmesh.expectations.validator import judge as validator
from petmesh.expectations.validator.ask import questions
from petmesh.expectations.validator.cases import Case
from petmesh.rehearsal.ask import Asker
from petmesh.rehearsal.hops import Hops
from petmesh.rehearsal.launch import version_of
from petmesh.rehearsal.runtime import Runtime


@dataclass(frozen=True)
class Suite:
    """The results of all tests, and what they reached: None for a cluster, which doesn't tell."""

    results: tuple[Result, ...]
    coverage: Coverage | None

    @property
    def failed(self) -> int:
        """The number of expectations that weren't met."""
        return sum(not result.passed for result in self.results)

    @property
    def skipped(self) -> int:
        """The number of those of which nothing was asked."""
        return sum(not result.was_asked for result in self.results)

    @property
    def percent(self) -> float:
        """The coverage in percent; 0 where it isn't known."""
        return self.coverage.percent if self.coverage else 0.0


async def run(
    runtime: Runtime, expectations: Sequence[Expectation], cases: Sequence[Case] = ()
) -> Suite:
    """Test expectations in their order, those with faults last, and before these test cases.

    Chance puts a share outside of its interval once in a thousand: such a one is measured again.

    Args:
        runtime: the started mesh.
        expectations: of expectations.yaml.
        cases: of istio-config-validator.

    Raises:
        SettingsError: an expectation names a source, workload or host that there isn't.
    """
    check(runtime, expectations)
    hops = Hops(runtime.folder)
    async with Asker() as asker:
        first = await _chosen_routes(runtime, asker, hops, cases)
        ordered = sorted(enumerate(expectations), key=lambda each: bool(each[1].faults))
        measured = await _measured(runtime, asker, hops, [each for _, each in ordered])
    by_number = {number: result for (number, _), result in zip(ordered, measured, strict=True)}
    workloads = {pod.name: pod.workload for pod in runtime.pods}
    results = (*first, *(by_number[number] for number in sorted(by_number)))
    if not runtime.control_plane.names_parts:
        return Suite(results, None)
    return Suite(results, coverage(runtime.mesh, hops.all(), workloads))


async def _measured(
    runtime: Runtime, asker: Asker, hops: Hops, expectations: Sequence[Expectation]
) -> list[Result]:
    results = await _judged(runtime, asker, hops, expectations)
    again = [
        number
        for number, result in enumerate(results)
        if expectations[number].expect.share
        and not result.passed
        and all(miss.startswith("share ") for miss in result.misses)
    ]
    anew = await _judged(runtime, asker, hops, [expectations[number] for number in again])
    for number, result in zip(again, anew, strict=True):
        results[number] = result
    return results


async def _judged(
    runtime: Runtime, asker: Asker, hops: Hops, expectations: Sequence[Expectation]
) -> list[Result]:
    if not expectations:
        return []
    mesh = runtime.mesh
    sent = [await send(runtime, asker, each) for each in expectations]
    known = await hops.of((answer.id for each in sent for answer in each.answers), runtime.pods)
    versions = {workload.name: version_of(workload) for workload in mesh.workloads}
    return [
        judge(mesh, expectation, each, known, versions)
        for expectation, each in zip(expectations, sent, strict=True)
    ]


async def _chosen_routes(
    runtime: Runtime, asker: Asker, hops: Hops, cases: Sequence[Case]
) -> list[Result]:
    mesh = runtime.mesh
    asked = list(questions(mesh, cases))
    if not asked:
        return []
    check(runtime, [question for _, question in asked], "testCases")
    sent = [await send(runtime, asker, question) for _, question in asked]
    known = await hops.of((answer.id for each in sent for answer in each.answers), runtime.pods)
    return [
        validator.judge(mesh, case, each, known[each.answers[0].id])
        for (case, _), each in zip(asked, sent, strict=True)
    ]
