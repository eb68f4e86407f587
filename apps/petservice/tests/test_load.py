"""Petservice as a process: overload, and SIGTERM under load."""

import asyncio
import signal
from collections import Counter
from contextlib import AsyncExitStack

from httpservice.testing import Process, read_reply, service
from petmesh.rehearsal.faulty import FaultyServer, late

GET = b"GET /pet/1 HTTP/1.1\r\nHost: test\r\n\r\n"
IN_FLIGHT = 8
PETS = late(0.005)


async def load(running: Process, connections: int, requests: int) -> Counter[int]:
    """Ask over so many connections at once; gives the statuses."""
    found: Counter[int] = Counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        while found.total() < requests:
            writer.write(GET)
            reply = await read_reply(reader)
            found[reply.status] += 1
            if reply.status != 200:
                assert reply.headers["retry-after"] == "1"
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return found


async def test_ten_times_the_load_is_answered_or_shed_and_leaves_nothing_behind() -> None:
    async with (
        FaultyServer(PETS) as upstream,
        service(
            "petservice",
            PETDETAILS_URL=upstream.url,
            PETMEDICALHISTORY_URL=upstream.url,
            MAX_REQUESTS_IN_FLIGHT=str(IN_FLIGHT),
        ) as running,
    ):
        before = await load(running, IN_FLIGHT, 200)
        memory = running.memory
        over = await load(running, 10 * IN_FLIGHT, 12_000)
        grown = running.memory - memory
        after = await load(running, IN_FLIGHT, 200)
    assert set(before) == set(after) == {200}
    assert set(over) == {200, 503}
    assert over[503] > over[200]
    assert grown < 8
    logged = Counter(line["status"] for line in running.log if line["message"] == "request")
    assert logged == before + over + after


async def test_a_stop_under_load_loses_no_request() -> None:
    """Clients hear late that the pod is going, as sidecars do of a removed endpoint.

    Until then they come again over new connections, once told to end the ones they have.
    """

    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FaultyServer(PETS))
        variables = {
            "PETDETAILS_URL": upstream.url,
            "PETMEDICALHISTORY_URL": upstream.url,
            "SHUTDOWN_QUIET_SECONDS": "0.5",
        }
        old, new = await asyncio.gather(
            *(stack.enter_async_context(service("petservice", **variables)) for _ in range(2))
        )
        endpoint = old.port
        served: Counter[int] = Counter()
        told = 0
        warm, gone = asyncio.Event(), asyncio.Event()

        async def client() -> None:
            nonlocal told
            used = endpoint
            reader, writer = await asyncio.open_connection("127.0.0.1", used)
            while served[new.port] < 500:
                writer.write(GET)
                reply = await read_reply(reader)
                assert reply.status == 200
                served[used] += 1
                if served[old.port] == 500:
                    warm.set()
                if reply.headers.get("connection") == "close":
                    told += 1
                    if told == 500:
                        gone.set()
                    assert await reader.read() == b""
                if used != endpoint or reply.headers.get("connection") == "close":
                    writer.close()
                    used = endpoint
                    reader, writer = await asyncio.open_connection("127.0.0.1", used)
            writer.close()

        clients = [asyncio.ensure_future(client()) for _ in range(100)]
        await warm.wait()
        old.process.send_signal(signal.SIGTERM)
        await gone.wait()
        endpoint = new.port
        await asyncio.gather(*clients)
        assert await old.process.wait() == 0
    logged = [line for line in old.log if line["message"] == "request"]
    assert len(logged) == served[old.port]
