"""The proxies' access logs, as the mesh's Telemetry configures them."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.scenes.http_client import send_request
from istio.install import INGRESS_GATEWAY
from petmesh.host.ports import LOOPBACK
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

SECONDS = 10


@pytest.fixture
def logs(live: Live) -> Iterator[Path]:
    """The ingress's log; the mesh is as it was again afterwards."""
    [folder] = live.session.runtime.folder.glob(f"*{INGRESS_GATEWAY}*")
    yield folder / "access.log"
    live.run(live.session.change({}))


def logged(file: Path, mark: str, request: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Return the log line of the request whose path holds a mark, once it is there.

    Args:
        file: the access log.
        mark: part of the path.
        request: sends a request; called before each look at the log.
    """
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        request()
        for line in file.read_text().splitlines() if file.exists() else []:
            if mark in line:
                return json.loads(line)
        time.sleep(0.1)
    pytest.fail(f"no request with {mark} was logged")


def test_every_request_is_logged(live: Live, logs: Path) -> None:
    live.run(live.session.change({"accessLogs": "all"}))
    live.run(send_request(live.session.runtime.url + "/pet/1?mark=every"))
    line = logged(logs, "mark=every")
    assert (line["method"], line["response_code"]) == ("GET", 200)
    assert "petservice" in line["upstream_cluster"]


def test_errors_alone_are_logged(live: Live, logs: Path) -> None:
    live.run(live.session.change({"accessLogs": "errors"}))
    live.run(send_request(live.session.runtime.url + "/pet/1?mark=good"))
    live.run(send_request(live.session.runtime.url + "/nothing?mark=missing"))
    assert logged(logs, "mark=missing")["response_code"] == 404
    # On a busy machine a request is sometimes answered, and so is no error, before its client left.
    left = logged(logs, "mark=left", lambda: live.run(leave(live, "/pet/1?mark=left")))
    assert left["response_flags"] == "DC"
    assert "mark=good" not in logs.read_text()


def test_no_request_is_logged(live: Live, logs: Path) -> None:
    live.run(live.session.change({"accessLogs": "off"}))
    live.run(send_request(live.session.runtime.url + "/nothing?mark=off"))
    live.run(live.session.change({"accessLogs": "all"}))
    live.run(send_request(live.session.runtime.url + "/nothing?mark=on"))
    logged(logs, "mark=on")
    assert "mark=off" not in logs.read_text()


async def leave(live: Live, path: str) -> None:
    """Ask, and go away before the answer."""
    origin = live.session.runtime.origin
    _, writer = await asyncio.open_connection(LOOPBACK, origin.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n".encode())
    writer.close()
    await writer.wait_closed()
