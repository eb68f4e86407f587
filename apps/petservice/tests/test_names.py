"""Name servers that don't answer for one upstream, and what it costs the others: nothing."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from httpservice.testing import APPS, get, service
from petmesh.rehearsal.faulty import FaultyServer, response, sending

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
async def test_an_outside_name_costs_the_dog_apis_part_alone(fate: str, tmp_path: Path) -> None:
    what, code = FATES[fate]
    resolver = RESOLVER.format(outside=OUTSIDE, fate=what, names=IN_CLUSTER)
    (tmp_path / "sitecustomize.py").write_text(resolver)
    errors = tmp_path / "stderr"
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    seen: Counter[tuple[int, str]] = Counter()

    async with (
        FaultyServer(sending(answer)) as details,
        FaultyServer(sending(response(b"{}"))) as history,
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
    assert {status for status, _ in seen} == {200}
    assert (200, code) in seen
    assert {found for _, found in seen} <= {code, "ETIMEDOUT", "EAI_AGAIN"}
    assert seen.total() == 40
    assert errors.read_text() == ""


async def test_the_dog_apis_name_is_not_looked_up_where_a_proxy_asks_for_it(tmp_path: Path) -> None:
    looked_up = tmp_path / "names"
    looked_up.touch()
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "known = socket.getaddrinfo\n"
        "def getaddrinfo(host, *args, **kwargs):\n"
        f"    open({str(looked_up)!r}, 'a').write(f'{{host}}\\n')\n"
        f"    return known('127.0.0.1' if host in {IN_CLUSTER} else host, *args, **kwargs)\n"
        "socket.getaddrinfo = getaddrinfo\n"
    )
    blocked = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

    async with (
        FaultyServer(sending(response(b"{}"))) as back_end,
        FaultyServer(sending(blocked)) as sidecar,
    ):
        variables = {
            "PYTHONPATH": f"{tmp_path}:{APPS}",
            "PETDETAILS_URL": f"http://{IN_CLUSTER[0]}:{back_end.port}",
            "PETMEDICALHISTORY_URL": f"http://{IN_CLUSTER[1]}:{back_end.port}",
            "DOG_API_URL": f"http://{OUTSIDE}/dogs",
            "DOG_API_PROXY": sidecar.url,
        }
        async with service("petservice", **variables) as running:
            reply = await get(running.port, "/pet/1")
        assert reply.status == 200
        assert reply.json["dogAPIResponse"]["message"].endswith("ECONNRESET, answered 502")
        [head] = sidecar.requests
        assert head.startswith(f"GET http://{OUTSIDE}/dogs HTTP/1.1\r\n".encode())
    names = set(looked_up.read_text().split())
    assert names >= set(IN_CLUSTER)
    assert OUTSIDE not in names
