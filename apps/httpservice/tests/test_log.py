import os
import re
import time
from typing import Any

import orjson
import pytest

from httpservice.log import LEVELS, Log, trace_id
from httpservice.message import Request, Response


def request(path: bytes = b"/pet/1", **headers: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request(
        b"GET",
        path,
        named,
        keep_alive=True,
        is_http_1_0=False,
        started=time.perf_counter() - 0.002,
        size=0,
    )


def lines(level: str, *answered: tuple[Request, Response]) -> list[dict[str, Any]]:
    reading, writing = os.pipe()
    log = Log(level, {"service": "petservice", "version": "v1"}, writing)
    for asked, answer in answered:
        log.request(asked, answer)
    log.close(1)
    os.close(writing)
    with open(reading, "rb") as output:  # noqa: PTH123 - a descriptor has no path
        return [orjson.loads(line) for line in output]


def test_a_request_is_one_line_of_json() -> None:
    asked = request(x_request_id=b"r1", traceparent=b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")
    [line] = lines("info", (asked, Response(200, b"{}", upstream_ms={"petdetailsservice": 1.5})))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") >= 2
    assert line == {
        "level": "info",
        "service": "petservice",
        "version": "v1",
        "message": "request",
        "method": "GET",
        "path": "/pet/1",
        "status": 200,
        "request_id": "r1",
        "trace_id": "a" * 32,
        "upstream_ms": {"petdetailsservice": 1.5},
    }


@pytest.mark.parametrize(
    ("level", "statuses"),
    [
        ("debug", [200, 200, 404, 502]),
        ("info", [200, 404, 502]),
        ("warning", [404, 502]),
        ("error", [502]),
        ("off", []),
    ],
)
def test_the_level_picks_the_requests_that_are_logged(level: str, statuses: list[int]) -> None:
    health = Response(200, b"", is_health=True)
    answers = [health, Response(200, b""), Response(404, b""), Response(502, b"")]
    logged = lines(level, *((request(), answer) for answer in answers))
    assert [line["status"] for line in logged] == statuses
    assert all(LEVELS.index(line["level"]) >= LEVELS.index(level) for line in logged)


def test_what_a_client_sends_cannot_forge_or_bloat_a_line() -> None:
    asked = request(b'/"\n\xff' + b"x" * 9000, x_request_id=b"\x80" * 9000)
    [line] = lines("info", (asked, Response(200, b"")))
    assert line["path"].startswith('/"\nÿ')
    assert (len(line["path"]), len(line["request_id"])) == (256, 128)


def test_a_reader_that_stops_reading_costs_lines_and_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    log = Log("info", {}, writing)
    for _ in range(30_000):
        log.request(request(b"/" + b"x" * 200), Response(200, b""))
    log.flush()

    output = open(reading, "rb")  # noqa: PTH123, SIM115 - read by hand below
    first = output.readline()
    assert orjson.loads(first)["status"] == 200
    dropped = 0
    while not dropped:
        log.request(request(), Response(200, b""))
        log.flush()
        line = orjson.loads(output.readline())
        dropped = line.get("count", 0)
    assert dropped > 1000
    output.close()
    log.close(1)
    os.close(writing)


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({}, None),
        ({b"traceparent": b"00-abc-def-01", b"x-b3-traceid": b"b"}, "abc"),
        ({b"traceparent": b"rubbish", b"x-b3-traceid": b"b"}, "b"),
        ({b"b3": b"abc-def-1"}, "abc"),
        ({b"b3": b"0"}, None),
    ],
)
def test_a_trace_is_known_by_its_w3c_or_b3_headers(
    headers: dict[bytes, bytes], trace: str | None
) -> None:
    assert trace_id(headers) == trace
