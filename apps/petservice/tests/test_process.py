"""The services as the processes they are in a pod."""

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest

from httpservice.testing import get, refusal, service, until
from petmesh.rehearsal.faulty import FaultyServer, late, silent


async def test_the_three_answer_together_and_log_the_same_trace() -> None:
    async with AsyncExitStack() as stack:
        details, history = await asyncio.gather(
            stack.enter_async_context(service("petdetailsservice", SERVICE_VERSION="v2")),
            stack.enter_async_context(service("petmedicalhistoryservice")),
        )
        pets = await stack.enter_async_context(
            service(
                "petservice",
                PETDETAILS_URL=f"http://127.0.0.1:{details.port}",
                PETMEDICALHISTORY_URL=f"http://127.0.0.1:{history.port}",
            )
        )
        traceparent = f"traceparent: 00-{'a' * 32}-{'b' * 16}-01"
        reply = await get(pets.port, "/pet/123", traceparent, "x-request-id: r1")
        assert (reply.status, reply.json) == (
            200,
            {
                "petDetails": {
                    "petName": "Maximus",
                    "petAge": 5,
                    "petOwner": "Nithin Mallya",
                    "petBreed": "German Shepherd Dog",
                },
                "petMedicalHistory": {
                    "vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"]
                },
            },
        )
    for each, path in (
        (pets, "/pet/123"),
        (details, "/pet/123/details"),
        (history, "/pet/123/medicalhistory"),
    ):
        assert each.process.returncode == 0
        [line] = [line for line in each.log if line["message"] == "request"]
        assert (line["path"], line["status"], line["level"]) == (path, 200, "info")
        assert (line["trace_id"], line["request_id"]) == ("a" * 32, "r1")
    [line] = [line for line in pets.log if line["message"] == "request"]
    assert set(line["upstream_ms"]) == {"petdetailsservice", "petmedicalhistoryservice"}


async def test_readiness_ends_at_once_and_the_request_in_flight_is_answered() -> None:
    async with (
        FaultyServer(late(0.2)) as upstream,
        service(
            "petservice", PETDETAILS_URL=upstream.url, PETMEDICALHISTORY_URL=upstream.url
        ) as running,
    ):
        reply = asyncio.ensure_future(get(running.port, "/pet/1"))
        await until(lambda: len(upstream.requests) >= 2)
        running.process.send_signal(signal.SIGTERM)
        while (await get(running.port, "/healthz/ready")).status == 200:
            pass
        assert (await get(running.port, "/healthz/live")).status == 200
        answer = await reply
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await running.process.wait() == 0


async def test_an_interrupt_does_not_wait_for_quiet() -> None:
    async with service("petmedicalhistoryservice", SHUTDOWN_QUIET_SECONDS="600") as running:
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 0


async def test_a_second_signal_ends_the_draining() -> None:
    async with service("petmedicalhistoryservice", SHUTDOWN_QUIET_SECONDS="600") as running:
        running.process.send_signal(signal.SIGTERM)
        while (await get(running.port, "/healthz/ready")).status == 200:
            pass
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0


async def test_the_grace_period_ends_a_request_that_hangs() -> None:
    async with (
        FaultyServer(silent) as upstream,
        service(
            "petservice",
            PETDETAILS_URL=upstream.url,
            PETMEDICALHISTORY_URL=upstream.url,
            UPSTREAM_TIMEOUT_SECONDS="60",
            SHUTDOWN_GRACE_SECONDS="0.1",
        ) as running,
    ):
        reply = asyncio.ensure_future(get(running.port, "/pet/1"))
        await until(lambda: len(upstream.requests) >= 2)
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reply


async def test_requests_are_shed_over_the_limit_that_is_set() -> None:
    async with (
        FaultyServer(late(0.1)) as upstream,
        service(
            "petservice",
            PETDETAILS_URL=upstream.url,
            PETMEDICALHISTORY_URL=upstream.url,
            MAX_REQUESTS_IN_FLIGHT="3",
        ) as running,
    ):
        replies = await asyncio.gather(*(get(running.port, "/pet/1") for _ in range(20)))
        statuses = sorted(reply.status for reply in replies)
        assert statuses == [200] * 3 + [503] * 17
        assert (await get(running.port, "/pet/1")).status == 200


async def test_settings_that_cannot_be_used_are_refused_in_one_line() -> None:
    cases = [
        ({"PORT": "abc"}, "PORT = 'abc': must be an integer from 0 to 65535"),
        (
            {"LOG_LEVEL": "loud"},
            "LOG_LEVEL = 'loud': must be one of debug, info, warning, error, off",
        ),
        *(
            ({"HOST": host}, f"HOST = {host!r}: must be a name or an address to listen on")
            for host in ("", "a..b", "..", "a" * 70, "\udcff")
        ),
        ({"UPSTREAM_TIMEOUT_SECONDS": "x"}, "UPSTREAM_TIMEOUT_SECONDS = 'x': must be a number"),
        ({"SERVICE_VERSION": "a/b"}, "SERVICE_VERSION = 'a/b': must be 1 to 63 letters"),
    ]

    refusals = await asyncio.gather(*(refusal("petservice", **case) for case, _ in cases))
    for (status, said), (_, expected) in zip(refusals, cases, strict=True):
        assert (status, said.count("\n")) == (2, 1)
        assert said.startswith(f"petservice: {expected}")


async def test_an_address_that_cannot_be_listened_on_is_refused_in_one_line() -> None:
    async with FaultyServer(silent) as taken:
        used, unknown = await asyncio.gather(
            refusal("petservice", PORT=str(taken.port)),
            refusal("petservice", HOST="no-such-host.invalid"),
        )
        where = f"HOST = '127.0.0.1', PORT = {taken.port}"
        assert used == (1, f"petservice: {where}: can't listen: Address already in use\n")
        assert unknown[0] == 1
        assert unknown[1].count("\n") == 1
