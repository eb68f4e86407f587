"""Two services' canaries at a time, the public one's too, through real Envoy."""

import json
from collections.abc import Iterator, Mapping

import pytest

from demo.scenes.http_client import request_ingress
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.share import CanaryShare
from petmesh.rehearsal.split import measure_split
from tests.traffic.conftest import Live
from tests.unit.declared import GIVEN

pytestmark = pytest.mark.envoy

REQUESTS = 400
TESTER = {"x-canary": "always"}


@pytest.fixture(scope="module")
def both(live: Live) -> Iterator[Live]:
    petservice = {"canaryVersion": "v2", "canaryWeight": 30}
    releases = json.dumps({"petservice": petservice})
    images = f'["petservice/v2={GIVEN}"]'
    live.run(live.session.change({"images": images, "releases": releases, "canaryWeight": "60"}))
    yield live
    live.run(live.session.change({}))


def counts(live: Live, service: str) -> Mapping[str, VersionMetrics]:
    host = f"{service}.pets.svc.cluster.local"
    return live.run(live.session.runtime.version_metrics(host))


def requests(live: Live, headers: Mapping[str, str] | None, number: int) -> None:
    async def send() -> None:
        for _ in range(number):
            answer = await request_ingress(live.session.runtime.origin, "/pet/1", headers)
            assert answer is not None
            assert answer.status == 200

    live.run(send())


def shares(
    before: Mapping[str, VersionMetrics], after: Mapping[str, VersionMetrics]
) -> dict[str, int]:
    return {
        version: each.since(before.get(version, VersionMetrics())).requests
        for version, each in after.items()
        if version
    }


def test_each_has_its_own_share(both: Live) -> None:
    weights = {"petservice": 30, "petdetailsservice": 60}
    before = {name: counts(both, name) for name in weights}
    requests(both, None, REQUESTS)
    for name, weight in weights.items():
        got = shares(before[name], counts(both, name))
        assert sum(got.values()) == REQUESTS
        assert CanaryShare(weight, got["v2"], REQUESTS).is_within, name


def test_a_tester_gets_both_canaries(both: Live) -> None:
    before = {name: counts(both, name) for name in ("petservice", "petdetailsservice")}
    requests(both, TESTER, 5)
    for name, was in before.items():
        got = shares(was, counts(both, name))
        assert (got["v1"], got["v2"]) == (0, 5), name


def test_the_share_of_the_service_that_has_the_plain_keys_is_measured(live: Live) -> None:
    images = f'["petservice/v2={GIVEN}"]'
    config = {"canaryService": "petservice", "canaryWeight": "40", "images": images}
    live.run(live.session.change(config))
    release = live.session.releases["petservice"]
    split = live.run(measure_split(live.session, release, REQUESTS))
    live.run(live.session.change({}))
    assert (split.workload, split.problems, split.share.weight) == ("petservice-v2", (), 40)
