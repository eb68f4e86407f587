"""The life of a service's process: settings, listening, draining on SIGTERM, exit status."""

import asyncio
import gc
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from httpservice.environment import Environment, SettingError
from httpservice.log import LEVELS, Log
from httpservice.server import ANYWHERE, Limits, ListenError, serving
from httpservice.service import Service

if TYPE_CHECKING:
    from httpservice.tracing import Traces

_VERSION = re.compile(r"[A-Za-z0-9._-]{1,63}")
_LOG_SECONDS = 1.0
_LAST_SECONDS = 5.0


class _Settings(NamedTuple):
    limits: Limits
    version: str
    log_level: str
    quiet_seconds: float
    grace_seconds: float


def run(name: str, default_port: int, build: Callable[[Environment], Service]) -> int:
    """Run a service until SIGTERM or SIGINT, and give the process's exit status.

    0 after a signal to stop, 1 where the address can't be listened on, 2 for a variable
    that can't be used; the last two with one line on standard error.

    Args:
        name: of the service, as logs and messages give it.
        default_port: where PORT is unset.
        build: reads the service's own variables, which may raise SettingError.
    """
    environment = Environment(os.environ)
    with ExitStack() as stack:
        try:
            settings = _read(environment, default_port)
            log = Log(settings.log_level, {"service": name, "version": settings.version})
            stack.callback(log.close, _LOG_SECONDS)
            log.capture()
            service = build(environment)
            traces = _traces(environment, name, settings.version)
            if traces is not None:
                stack.callback(traces.close)
            _allow_many_connections()
            uvloop.run(_serve(settings, service, log, traces))
        except SettingError as refusal:
            print(f"{name}: {refusal}", file=sys.stderr)
            return 2
        except ListenError as refusal:
            print(f"{name}: {refusal}", file=sys.stderr)
            return 1
    return 0


def _read(environment: Environment, default_port: int) -> _Settings:
    version = environment.text("SERVICE_VERSION", "v1")
    if not _VERSION.fullmatch(version):
        raise SettingError(
            f"SERVICE_VERSION = {version!r}: must be 1 to 63 letters, digits, '.', '_' or '-'"
        )
    grace_seconds = environment.number("SHUTDOWN_GRACE_SECONDS", 20.0, 0, 600)
    return _Settings(
        limits=Limits(
            host=environment.host("HOST", ANYWHERE),
            port=environment.integer("PORT", default_port, 0, 65535),
            in_flight=environment.integer("MAX_REQUESTS_IN_FLIGHT", 256, 1, 65536),
            last_seconds=min(grace_seconds, _LAST_SECONDS),
        ),
        version=version,
        log_level=environment.choice("LOG_LEVEL", "info", LEVELS),
        quiet_seconds=environment.number("SHUTDOWN_QUIET_SECONDS", 2.0, 0, 600),
        grace_seconds=grace_seconds,
    )


def _traces(environment: Environment, name: str, version: str) -> "Traces | None":
    """Set up tracing if the environment has it.

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


async def _serve(settings: _Settings, service: Service, log: Log, traces: "Traces | None") -> None:
    loop = asyncio.get_running_loop()
    stop: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.put_nowait, number)
    async with serving(service, log, settings.limits, traces) as (front, port):
        gc.collect()
        gc.freeze()
        gc.set_threshold(2_000, 10, 10)
        log.event("info", "listening", host=settings.limits.host, port=port)
        log.flush()

        reason = await stop.get()
        front.draining = True
        log.event("info", "draining", signal=reason.name)
        log.flush()
        if reason is signal.SIGTERM:
            drained = asyncio.ensure_future(
                front.drain(settings.quiet_seconds, settings.grace_seconds)
            )
            again = asyncio.ensure_future(stop.get())
            await asyncio.wait((drained, again), return_when=asyncio.FIRST_COMPLETED)
    log.event("info", "stopped")
