"""Runs a mesh's expectations on a rehearsal of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from petmesh.expectations.coverage import Coverage, coverage
from petmesh.expectations.judge import Result, judge
from petmesh.expectations.model import Expectation
from petmesh.expectations.run import Sent, check, send
from petmesh.rehearsal.ask import Asker
from petmesh.rehearsal.hops import Hops
from petmesh.rehearsal.launch import version_of
from petmesh.rehearsal.runtime import Runtime


@dataclass(frozen=True)
class Suite:
    """The results of all expectations, and what they reached."""

    results: tuple[Result, ...]
    coverage: Coverage

    @property
    def failed(self) -> int:
        """The number of expectations that weren't met."""
        return sum(not result.passed for result in self.results)


async def run(runtime: Runtime, expectations: Sequence[Expectation]) -> Suite:
    """Test expectations in their order, those with faults last.

    Chance puts a share outside of its interval once in a thousand: such a one is measured again.

    Raises:
        SettingsError: an expectation names a source, workload or host that there isn't.
    """
    check(runtime, expectations)
    hops = Hops(runtime.folder)
    ordered = sorted(expectations, key=lambda each: bool(each.faults))
    async with Asker() as asker:
        results = await _judged(runtime, hops, [await send(runtime, asker, e) for e in ordered])
        again = [
            result.expectation
            for result in results
            if result.expectation.expect.share
            and all(miss.startswith("share ") for miss in result.misses)
            and not result.passed
        ]
        anew = await _judged(runtime, hops, [await send(runtime, asker, e) for e in again])
    replaced = {id(result.expectation): result for result in anew}
    results = [replaced.get(id(result.expectation), result) for result in results]
    workloads = {pod.name: pod.workload for pod in runtime.pods}
    by_order = {id(each): index for index, each in enumerate(expectations)}
    return Suite(
        tuple(sorted(results, key=lambda result: by_order[id(result.expectation)])),
        coverage(runtime.mesh, hops.all(), workloads),
    )


async def _judged(runtime: Runtime, hops: Hops, sent: Sequence[Sent]) -> list[Result]:
    if not sent:
        return []
    mesh = runtime.mesh
    known = await hops.of((answer.id for each in sent for answer in each.answers), runtime.pods)
    versions = {workload.name: version_of(workload) for workload in mesh.workloads}
    return [judge(mesh, each, known, versions) for each in sent]
