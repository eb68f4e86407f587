"""Opens the target that a command names.

What a target needs takes seconds to import, so it is imported with the target: a request to the
process that runs a ramp waits for none of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from petmesh.program.pulumi_cli import state_environment
from petmesh.project import ROOT, project
from petmesh.ramp import control
from petmesh.ramp.options import Options, RampOptions
from petmesh.ramp.target import Target, TargetError, UsageError

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget
    from petmesh.rehearsal.load import Load
    from petmesh.rehearsal.session import Session

STATE = ROOT / ".state" / "canary"
# https://specifications.freedesktop.org/basedir-spec/latest/
_HOME = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
LOCKS = Path(_HOME) / "petmesh" / "locks"
# Some 400 requests a second: a load at full speed would measure how busy this machine is.
_REST_SECONDS = 0.01
_STACK = re.compile(r"([A-Za-z0-9_.-]{1,100}/){0,2}[A-Za-z0-9_.-]{1,100}")


@dataclass
class Place:
    """An open target.

    Attributes:
        load: the phases of the rehearsal's load.
    """

    target: Target
    load: Load | None = None
    session: Session | None = field(default=None, repr=False)


def journal_folder(options: Options) -> Path:
    """Where a stack's journals are; a ramp that runs knows, rehearsals have a folder of their own.

    Raises:
        UsageError: --stack is no stack's name, or --journal no folder.
    """
    if not _STACK.fullmatch(options.stack) or ".." in options.stack:
        raise UsageError(f"--stack = {options.stack}: must be a stack's name, such as dev")
    return control.journal_of(lock_folder(options)) or _own_folder(options)


def _own_folder(options: Options) -> Path:
    if options.journal:
        # What can't be looked at now is told by who has to.
        with suppress(OSError):
            if options.journal.exists() and not options.journal.is_dir():
                raise UsageError(f"--journal = {options.journal}: must be a folder")
        return options.journal
    rehearsal = options.target == "rehearsal"
    return STATE / (f"rehearsal-{options.stack}" if rehearsal else options.stack)


def lock_folder(options: Options) -> Path:
    """Where the lock of a stack is: one for each backend and stack, for every checkout of a user.

    A rehearsal's mesh is its process' own: its lock keeps its journals apart.
    """
    if options.target == "rehearsal":
        return _own_folder(options)
    given = state_environment().get("PULUMI_BACKEND_URL")
    backend = given or os.environ.get("PULUMI_BACKEND_URL", "")
    key = hashlib.sha256(f"{backend}\n{options.stack}".encode()).hexdigest()[:16]
    return LOCKS / key


def locks_of(folder: Path, options: Options) -> list[AbstractContextManager[None]]:
    """A stack's lock, and that of the folder of its journals where that is another; none is held.

    Each raises what `control.held` does.
    """
    lock = lock_folder(options)
    own = control.held(lock, options.stack, folder)
    return [own] if lock == folder else [own, control.held(folder, options.stack)]


@contextmanager
def held_stack(folder: Path, options: Options) -> Generator[None]:
    """Be the one process that ramps a stack, and the one that writes journals into a folder.

    Raises:
        BusyError: another process is.
        LockError: there can't be a lock.
    """
    with ExitStack() as held:
        for lock in locks_of(folder, options):
            held.enter_context(lock)
        yield


def open_cluster(options: Options) -> ClusterTarget:
    """The stack by the Pulumi engine, and Prometheus.

    Raises:
        TargetError: there is no such stack, no Pulumi CLI, or the file of queries can't be used.
    """
    if options.target != "cluster":
        raise TargetError("a rehearsal's mesh lives no longer than the process of its ramp")
    from petmesh.ramp.cluster import ClusterTarget  # noqa: PLC0415
    from petmesh.ramp.engine import open_stack  # noqa: PLC0415
    from petmesh.ramp.prometheus import TOKEN_VARIABLE, Prometheus, Queries, read_queries  # noqa: PLC0415

    queries = read_queries(options.queries) if options.queries else Queries()
    if re.search("[?#]", options.prometheus):
        raise UsageError(
            f"--prometheus: must be an address without ? and #; a token goes into {TOKEN_VARIABLE}"
        )
    if not options.prometheus.startswith(("http://", "https://")):
        shown = options.prometheus.rpartition("@")[2]
        raise UsageError(f"--prometheus = {shown}: must be an http:// or https:// address")
    try:
        prometheus = Prometheus(options.prometheus, os.environ.get(TOKEN_VARIABLE, ""), queries)
    except ValueError as error:
        raise UsageError("--prometheus: it is no address") from error
    return ClusterTarget(open_stack(options.stack), prometheus)


@asynccontextmanager
async def opened(options: RampOptions) -> AsyncGenerator[Place]:
    """The target that the options name; the rehearsal's has a constant load while it is open.

    Raises:
        TargetError: it can't be opened.
    """
    if options.target == "cluster":
        for option, given in (("config", options.config), ("fault", options.faults)):
            if given:
                raise UsageError(f"--{option}: a rehearsal alone takes it: give --target rehearsal")
        target = open_cluster(options)
        try:
            yield Place(target)
        finally:
            await target.close()
        return
    overrides = {"canaryWeight": "0", **options.config}
    async with rehearsed(options.stack, overrides, options.faults) as place:
        yield place


@asynccontextmanager
async def rehearsed(
    stack: str, overrides: Mapping[str, str], faults: Mapping[str, str]
) -> AsyncGenerator[Place]:
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
                workload = project().workload(session.canary)
                await runtime.adjust(workload, environment=faults)
        except (ProgramError, RefusedError, ProcessError) as error:
            raise TargetError(str(error)) from error
        target = RehearsalTarget(session)
        origin, path = runtime.origin, project().path
        async with Load(origin, path, by_success, rest_seconds=_REST_SECONDS) as load:
            await load.measure("warm-up", 200)
            yield Place(target, load, session)
    finally:
        await runtime.stop()
