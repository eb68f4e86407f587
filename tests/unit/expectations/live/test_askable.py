"""What of an expectation a cluster is asked, and what is skipped by name."""

from typing import Any

import pytest

from petmesh.expectations.live.askable import impossible, reduced
from petmesh.expectations.model import Expectation


def expectation(expect: dict[str, Any] | None = None, **fields: Any) -> Expectation:  # noqa: ANN401
    held = {"from": "a", "url": "http://web/", "expect": expect or {"status": 200}, **fields}
    return Expectation.model_validate(held)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"faults": [{"workload": "web"}]}, "faults: nothing is broken in a cluster"),
        ({"token": {"sub": "ann"}}, "token: a key of this machine signs it"),
        (
            {"from": "outside", "url": "https://web/", "certificate": "a"},
            "certificate: an authority of this machine issues it",
        ),
        ({"url": "tcp://web:80"}, "url: a connection that isn't HTTP"),
    ],
)
def test_what_no_cluster_can_be_asked(fields: dict[str, Any], reason: str) -> None:
    assert impossible(expectation(**fields)).startswith(reason)
    assert bool(impossible(expectation(**fields))) is bool(reason)


def test_what_a_response_tells_is_kept() -> None:
    whole = {
        "status": 200,
        "headers": {"a": "b"},
        "body": {"contains": "c"},
        "within": "1s",
        "share": {"200": 100},
        "tolerance": 5,
    }
    each = expectation(whole, times=20)
    assert reduced(each, without_body=False) == (each, "")


@pytest.mark.parametrize(
    ("expect", "kept", "skipped"),
    [
        ({"workload": "web", "status": 200}, {"status"}, "workload: only a rehearsal's proxies"),
        ({"seen": {"path": "/"}, "status": 200}, {"status"}, "seen: only a stand-in tells"),
        (
            {"share": {"v1": 90, "v2": 10}, "tolerance": 5, "status": 200, "failures": 1},
            {"status", "failures"},
            "share: only a rehearsal's proxies tell",
        ),
        ({"log": {"flags": "UH"}, "pods": 2}, None, "pods, log: only a rehearsal's proxies tell"),
        ({"version": "v1", "failures": 1}, None, "version: only a rehearsal's proxies tell"),
    ],
)
def test_what_only_proxies_tell_is_skipped(
    expect: dict[str, Any], kept: set[str] | None, skipped: str
) -> None:
    part, told = reduced(expectation(expect, times=20), without_body=False)
    assert told.startswith(skipped)
    assert (part and set(part.expect.model_fields_set)) == kept


def test_bodies_are_skipped_where_they_are_not_kept() -> None:
    part, told = reduced(expectation({"body": "a", "status": 200}), without_body=True)
    assert part
    assert part.expect.body is None
    assert part.expect.status == (200,)
    assert told == "body: isn't kept of requests at the same time"
