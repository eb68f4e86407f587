"""Tools of the services' tests: a plain HTTP client, and services in this process or their own."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from httpservice import server
from httpservice.log import Log
from httpservice.server import Limits
from httpservice.service import Front, Service

SECONDS = 60.0
"""After which a test that waits has failed."""

_SMALL = Limits()

APPS = Path(__file__).parents[1]


async def unused_port() -> int:
    """Give a port of loopback where nobody listens."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


class Reply(NamedTuple):
    """A response: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the JSON holds
        """The body's JSON."""
        return orjson.loads(self.body)


async def read_reply(reader: asyncio.StreamReader, *, has_body: bool = True) -> Reply:
    """Read one response, whose length its head states."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in head[1:] if line)
    headers = {name.lower(): value for name, _, value in pairs}
    body = await reader.readexactly(int(headers["content-length"])) if has_body else b""
    return Reply(int(head[0].split()[1]), headers, body)


async def send(port: int, raw: bytes) -> Reply:
    """Send bytes over a new connection and give the first response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    try:
        return await read_reply(reader, has_body=not raw.startswith(b"HEAD"))
    finally:
        writer.close()


async def get(port: int, path: str, *headers: str) -> Reply:
    """Send a GET over a new connection."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return await send(port, f"GET {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n".encode("latin-1"))


@asynccontextmanager
async def serving(service: Service, limits: Limits = _SMALL) -> AsyncGenerator[tuple[Front, int]]:
    """Serve a service in this process, and give what stands before it and its port."""
    log = Log("off", {})
    try:
        async with server.serving(service, log, limits) as running:
            yield running
    finally:
        log.close(1)


async def until(condition: Callable[[], object]) -> None:
    """Let others run until the condition holds."""
    while not condition():  # noqa: ASYNC110 - what a socket brings sets no event here
        await asyncio.sleep(0)


@dataclass
class Process:
    """A running service.

    Attributes:
        port: where it listens on loopback.
        process: the process.
        log: the lines of its log; whole once it has stopped.
    """

    port: int
    process: asyncio.subprocess.Process
    log: list[dict[str, Any]]

    @property
    def memory(self) -> float:
        """Its resident memory in MiB, by proc_pid_statm(5)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize() / 2**20


def environment(**variables: str) -> dict[str, str]:
    """Give a service's environment: loopback, any free port, no proxy, a quick stop."""
    inherited = {
        name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ
    }
    base = {
        "PYTHONPATH": str(APPS),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "SHUTDOWN_QUIET_SECONDS": "0",
    }
    return inherited | base | variables


@asynccontextmanager
async def service(
    module: str, errors: Path | None = None, /, **variables: str
) -> AsyncGenerator[Process]:
    """Run `python -m <module>` until it listens, and stop it afterwards.

    Args:
        module: of the service.
        errors: file that takes its standard error; none for this process's own.
        variables: of its environment.
    """
    with errors.open("wb") if errors else nullcontext() as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env=environment(**variables),
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
        )
    assert process.stdout is not None  # noqa: S101
    output = process.stdout
    log: list[dict[str, Any]] = []

    async def collect() -> None:
        log.extend([orjson.loads(line) async for line in output])

    try:
        while not log or "port" not in log[-1]:
            log.append(orjson.loads(await output.readline()))
        collector = asyncio.create_task(collect())
        yield Process(log[-1]["port"], process, log)
    except BaseException:
        # A test that has failed, or taken too long, waits for no orderly stop.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode is None:
        process.terminate()
    await process.wait()
    await collector


async def refusal(module: str, **variables: str) -> tuple[int | None, str]:
    """Run a service that must not start; return its exit status and its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env=environment(**variables),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()
