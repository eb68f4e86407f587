"""The load's arithmetic and its reading of answers."""

import asyncio
import contextlib
import math

import pytest

from petmesh.rehearsal.load import Load, LoadPhase, read_answer
from petmesh.rehearsal.origin import Origin


def test_percentiles() -> None:
    phase = LoadPhase("x", latencies=[0.001 * n for n in range(1, 101)])
    assert phase.percentile(50) == pytest.approx(0.050)
    assert phase.percentile(99) == pytest.approx(0.099)
    assert math.isnan(LoadPhase("none").percentile(50))


async def answer(text: bytes) -> tuple[int, bytes, bool]:
    reader = asyncio.StreamReader()
    reader.feed_data(text)
    reader.feed_eof()
    return await read_answer(reader)


async def test_answers_by_length_and_in_chunks() -> None:
    assert await answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") == (200, b"hi", True)
    chunked = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    assert await answer(chunked) == (503, b"hi!", True)
    closing = b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n"
    assert await answer(closing) == (200, b"", False)


async def test_an_answer_that_is_cut_off() -> None:
    with pytest.raises(EOFError):
        await answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi")


async def test_every_request_is_counted_in_the_phase_in_which_it_was_sent() -> None:
    """A server that fails every tenth request by an error and every twentieth by hanging up."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                served += 1
                if served % 20 == 0:
                    break
                status = b"500 No" if served % 10 == 0 else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1\r\n\r\nx")
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        writer.close()

    async def measure() -> tuple[LoadPhase, LoadPhase, list[LoadPhase]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        origin = Origin("localhost", server.sockets[0].getsockname()[1])
        async with Load(origin, "/", lambda status, _: "v1" if status == 200 else "") as load:
            first = await load.measure("first", 100)
            second = await load.measure("second", 200)
        server.close()
        return first, second, load.phases

    first, second, phases = await measure()
    assert (first.requests, second.requests) == (100, 200)
    total = sum(phase.requests for phase in phases)
    assert total == sum(phase.answers["v1"] + phase.failed for phase in phases)
    assert first.failures.keys() == {"answer 500", "IncompleteReadError"}
    # What is under way when a phase begins was sent in the one before it.
    assert first.failed + second.failed == pytest.approx(30, abs=8)


async def test_nothing_is_under_way_at_a_server_once_the_load_is_left() -> None:
    under_way = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way
        with contextlib.suppress(EOFError):
            while await reader.readuntil(b"\r\n\r\n"):
                under_way += 1
                await asyncio.sleep(0.02)
                under_way -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        writer.close()

    async def leave() -> tuple[int, LoadPhase, list[LoadPhase]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        origin = Origin("localhost", server.sockets[0].getsockname()[1])
        async with Load(origin, "/", lambda status, _: str(status), 16) as load:
            phase = await load.measure("measured", 40)
        left = under_way
        server.close()
        return left, phase, load.phases

    left, phase, phases = await leave()
    assert left == 0
    assert phase.answers == {"200": 40}
    assert [each.failed for each in phases] == [0] * len(phases)
    assert all(each.requests == each.sent for each in phases)
