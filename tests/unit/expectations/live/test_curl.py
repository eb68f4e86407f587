"""A question as curl's configuration, and what curl prints as answers."""

import json
import re
from typing import Any

import pytest

from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.live.curl import Curl
from petmesh.expectations.model import Question


def question(**fields: Any) -> Question:  # noqa: ANN401 (data)
    return Question.model_validate({"from": "a", "url": "http://web/a?b=c", **fields})


def lines(asked: Question, *, parallel: bool = False) -> list[str]:
    return Curl(asked, parallel=parallel).config().decode().splitlines()


def test_a_request_is_one_section() -> None:
    found = lines(question(method="PUT", headers={"X-A": 'b"\\'}, body="c\nd", times=2))
    assert found.count("next") == 1
    assert found.count('url = "http://web/a?b=c"') == 2
    for line in ('request = "PUT"', 'header = "X-A: b\\"\\\\"', 'data-raw = "c\\nd"'):
        assert found.count(line) == 2
    assert "parallel" not in found


def test_requests_at_the_same_time_keep_no_body() -> None:
    found = lines(question(times=3, atOnce=2), parallel=True)
    assert found[:3] == ["silent", "parallel-max = 2", "parallel"]
    assert found.count('output = "/dev/null"') == 3


def test_head_asks_for_no_body() -> None:
    assert "head" in lines(question(method="HEAD"))


def printed(curl: Curl, *answers: tuple[bytes, dict[str, Any], str]) -> bytes:
    found = re.search(r'write-out = "([0-9a-f]+)', curl.config().decode())
    assert found
    mark = found[1].encode()
    return b"".join(
        body + mark + json.dumps(told).encode() + mark + headers.encode() + mark
        for body, told, headers in answers
    )


OK = {"exitcode": 0, "response_code": 200, "time_total": 0.25}


def test_each_request_has_its_answer() -> None:
    curl = Curl(question(times=2), parallel=False)
    headers = '{"x-a": ["b", "c"]}'
    failed = {**OK, "exitcode": 56, "response_code": 0}
    first, second = curl.answers(printed(curl, (b"body\n", OK, headers), (b"", failed, "{}")))
    assert (first.status, first.body, first.seconds) == (200, b"body\n", 0.25)
    assert first.headers.getall("X-A") == ["b", "c"]
    assert (second.status, second.error) == (0, "connection reset")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({**OK, "exitcode": 6, "errormsg": "Could not resolve host: web"}, "Could not resolve"),
        ({**OK, "exitcode": 60}, "exit status 60"),
        ({"exitcode": 0}, "can't be read"),
        ({**OK, "response_code": "x"}, "can't be read"),
    ],
)
def test_what_was_not_asked_is_no_answer(told: dict[str, Any], why: str) -> None:
    curl = Curl(question(), parallel=False)
    with pytest.raises(NotAskedError, match=why):
        curl.answers(printed(curl, (b"", told, "{}")))


def test_a_missing_answer_is_told() -> None:
    curl = Curl(question(times=2), parallel=False)
    for output in (b"", b"sh: curl: not found", printed(curl, (b"", OK, "{}"))):
        with pytest.raises(NotAskedError, match="has not the answer of every request"):
            curl.answers(output)
