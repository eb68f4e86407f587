"""Opens the target that a command names.

What a target needs takes seconds to import, so it is imported with the target: a request to the
process that runs a ramp waits for none of it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarl import URL

from petmesh.project import project
from petmesh.ramp.locations import turns
from petmesh.ramp.options import Options, RampOptions
from petmesh.ramp.progress import say
from petmesh.ramp.target import Target, TargetError, UsageError
from petmesh.ramp.traffic import Traffic

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget
    from petmesh.ramp.source import MetricsSource
    from petmesh.rehearsal.load import Load
    from petmesh.rehearsal.session import Session

# Some 400 requests a second: a load at full speed would measure how busy this machine is.
_REST_SECONDS = 0.01


@dataclass
class OpenTarget:
    """An open target.

    Attributes:
        load: the phases of the rehearsal's load.
        traffic: the ramp's own requests to a cluster.
    """

    target: Target
    load: Load | None = None
    traffic: Traffic | None = None
    session: Session | None = field(default=None, repr=False)


def open_cluster(options: Options) -> ClusterTarget:
    """The stack by the Pulumi engine, and a source of metrics.

    Raises:
        TargetError: there is no such stack, no Pulumi CLI, or the file of queries can't be used.
    """
    if options.target != "cluster":
        raise TargetError("a rehearsal's mesh lives no longer than the process of its ramp")
    from petmesh.ramp.cluster import ClusterTarget  # noqa: PLC0415
    from petmesh.ramp.engine import open_stack  # noqa: PLC0415

    source = _source(options)
    target = ClusterTarget(open_stack(options.stack, options.program), source, options.service)
    target.turns, target.tell = turns(options), _tell
    return target


def _tell(text: str) -> None:
    say(f"petmesh: {text}", sys.stderr)


def _source(options: Options) -> MetricsSource:
    """The source of metrics that the options name.

    Raises:
        UsageError: it can't be one: an address, a credential or the queries are wrong.
    """
    from petmesh.ramp.prometheus import TOKEN_VARIABLE, Prometheus, Queries, read_queries  # noqa: PLC0415

    if options.metrics == "datadog":
        from petmesh.ramp.datadog import KEYS, Datadog  # noqa: PLC0415

        if options.queries:
            raise UsageError("--queries: Prometheus' queries, which Datadog has not")
        keys = tuple(os.environ.get(each, "") for each in KEYS)
        if not all(keys):
            raise UsageError(f"--metrics = datadog: {' and '.join(KEYS)} must hold its keys")
        site = os.environ.get("DD_SITE", "datadoghq.com")
        address = site if "://" in site else f"https://api.{site}"
        return Datadog(address, (keys[0], keys[1]))
    queries = read_queries(options.queries) if options.queries else Queries()
    if options.metrics == "google":
        from petmesh.ramp.google import managed_prometheus  # noqa: PLC0415

        return managed_prometheus(options.google_project, queries)
    if re.search("[?#]", options.prometheus):
        raise UsageError(
            f"--prometheus: must be an address without ? and #; a token goes into {TOKEN_VARIABLE}"
        )
    if not options.prometheus.startswith(("http://", "https://")):
        shown = options.prometheus.rpartition("@")[2]
        raise UsageError(f"--prometheus = {shown}: must be an http:// or https:// address")
    try:
        return Prometheus(options.prometheus, os.environ.get(TOKEN_VARIABLE, ""), queries)
    except ValueError as error:
        raise UsageError("--prometheus: it is no address") from error


def check_place(options: RampOptions) -> None:
    """Raise a UsageError where an option doesn't fit the place that the ramp is to run in."""
    if options.target == "cluster":
        for option, given in (("config", options.config), ("fault", options.faults)):
            if given:
                raise UsageError(f"--{option}: a rehearsal alone takes it: give --target rehearsal")
        return
    if options.program:
        raise UsageError("--program: a rehearsal is of this checkout's program")
    if options.service:
        raise UsageError(
            f"--service = {options.service}: a rehearsal is of the service that canaryService "
            f"names: give --config canaryService={options.service}"
        )
    if options.load:
        raise UsageError("--load: a rehearsal has a load of its own")


@asynccontextmanager
async def opened(options: RampOptions) -> AsyncGenerator[OpenTarget]:
    """The target that the options name; the rehearsal's has a constant load while it is open.

    Raises:
        TargetError: it can't be opened.
    """
    if options.target == "cluster":
        target = open_cluster(options)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(target.close)
            traffic = None
            if options.load:
                url = await _load_url(options, target)
                traffic = await stack.enter_async_context(Traffic(url, options.load))
            yield OpenTarget(target, traffic=traffic)
        return
    overrides = {"canaryWeight": "0", **options.config}
    async with rehearsed(options.stack, overrides, options.faults) as place:
        yield place


async def _load_url(options: RampOptions, target: ClusterTarget) -> URL:
    """What a load asks for.

    Raises:
        UsageError: it is no address, or the stack has none.
    """
    given = options.load_url or await target.url()
    path = options.load_path or ("/" if options.program else project().path)
    try:
        url = URL(given)
    except ValueError as error:
        raise UsageError("--load-url: it is no address") from error
    if url.scheme not in ("http", "https") or not url.host:
        shown = "the stack has no output url" if not given else "it is no http:// or https:// one"
        raise UsageError(f"--load-url: must be given: {shown}")
    if not path.startswith("/"):
        raise UsageError(f"--load-path = {path}: must begin with /")
    return url.join(URL(path))


@asynccontextmanager
async def rehearsed(
    stack: str, overrides: Mapping[str, str], faults: Mapping[str, str]
) -> AsyncGenerator[OpenTarget]:
    """A stack's mesh on this machine under constant load, its canary with faults.

    Raises:
        TargetError: the program refuses, or a process failed.
    """
    from petmesh.host.processes import ProcessError  # noqa: PLC0415
    from petmesh.mesh.fields import RefusedError  # noqa: PLC0415
    from petmesh.program.declaration import ProgramError  # noqa: PLC0415
    from petmesh.ramp.rehearsed import RehearsalTarget  # noqa: PLC0415
    from petmesh.rehearsal.load import Load, by_success  # noqa: PLC0415
    from petmesh.rehearsal.run_folder import new_folder  # noqa: PLC0415
    from petmesh.rehearsal.runtime import Runtime  # noqa: PLC0415
    from petmesh.rehearsal.session import Session  # noqa: PLC0415

    try:
        runtime = Runtime(new_folder())
    except ProcessError as error:
        raise TargetError(str(error)) from error
    session = Session(runtime, stack, {**project().config, **overrides})
    try:
        try:
            await session.start()
            if not session.canary:
                raise TargetError(f"stack {stack} has no canary: give --config canaryVersion=v2")
            if faults:
                await runtime.adjust(session.canary_workload, environment=faults)
        except (ProgramError, RefusedError, ProcessError) as error:
            raise TargetError(str(error)) from error
        target = RehearsalTarget(session)
        origin, path = runtime.origin, project().path
        async with Load(origin, path, by_success, rest_seconds=_REST_SECONDS) as load:
            await load.measure("warm-up", 200)
            yield OpenTarget(target, load, session=session)
    finally:
        await runtime.stop()
