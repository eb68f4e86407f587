"""The life of a service's process: settings, listening, draining on SIGTERM, exit status."""

import asyncio
import gc
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from httpservice.environment import Environment, SettingError
from httpservice.log import LEVELS, Log
from httpservice.server import Limits, Server
from httpservice.service import Service

if TYPE_CHECKING:
    from httpservice.tracing import Traces

_VERSION = re.compile(r"[A-Za-z0-9._-]{1,63}")
_LOG_SECONDS = 1.0


class _Settings(NamedTuple):
    host: str
    port: int
    version: str
    log_level: str
    in_flight: int
    connections: int
    quiet_seconds: float
    grace_seconds: float


def run(name: str, default_port: int, build: Callable[[Environment], Callable[[], Service]]) -> int:
    """Run a service until SIGTERM or SIGINT, and give the process's exit status.

    0 after a stop that was asked for, 1 where the address can't be listened on, 2 for a variable
    that can't be used; the last two with one line on standard error.

    Args:
        name: of the service, as logs and messages give it.
        default_port: where PORT is unset.
        build: reads the service's own variables, which may raise SettingError, and gives what
            makes the service once the event loop runs.
    """
    environment = Environment(os.environ)
    try:
        settings = _read(environment, default_port)
        make = build(environment)
        traces = _traces(environment, name, settings.version)
    except SettingError as refusal:
        print(f"{name}: {refusal}", file=sys.stderr)
        return 2
    _allow_many_connections()
    log = Log(settings.log_level, {"service": name, "version": settings.version})
    try:
        uvloop.run(_serve(settings, make, log, traces))
    except OSError as failure:
        number = failure.errno or 0
        reason = os.strerror(number) if number > 0 else failure.strerror or failure
        where = f"HOST = {settings.host!r}, PORT = {settings.port}"
        print(f"{name}: {where}: can't listen: {reason}", file=sys.stderr)
        return 1
    finally:
        if traces is not None:
            traces.close()
        log.close(_LOG_SECONDS)
    return 0


def _read(environment: Environment, default_port: int) -> _Settings:
    version = environment.text("SERVICE_VERSION", "v1")
    if not _VERSION.fullmatch(version):
        raise SettingError(
            f"SERVICE_VERSION = {version!r}: must be 1 to 63 letters, digits, '.', '_' or '-'"
        )
    return _Settings(
        host=environment.host("HOST", "0.0.0.0"),  # noqa: S104 - a pod is reached by its address
        port=environment.integer("PORT", default_port, 0, 65535),
        version=version,
        log_level=environment.choice("LOG_LEVEL", "info", LEVELS),
        in_flight=environment.integer("MAX_REQUESTS_IN_FLIGHT", 256, 1, 65536),
        connections=environment.integer("MAX_CONNECTIONS", 4096, 1, 65536),
        quiet_seconds=environment.number("SHUTDOWN_QUIET_SECONDS", 2.0, 0, 600),
        grace_seconds=environment.number("SHUTDOWN_GRACE_SECONDS", 20.0, 0, 600),
    )


def _traces(environment: Environment, name: str, version: str) -> "Traces | None":
    """Set up tracing, where it is asked for.

    An empty variable is as good as unset
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), which not
    every part of the SDK heeds; and some are read as its modules are imported.
    """
    for variable in tuple(os.environ):
        if variable.startswith("OTEL_") and not os.environ[variable]:
            del os.environ[variable]
    if not environment.wants_traces():
        return None
    try:
        from httpservice.tracing import Traces  # noqa: PLC0415 - costs time and memory; few want it

        return Traces(name, version)
    except ValueError as refusal:
        raise SettingError(f"OpenTelemetry: {refusal}") from None


def _allow_many_connections() -> None:
    """Lift the soft limit on open files, which many systems set at 1024, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(
    settings: _Settings, make: Callable[[], Service], log: Log, traces: "Traces | None"
) -> None:
    loop = asyncio.get_running_loop()
    stop: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.put_nowait, number)
    service = make()
    limits = Limits(in_flight=settings.in_flight, connections=settings.connections)
    handler = service.handle if traces is None else traces.attach(service, log)
    server = Server(handler, log, limits)
    port = await server.listen(settings.host, settings.port)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)
    log.event("info", "listening", host=settings.host, port=port)
    log.flush()

    reason = await stop.get()
    service.draining = True
    log.event("info", "draining", signal=reason.name)
    log.flush()
    if reason is signal.SIGTERM:
        drained = asyncio.ensure_future(
            server.drain(settings.quiet_seconds, settings.grace_seconds)
        )
        again = asyncio.ensure_future(stop.get())
        await asyncio.wait((drained, again), return_when=asyncio.FIRST_COMPLETED)
    await server.close(min(settings.grace_seconds, 5.0))
    log.event("info", "stopped")
