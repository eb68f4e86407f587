import asyncio
import gc
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import uvloop
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from httpservice import server
from httpservice.log import LEVELS, Log
from httpservice.server import Limits
from httpservice.service import UPSTREAM_MS, Service, error, reply, trace_id
from httpservice.testing import get


@contextmanager
def logging_to_pipe(level: str) -> Generator[tuple[Log, list[dict[str, Any]]]]:
    """Give a log and what it has written, which is there once the block has ended."""
    reading, writing = os.pipe()
    log = Log(level, {"service": "petservice", "version": "v1"}, writing)
    lines: list[dict[str, Any]] = []
    yield log, lines
    log.close(1)
    os.close(writing)
    with open(reading, "rb") as output:  # noqa: PTH123 - a descriptor has no path
        lines += [orjson.loads(line) for line in output]


async def answer(request: web.Request) -> web.Response:
    pet_id = request.match_info["id"]
    if pet_id.isdigit() and int(pet_id) >= 400:
        return error(int(pet_id), "as asked for")
    response = reply(b"{}")
    response[UPSTREAM_MS] = {"petdetailsservice": 1.5}
    return response


def logged(level: str, *requests: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give what is logged of requests, each a path and headers."""

    async def ask(log: Log) -> None:
        async with server.serving(Service([web.get("/pet/{id}", answer)]), log, Limits()) as (
            _,
            port,
        ):
            for path, *headers in requests:
                await get(port, path, *headers)

    with logging_to_pipe(level) as (log, lines):
        uvloop.run(ask(log))
    return lines


def test_a_request_is_one_line_of_json() -> None:
    trace = f"traceparent: 00-{'a' * 32}-{'b' * 16}-01"
    [line] = logged("info", ("/pet/1?key=private", "x-request-id: r1", trace))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 < line.pop("duration_ms") < 10_000
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
    lines = logged(level, ("/healthz/live",), ("/pet/1",), ("/nowhere",), ("/pet/502",))
    assert [line["status"] for line in lines] == statuses
    assert all(LEVELS.index(line["level"]) >= LEVELS.index(level) for line in lines)


def test_what_a_client_sends_cannot_forge_or_bloat_a_line() -> None:
    [line] = logged("info", (f"/%22%0A{'x' * 9000}", f"x-request-id: \xff\x80{'x' * 9000}"))
    assert line["path"].startswith("/%22%0Ax")
    assert line["request_id"].startswith("??x")
    assert (len(line["path"]), len(line["request_id"])) == (256, 128)


def test_a_reader_that_stops_reading_costs_lines_and_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    log = Log("info", {}, writing)
    for _ in range(30_000):
        log.event("info", "x" * 200)
    log.flush()

    output = open(reading, "rb")  # noqa: PTH123, SIM115 - read by hand below
    first = output.readline()
    assert orjson.loads(first)["message"] == "x" * 200
    dropped = 0
    while not dropped:
        log.event("info", "x" * 200)
        log.flush()
        line = orjson.loads(output.readline())
        dropped = line.get("count", 0)
    assert dropped > 1000
    output.close()
    log.close(1)
    os.close(writing)


def forget_a_future() -> None:
    async def forget() -> None:
        asyncio.get_running_loop().create_future().set_exception(OSError("forgotten"))
        gc.collect()

    uvloop.run(forget())


def fail_in_a_thread() -> None:
    failing = threading.Thread(target=lambda: 1 / 0, name="failing")
    failing.start()
    failing.join()


def fail_unraisably() -> None:
    class Failing:
        def __del__(self) -> None:
            raise LookupError("unraisable")

    del [Failing()][0]


OTHERS: list[tuple[Callable[[], object], str, str]] = [
    (forget_a_future, "error", "Future exception was never retrieved"),
    (lambda: logging.getLogger("some.library").error("two\nlines"), "error", "two\nlines"),
    (lambda: logging.getLogger("some.library").info("too much"), "", ""),
    (lambda: warnings.warn("deprecated", DeprecationWarning, stacklevel=1), "warning", "deprecat"),
    (fail_in_a_thread, "error", "uncaught exception: failing"),
    (fail_unraisably, "error", "uncaught exception: "),
]


@pytest.mark.parametrize(("speak", "level", "message"), OTHERS)
@pytest.mark.filterwarnings("always")
def test_whatever_others_have_to_say_is_a_line_of_json(
    speak: Callable[[], object], level: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    gc.collect()  # what earlier tests left behind speaks now, not in between
    root = logging.getLogger()
    kept = (threading.excepthook, sys.unraisablehook, list(root.handlers), root.level)
    try:
        with logging_to_pipe("info") as (log, lines):
            log.capture()
            speak()
    finally:
        logging.captureWarnings(capture=False)
        threading.excepthook, sys.unraisablehook = kept[:2]
        root.handlers[:] = kept[2]
        root.setLevel(kept[3])
    assert [line["level"] for line in lines] == ([level] if level else [])
    assert all(message in line["message"] for line in lines)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({}, None),
        ({"traceparent": "00-abc-def-01", "x-b3-traceid": "b"}, "abc"),
        ({"traceparent": "rubbish", "x-b3-traceid": "b"}, "b"),
        ({"b3": "abc-def-1"}, "abc"),
        ({"b3": "0"}, None),
    ],
)
def test_a_trace_is_known_by_its_w3c_or_b3_headers(
    headers: dict[str, str], trace: str | None
) -> None:
    assert trace_id(make_mocked_request("GET", "/pet/1", headers=headers)) == trace
