"""Opens the target that a command names.

What a target needs takes seconds to import, so it is imported with the target: a request to the
process that runs a ramp waits for none of it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def cluster_of(options: Options) -> AsyncGenerator[ClusterTarget | None]:
    """The stack while the context is open; None where the options name a rehearsal.

    Raises what `open_cluster` does.
    """
    if options.target != "cluster":
        yield None
        return
    target = open_cluster(options)
    try:
        yield target
    finally:
        await target.close()


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
    stack = open_stack(options.stack, options.program)
    target = ClusterTarget(stack, source, options.service, options.group)
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
    if options.load or options.load_url:
        raise UsageError("--load: a rehearsal has a load of its own; --load-path is what it asks")


@asynccontextmanager
async def loaded(options: RampOptions, cluster: ClusterTarget | None) -> AsyncGenerator[OpenTarget]:
    """The target that the options name, under the load that they ask for.

    Args:
        options: what `ramp` is given.
        cluster: the stack, open; None for a rehearsal, which is started and has a constant load.

    Raises:
        TargetError: it can't be started.
    """
    if cluster is None:
        async with rehearsed(options) as place:
            yield place
    elif options.load:
        async with Traffic(await _load_url(options, cluster), options.load) as traffic:
            yield OpenTarget(cluster, traffic=traffic)
    else:
        yield OpenTarget(cluster)


async def _load_url(options: RampOptions, target: ClusterTarget) -> URL:
    """What a load asks for.

    Raises:
        UsageError: it is no address, or the stack has none.
    """
    given = options.load_url or await target.url()
    path = _load_path(options)
    try:
        url = URL(given)
    except ValueError as error:
        raise UsageError("--load-url: it is no address") from error
    if url.scheme not in ("http", "https") or not url.host:
        shown = "the stack has no output url" if not given else "it is no http:// or https:// one"
        raise UsageError(f"--load-url: must be given: {shown}")
    return url.join(URL(path))


@asynccontextmanager
async def rehearsed(options: RampOptions) -> AsyncGenerator[OpenTarget]:
    """A stack's mesh on this machine under constant load, its canary at weight 0 and with faults.

    Raises:
        TargetError: the program refuses, there is no canary, or a process failed.
    """
    from petmesh.host.processes import ProcessError  # noqa: PLC0415
    from petmesh.mesh.fields import RefusedError  # noqa: PLC0415
    from petmesh.program.declaration import ProgramError  # noqa: PLC0415
    from petmesh.ramp.rehearsed import RehearsalTarget  # noqa: PLC0415
    from petmesh.rehearsal.load import Load, by_success  # noqa: PLC0415
    from petmesh.rehearsal.settings import SettingsError  # noqa: PLC0415

    try:
        session = _session(options)
    except (ProcessError, SettingsError) as error:
        raise TargetError(str(error)) from error
    runtime = session.runtime
    try:
        target = RehearsalTarget(session, options.service, options.group)
        try:
            await target.start(options.config)
            for service, faults in faults_of(options, [*await target.releases()]).items():
                await target.adjust(service, faults)
        except (ProgramError, RefusedError, ProcessError) as error:
            raise TargetError(str(error)) from error
        async with Load(
            runtime.origin, _load_path(options), by_success, rest_seconds=_REST_SECONDS
        ) as load:
            await load.measure("warm-up", 200)
            yield OpenTarget(target, load, session=session)
    finally:
        await runtime.stop()


def faults_of(options: RampOptions, services: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """The faults of each service's canary.

    Raises:
        UsageError: no service that is ramped, or not the one that is named, knows such a fault.
    """
    known = {} if options.program else project().faults
    found: dict[str, dict[str, str]] = {}
    for key, value in sorted(options.faults.items(), key=lambda each: "." in each[0]):
        named, _, name = key.rpartition(".")
        able = [each for each in services if name in known.get(each, ())]
        if not able or (named and named not in able):
            raise UsageError(
                f"--fault {key}: must be of {' or '.join(able) or 'a service that is ramped'}, "
                "as faults in petmesh.yaml has it"
            )
        for service in [named] if named else able:
            found.setdefault(service, {})[name] = value
    return found


def _session(options: RampOptions) -> Session:
    """A stack of this checkout, run from its sources, or of another program by its rehearsal.yaml.

    Raises:
        ProcessError: there is no place for its files.
        SettingsError: the rehearsal.yaml is invalid.
    """
    from petmesh.manifests.documents import SETTINGS  # noqa: PLC0415
    from petmesh.rehearsal.run_folder import new_folder  # noqa: PLC0415
    from petmesh.rehearsal.runtime import Runtime  # noqa: PLC0415
    from petmesh.rehearsal.session import Session  # noqa: PLC0415
    from petmesh.rehearsal.settings import RehearsalSettings, read_settings  # noqa: PLC0415

    if options.program is None:
        session = Session(Runtime(new_folder()), options.stack, options.config)
        session.lay_beneath(project().config)
        return session
    root = options.program.resolve()
    file = root / SETTINGS
    settings = read_settings(file) if file.is_file() else RehearsalSettings()
    runtime = Runtime(new_folder(), settings=settings)
    return Session(runtime, options.stack, options.config, root)


def _load_path(options: RampOptions) -> str:
    """What a load asks for.

    Raises:
        UsageError: it is no path.
    """
    path = options.load_path or ("/" if options.program else project().path)
    if not path.startswith("/"):
        raise UsageError(f"--load-path = {path}: must begin with /")
    return path
