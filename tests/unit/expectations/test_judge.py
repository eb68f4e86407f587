"""What came against what was expected: a line for each miss, with the object that decided."""

from pathlib import Path
from typing import Any

import pytest

from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop
from tests.unit.expectations.made import ROUTE, answer, hop, judged
from tests.unit.manifests.inputs import SHOP, read

POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, rules: [{}]}
"""
BY_V1 = [hop("a-0", endpoint="web-v1-0", cluster="outbound|80||web", **ROUTE)]
DECIDED = "VirtualService default/web http[0] → web-v1-0"


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return read(tmp_path, SHOP, POLICY)


@pytest.mark.parametrize(
    ("expect", "miss"),
    [
        ({"status": 503}, "status 503 expected, got 200"),
        ({"status": [503, 504]}, "status 503 or 504 expected, got 200"),
        ({"workload": "web-v2"}, "workload web-v2 expected, got web-v1"),
        ({"version": "v2"}, "version v2 expected, got v1"),
        ({"redirect": "/b"}, "redirect to /b expected, got /a"),
        ({"headers": {"x-b": "1"}}, "header x-b 1 expected, got none"),
        ({"headers": {"location": None}}, "header location absent expected, got /a"),
        ({"headers": {"location": {"matches": "/b.*"}}}, "matching /b.* expected, got /a"),
        ({"body": {"contains": "zz"}}, "body containing zz expected, got"),
        ({"body": {"path": "/b"}}, 'body including {"path": "/b"} expected'),
        ({"seen": {"path": "/b"}}, "seen path /b expected, got /"),
        ({"seen": {"headers": {"X-A": "2"}}}, "seen header x-a 2 expected, got 1"),
        ({"seen": {"headers": {"x-a": None}}}, "seen header x-a absent expected, got 1"),
        ({"within": "1ms"}, "within 0.001 s expected, took longer"),
        ({"after": "1s"}, "after 1 s expected, took less"),
        ({"log": {"flags": "UO"}}, 'log {"flags": "UO"} expected, got'),
        ({"mirrored": "web-v2"}, "a copy to web-v2 expected, got requests at none"),
    ],
)
def test_a_miss_tells_what_came_and_who_decided(
    mesh: Mesh, expect: dict[str, Any], miss: str
) -> None:
    body = b'{"method": "GET", "path": "/", "headers": {"x-a": "1"}}'
    result = judged(mesh, expect, (answer(body=body, location="/a"), BY_V1))
    [line] = result.misses
    assert miss in line
    assert line.endswith(f": {DECIDED}")


@pytest.mark.parametrize(
    "expect",
    [
        {"status": 200},
        {"status": [404, 200]},
        {"workload": "web-v1", "version": "v1"},
        {"redirect": {"contains": "a"}},
        {"headers": {"location": "/a", "x-b": None}},
        {"body": {"headers": {"x-a": "1"}}},
        {"seen": {"method": "GET", "path": "/", "headers": {"x-a": {"matches": "[0-9]"}}}},
        {"within": "1s", "after": "1ms"},
        {"log": {"cluster": "|web", "route": "http[0]"}},
    ],
)
def test_what_came_as_expected_is_no_miss(mesh: Mesh, expect: dict[str, Any]) -> None:
    body = b'{"method": "GET", "path": "/", "headers": {"x-a": "1", "x-b": "2"}}'
    assert judged(mesh, expect, (answer(body=body, location="/a"), BY_V1)).passed


def split(v1: int, v2: int) -> list[Any]:
    by_v2 = [hop("a-0", endpoint="web-v2-0", cluster="outbound|80||web", **ROUTE)]
    return [(answer(), BY_V1) for _ in range(v1)] + [(answer(), by_v2) for _ in range(v2)]


def test_a_share_holds_within_its_interval_or_tolerance(mesh: Mesh) -> None:
    share = {"web-v1": 80, "v2": 20}
    assert judged(mesh, {"share": share}, *split(75, 25)).passed
    missed = judged(mesh, {"share": share}, *split(50, 50)).misses
    assert [line.partition(" expected")[0] for line in missed] == [
        "share 80% of web-v1",
        "share 20% of v2",
    ]
    assert "got 50.0%: VirtualService default/web http[0]" in missed[0]
    assert not judged(mesh, {"share": share, "tolerance": 4}, *split(75, 25)).passed
    assert judged(mesh, {"share": share, "tolerance": 5}, *split(75, 25)).passed


def test_a_version_that_should_get_nothing_gets_nothing(mesh: Mesh) -> None:
    share = {"v1": 100, "v2": 0}
    assert judged(mesh, {"share": share}, *split(100, 0)).passed
    assert not judged(mesh, {"share": share}, *split(99, 1)).passed


def test_so_many_failures_are_allowed(mesh: Mesh) -> None:
    answers = [(answer(503), BY_V1), *split(19, 0)]
    assert judged(mesh, {"status": 200, "failures": 1}, *answers).passed
    more = [(answer(503), BY_V1), *answers]
    missed = judged(mesh, {"status": 200, "failures": 1}, *more).misses
    assert missed[0].startswith("status 200 expected, got 503 (2 of 21): ")
    assert missed[1] == "2 of 21 failed, allowed are 1"


DENIED = "rbac_access_denied_matched_policy"


@pytest.mark.parametrize(
    ("called", "decided"),
    [
        (
            hop("web-v1-0", "inbound_8080", details=f"{DENIED}[ns[default]-policy[no]-rule[1]]"),
            "AuthorizationPolicy default/no rules[1] denied at web-v1-0",
        ),
        (
            hop("web-v1-0", "inbound_8080", details=f"{DENIED}[none]"),
            "no rule of AuthorizationPolicy default/web allowed it at web-v1-0",
        ),
        (hop("web-v1-0", "inbound_8080", flags="UF"), "the connection failed at web-v1-0"),
        (hop("other-0", "inbound_8080", flags="UF"), None),
    ],
)
def test_what_the_called_pod_decided_is_told(mesh: Mesh, called: Hop, decided: str | None) -> None:
    [line] = judged(mesh, {"status": 200}, (answer(403), [*BY_V1, called])).misses
    assert line.endswith(f"{DECIDED}; {decided}" if decided else DECIDED)


@pytest.mark.parametrize(
    ("hops", "decided"),
    [
        ([hop("a-0", authority="b", path="/")], "no object declares b/ for a-0"),
        ([hop("a-0", flags="UT", cluster="outbound|80|v1|web", **ROUTE)],
         "VirtualService default/web http[0] → web:80 subset v1; the route's timeout at a-0"),
        ([hop("a-0", cluster="outbound|80||web")], "no VirtualService → web:80"),
        ([], "no proxy logged it: no connection at a-0"),
    ],
)  # fmt: skip
def test_what_the_caller_decided_is_told(mesh: Mesh, hops: list[Hop], decided: str) -> None:
    [line] = judged(mesh, {"status": 200}, (answer(503), hops)).misses
    assert line == f"status 200 expected, got 503: {decided}"
