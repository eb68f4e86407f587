"""Testers are testers however often their header or their cookies come."""

import asyncio

import pytest

from petmesh.host.ports import LOOPBACK
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy


async def version(live: Live, *lines: str) -> str:
    """The version of petdetailsservice that a request with some header lines is answered by."""
    reader, writer = await asyncio.open_connection(LOOPBACK, live.session.runtime.origin.port)
    head = "".join(
        f"{line}\r\n" for line in ("GET /pet/123 HTTP/1.1", "Host: pets.localhost", *lines)
    )
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return live.context.classify(int(head.split()[1]), body)


@pytest.mark.parametrize(
    "lines",
    [
        ("x-canary: always",),
        ("X-Canary: always",),
        ("x-canary: always", "x-canary: always"),
        ("x-canary: never", "X-Canary: always"),
        ("x-canary: always", "x-canary: never"),
        ("x-canary: never, always",),
        ("Cookie: canary=always",),
        ("Cookie: a=b; canary=always",),
        ("Cookie: a=b", "Cookie: canary=always"),
        ("Cookie: canary=always", "Cookie: a=b"),
    ],
    ids=str,
)
def test_a_tester_gets_the_canary(live: Live, lines: tuple[str, ...]) -> None:
    assert live.run(version(live, *lines)) == live.context.canary


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("x-canary: never", "x-canary: alwaysx"),
        ("Cookie: xcanary=always", "Cookie: canary=never"),
    ],
    ids=str,
)
def test_nobody_else_does(live: Live, lines: tuple[str, ...]) -> None:
    assert live.run(version(live, *lines)) == live.context.stable
