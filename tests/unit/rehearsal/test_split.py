"""The canary's share as a report measures it: by what the callers' Envoys count."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, ClassVar, Self, cast

import pytest

from petmesh.program.exported import ExportedRelease, ReleaseKeys, ReleaseRoute
from petmesh.rehearsal import split
from petmesh.rehearsal.load import LoadPhase
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.session import Session

REQUESTS = 1000
HOST = "petdetailsservice.pets.svc.cluster.local"
KEYS = {"stable": "s", "canary": "c", "weight": "w", "mirror": "m"}
RELEASE = ExportedRelease(
    service="petdetailsservice",
    namespace="pets",
    host=HOST,
    route=ReleaseRoute(urn="urn", kind="VirtualService", http="weighted"),
    workloads={"v1": "petdetailsservice-v1", "v2": "petdetailsservice-v2"},
    config=ReleaseKeys.model_validate(KEYS),
    stable="v1",
    canary="v2",
    weight=25,
)


class _Load:
    """A load whose requests all end as they are told to."""

    failures: ClassVar[Counter[str]] = Counter()

    def __init__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def measure(self, name: str, requests: int) -> LoadPhase:
        return LoadPhase(name, requests, latencies=[0.01] * requests, failures=self.failures)


async def measured(monkeypatch: pytest.MonkeyPatch, *shares: int, failed: int = 0) -> split.Split:
    """Measure a canary that gets so many of each thousand requests, by turns."""
    monkeypatch.setattr(_Load, "failures", Counter({"answer 503": failed} if failed else {}))
    monkeypatch.setattr(split, "Load", _Load)
    left, totals = list(shares), {"v1": 70, "v2": 30}
    readings = 0

    async def version_metrics(host: str) -> dict[str, VersionMetrics]:
        nonlocal readings
        assert host == HOST
        readings += 1
        if readings % 2 == 0:
            own = left.pop(0)
            totals["v1"] += REQUESTS - own
            totals["v2"] += own
        return {version: VersionMetrics(requests=count) for version, count in totals.items()}

    session: Any = SimpleNamespace(
        runtime=SimpleNamespace(origin=None, version_metrics=version_metrics),
    )
    found = await split.measure_split(cast("Session", session), RELEASE, REQUESTS)
    assert left == []
    return found


async def test_a_share_within_its_interval_is_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await measured(monkeypatch, 260)
    assert (found.workload, found.share.weight, found.requests) == (
        "petdetailsservice-v2",
        25,
        1000,
    )
    assert found.share.ratio == 0.26
    assert found.share.ratios[0] < 0.25 < found.share.ratios[1]
    assert found.problems == ()


async def test_a_share_outside_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await measured(monkeypatch, 150, 240)).problems == ()


async def test_a_share_that_stays_outside_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    [problem] = (await measured(monkeypatch, 150, 150)).problems
    assert problem.startswith("weight 25: 150 of 1000 requests, not 20")


async def test_a_request_that_fails_is_a_problem_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await measured(monkeypatch, 250, failed=3)
    assert found.failures == 3
    assert found.problems == ("weight 25: 3 requests failed: {'answer 503': 3}",)


async def test_nothing_counted_is_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: str) -> dict[str, VersionMetrics]:
        return {}

    monkeypatch.setattr(_Load, "failures", Counter[str]())
    monkeypatch.setattr(split, "Load", _Load)
    session: Any = SimpleNamespace(
        runtime=SimpleNamespace(origin=None, version_metrics=nothing),
    )
    assert (await split.measure_split(cast("Session", session), RELEASE, REQUESTS)).problems
