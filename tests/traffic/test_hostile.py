"""Hostile requests that every sidecar refuses, so that none reaches a service."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.http_client import request_ingress
from petmesh.host.ports import LOOPBACK
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

SECONDS = 10
MARK = "hostile"
HEAD = "GET {target} HTTP/1.1\r\nHost: {host}\r\n"
REFUSED = {
    "no request": ("nonsense\r\n\r\n", "400"),
    "no host": ("GET {target} HTTP/1.1\r\n\r\n", "400"),
    "a space in a name": (f"{HEAD}X y: z\r\n\r\n", "400"),
    "two lengths": (f"{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"),
    "a length and chunks": (
        f"{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    "a header over 60 KiB": (f"{HEAD}X: {'x' * 62_000}\r\n\r\n", "431"),
    "small headers over 60 KiB": (
        HEAD + "".join(f"x-{n}: {'x' * 900}\r\n" for n in range(80)) + "\r\n",
        "431",
    ),
    "over 100 headers": (HEAD + "".join(f"x-{n}: x\r\n" for n in range(101)) + "\r\n", "431"),
}


@pytest.mark.parametrize("door", ["ingress", "sidecar"])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_malformed_or_too_large_never_reaches_a_service(
    live: Live, door: str, kind: str
) -> None:
    text, status = REFUSED[kind]
    origin = live.session.runtime.origin
    if door == "ingress":
        port, target, host = origin.port, f"/pet/{MARK}", origin.authority
    else:
        port = urlsplit(live.context.sidecar(PETSERVICE)).port or 0
        host = f"{PETDETAILS.name}:{PETDETAILS.port}"
        target = f"/pet/{MARK}/details"
    raw = text.format(target=target, host=host)
    assert live.run(_status(port, raw)) == status
    assert live.run(_still_answers(live))
    for log in live.session.runtime.folder.glob("pet*/pet*service.log"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert lines
        assert not [line for line in lines if line["message"].startswith("malformed")]
        assert not [line for line in lines if MARK in json.dumps(line)]


async def _status(port: int, raw: str) -> str:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(raw.encode())
        line = await asyncio.wait_for(reader.readline(), SECONDS)
    finally:
        writer.close()
    return line.decode().split()[1]


async def _still_answers(live: Live) -> bool:
    answer = await request_ingress(live.session.runtime.origin, "/pet/1")
    return answer is not None and answer.status == 200
