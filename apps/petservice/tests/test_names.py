"""Name servers that don't answer for one upstream, and what it costs the others: nothing."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from httpservice.testing import APPS, answering, get, ok, run, service, stand_in

IN_CLUSTER = ("petdetailsservice", "petmedicalhistoryservice")
OUTSIDE = "api.example.com"
SECONDS = 0.3
# In place of the C library's resolver: in-cluster names at once, the outside one as told.
RESOLVER = """
import socket, time
known = socket.getaddrinfo
def getaddrinfo(host, *args, **kwargs):
    if host == "{outside}":
        {fate}
    return known("127.0.0.1" if host in {names} else host, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""
FATES = {
    "never answers": ("time.sleep(600)", "ETIMEDOUT"),
    "can't say": ("raise socket.gaierror(socket.EAI_AGAIN, 'try again')", "EAI_AGAIN"),
    "can't say, late": (
        f"time.sleep({SECONDS * 2}); raise socket.gaierror(socket.EAI_AGAIN, 'try again')",
        "ETIMEDOUT",
    ),
    "knows no such name": ("raise socket.gaierror(socket.EAI_NONAME, 'unknown')", "ENOTFOUND"),
}


@pytest.mark.parametrize("fate", FATES)
def test_an_outside_name_costs_the_dog_apis_part_alone(fate: str, tmp_path: Path) -> None:
    what, code = FATES[fate]
    resolver = RESOLVER.format(outside=OUTSIDE, fate=what, names=IN_CLUSTER)
    (tmp_path / "sitecustomize.py").write_text(resolver)
    errors = tmp_path / "stderr"
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    seen: Counter[tuple[int, str]] = Counter()

    async def test() -> None:
        async with (
            stand_in(answering(answer)) as details,
            stand_in(answering(ok(b"{}"))) as history,
        ):
            variables = {
                "PYTHONPATH": f"{tmp_path}:{APPS}",
                "PETDETAILS_URL": f"http://{IN_CLUSTER[0]}:{details.port}",
                "PETMEDICALHISTORY_URL": f"http://{IN_CLUSTER[1]}:{history.port}",
                "DOG_API_URL": f"http://{OUTSIDE}/dogs",
                "UPSTREAM_TIMEOUT_SECONDS": str(SECONDS),
            }
            async with service("petservice", errors, **variables) as running:

                async def client() -> None:
                    for _ in range(5):
                        reply = await get(running.port, "/pet/1")
                        seen[reply.status, reply.json["dogAPIResponse"]["code"]] += 1

                await asyncio.gather(*(client() for _ in range(8)))
            assert running.process.returncode == 0

    run(test())
    assert {status for status, _ in seen} == {200}
    assert (200, code) in seen
    assert {found for _, found in seen} <= {code, "ETIMEDOUT", "EAI_AGAIN"}
    assert seen.total() == 40
    assert errors.read_text() == ""
