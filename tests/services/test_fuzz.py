"""The services as processes under input that means no good: `make fuzz` sends more of it."""

import asyncio
import contextlib
import os
import random
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.pets import PETS
from httpservice.testing import Process, get, service
from tests.services.description import file_of

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
RAW = int(os.environ.get("FUZZ_RAW", "2000"))
SEED = os.environ.get("FUZZ_SEED", "1")
# What buffers, pools and the allocator keep; a leak of a KiB a request would show.
GROWTH_MIB = 8
# Without an answer, after which none is waited for.
QUIET_SECONDS = 0.3
# Batches of raw bytes, after which the allocator has what it keeps.
WARM_UP = 5
NAMES = [each.name for each in PETS]
ROUTES = {each.name: each.entry.paths[0].replace("{*}", "7") for each in PETS}


@dataclass
class Attacked:
    """A service, alone or with the back ends that it needs."""

    name: str
    running: Process
    errors: Path

    async def check(self, memory: float, allowed: float = GROWTH_MIB) -> None:
        """It answers as ever, has said nothing but its log, and holds little more memory."""
        assert (await get(self.running.port, ROUTES[self.name])).status == 200
        assert self.errors.read_text() == ""
        print(f"seed {SEED}: {self.name}: from {memory:.1f} to {self.running.memory:.1f} MiB")
        assert self.running.memory - memory < allowed


@asynccontextmanager
async def attacked(name: str, folder: Path) -> AsyncGenerator[Attacked]:
    """Run a service, and see at its end that no fault of its own is in the log."""
    errors = folder / "stderr"
    async with AsyncExitStack() as stack:
        variables: dict[str, str] = {}
        if name == "petservice":
            details, history = [
                await stack.enter_async_context(service(each)) for each in NAMES if each != name
            ]
            variables = {
                "PETDETAILS_URL": f"http://127.0.0.1:{details.port}",
                "PETMEDICALHISTORY_URL": f"http://127.0.0.1:{history.port}",
            }
        running = await stack.enter_async_context(service(name, errors, **variables))
        yield Attacked(name, running, errors)
    assert running.process.returncode == 0
    assert {line["level"] for line in running.log} <= {"info", "warning"}


@pytest.mark.parametrize("name", NAMES)
async def test_generated_requests_get_the_answers_that_are_described(
    name: str, tmp_path: Path
) -> None:
    async with attacked(name, tmp_path) as target:
        memory = target.running.memory
        await run_schemathesis(target, EXAMPLES)
        await target.check(memory)


async def run_schemathesis(target: Attacked, examples: int) -> None:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", os.devnull, "run", file_of(target.name)),
        *("--url", f"http://127.0.0.1:{target.running.port}", "--checks", "all"),
        *("--max-examples", str(examples), "--seed", SEED, "--generation-database", "none"),
        "--no-color",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=target.errors.parent,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.mark.parametrize("name", NAMES)
async def test_raw_bytes_get_an_error_of_the_client_or_none(name: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - to be repeated

    async with attacked(name, tmp_path) as target:
        good = f"GET {ROUTES[name]} HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\n\r\n".encode()
        for _ in range(WARM_UP):
            await throw(target, [raw(chance, good) for _ in range(200)])
        memory = target.running.memory
        for _ in range(0, RAW, 200):
            for status in await throw(target, [raw(chance, good) for _ in range(200)]):
                assert status < 500
        await target.check(memory)


def raw(chance: random.Random, good: bytes) -> bytes:
    """Give bytes that are no request, or one that is not quite right."""
    spoilt = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    cut = chance.randrange(len(good))
    head = good[:-2]
    kinds = [
        bytes(spoilt),
        chance.randbytes(chance.randint(1, 3000)),
        good[:cut],
        good[:cut] + chance.randbytes(8) + good[cut:],
        good * chance.randint(2, 60),
        good * 3 + bytes(spoilt) + good,
        head + b"X: " + chance.randbytes(chance.randint(1, 30_000)) + b"\r\n\r\n",
        head + b"tracestate: " + b"a" * chance.randint(15_900, 16_400) + b"\r\n\r\n",
        head + b"".join(b"%x:\r\n" % n for n in range(chance.randint(90, 2000))) + b"\r\n",
        head + b"Content-Length: %d\r\n\r\n" % chance.randint(-9, 10**12),
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % chance.randrange(2**70),
        head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;%b\r\na\r\n" % (b"x" * 999) * 99,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chance.randbytes(64),
        head + b"Transfer-Encoding: %b\r\n\r\n" % chance.randbytes(6).hex().encode(),
        b"GET /%b HTTP/1.1\r\n" % (b"%%%02x" % chance.randrange(256) * chance.randint(1, 5000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(90),
        b"\r\n" * chance.randint(1, 9000) + good,
    ]
    return chance.choice(kinds)


async def throw(target: Attacked, pieces: list[bytes]) -> list[int]:
    """Send each over a connection of its own, all at once, and give the statuses that came."""

    async def one(data: bytes) -> list[int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.running.port)
        try:
            writer.write(data)
            answered = await _read(reader)
        except ConnectionError:
            return []
        finally:
            writer.close()
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answered)]

    return [status for statuses in await asyncio.gather(*map(one, pieces)) for status in statuses]


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Give what comes until the connection ends, or nothing has come for a while."""
    answered = b""
    with contextlib.suppress(TimeoutError):
        while piece := await asyncio.wait_for(reader.read(65536), QUIET_SECONDS):
            answered += piece
    return answered
