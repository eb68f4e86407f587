"""Requests by workload, from the counts of the callers' proxies."""

from petmesh.envoy.admin import EndpointCount
from petmesh.ui.traffic import Call, Counts, counts_of

NAMES: dict[str | int, str] = {"a-0": "a", "a-1": "a", 20001: "b-v1", 20002: "b-v2"}


def _counts(**requests: int) -> Counts:
    read = {
        proxy.replace("_", "-"): [
            EndpointCount("outbound|80|v1|b", 20001, number, 1),
            EndpointCount("outbound|80|v2|b", 20002, 2 * number, 0),
            EndpointCount("inbound|80||", 20001, 99, 0),
            EndpointCount("outbound|80||c", 29999, 99, 0),
        ]
        for proxy, number in requests.items()
    }
    return counts_of(read, NAMES)


def test_the_pods_of_a_workload_are_counted_together() -> None:
    counts = _counts(a_0=3, a_1=4)
    assert counts.requests == {Call("a", "b-v1"): 7, Call("a", "b-v2"): 14}
    assert counts.errors == {Call("a", "b-v1"): 2, Call("a", "b-v2"): 0}


def test_a_point_has_what_came_since_the_last() -> None:
    point = _counts(a_0=5).since(_counts(a_0=3)).point(1000.0, 1.0)
    assert point == {
        "at": 1000.0,
        "seconds": 1.0,
        "calls": [["a", "b-v1", 2, 0], ["a", "b-v2", 4, 0]],
    }


def test_a_proxy_that_counts_anew_gives_no_negative_number() -> None:
    assert _counts(a_0=1).since(_counts(a_0=3)).point(1000.0, 1.0)["calls"] == []
