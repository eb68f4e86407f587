"""Where the journals and the locks of a stack's services are."""

import hashlib
import os
import re
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from petmesh.program.pulumi_cli import state_environment
from petmesh.project import ROOT
from petmesh.ramp import control
from petmesh.ramp.options import Options
from petmesh.ramp.stack_state import check_group, check_service
from petmesh.ramp.target import UsageError

STATE = ROOT / ".state" / "canary"
# https://specifications.freedesktop.org/basedir-spec/latest/
_HOME = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
LOCKS = Path(_HOME) / "petmesh" / "locks"
_STACK = re.compile(r"([A-Za-z0-9_.-]{1,100}/){0,2}[A-Za-z0-9_.-]{1,100}")


def journal_folder(options: Options) -> Path:
    """Where a ramp's journals are; a ramp that runs knows, rehearsals have folders of their own.

    Raises:
        UsageError: --stack, --service or --group can't be a name, or --journal is no folder.
    """
    check_names(options)
    return control.journal_of(lock_folder(options)) or _own_folder(options)


def check_names(options: Options) -> None:
    """Raise a UsageError where an option can't be a name, or --program is no program."""
    if not _STACK.fullmatch(options.stack) or ".." in options.stack:
        raise UsageError(f"--stack = {options.stack}: must be a stack's name, such as dev")
    if options.service and options.group:
        raise UsageError(f"--group = {options.group}: give it or --service, not both")
    if options.service:
        check_service(options.service)
    if options.group:
        check_group(options.group)
    if options.program:
        _project_name(options.program)


def _project_name(program: Path) -> str:
    """The name in a program's Pulumi.yaml."""
    try:
        held: Any = yaml.safe_load((program / "Pulumi.yaml").read_text(encoding="utf-8"))
        return str(held["name"])
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError) as error:
        raise UsageError(
            f"--program = {program}: must be a folder with a Pulumi.yaml that has a name"
        ) from error


def _state(options: Options) -> Path:
    return options.program / ".state" / "canary" if options.program else STATE


def _own_folder(options: Options) -> Path:
    if options.journal:
        # What can't be looked at now is told by who has to.
        with suppress(OSError):
            if options.journal.exists() and not options.journal.is_dir():
                raise UsageError(f"--journal = {options.journal}: must be a folder")
        return options.journal
    if options.target == "rehearsal":
        return STATE / f"rehearsal-{options.stack}"
    return _state(options) / options.stack / options.name


def lock_folder(options: Options) -> Path:
    """Where a ramp's lock is: one for each backend, stack and service, whatever the checkout.

    A rehearsal's mesh is its process' own: its lock keeps its journals apart.
    """
    if options.target == "rehearsal":
        return _own_folder(options)
    return _locks(options) / options.name


def turns(options: Options) -> Path:
    """The file that the ramps of a stack's services lock in turn to change the stack."""
    return _locks(options) / ".turns"


def running(options: Options) -> list[str]:
    """Whose ramp a process runs, services and groups, in any checkout of this user."""
    return [each.name for each in _folders(_locks(options)) if control.is_held(each)]


def recorded(options: Options) -> list[str]:
    """Of which services and groups of a stack there are journals in the program's folder."""
    folders = _folders(_state(options) / options.stack)
    return [each.name for each in folders if any(each.glob("*.jsonl"))]


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        found = (each for each in folder.iterdir() if not each.name.startswith("."))
        return sorted(each for each in found if each.is_dir())
    return []


def _locks(options: Options) -> Path:
    given = {} if options.program else state_environment()
    backend = given.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_BACKEND_URL", "")
    name = _project_name(options.program) if options.program else ""
    key = hashlib.sha256(f"{backend}\n{name}\n{options.stack}".encode()).hexdigest()[:16]
    return LOCKS / key


def locks_of(folder: Path, options: Options) -> list[AbstractContextManager[None]]:
    """A ramp's lock, and that of the folder of its journals where that is another; none is held.

    Each raises what `control.held` does.
    """
    lock, stack = lock_folder(options), f"stack {options.stack}"
    own = control.held(lock, stack, folder)
    return [own] if lock == folder else [own, control.held(folder, stack)]


def service_locks(options: Options, services: Sequence[str]) -> list[AbstractContextManager[None]]:
    """A lock for each service that is ramped, since it is in one ramp at a time; none is held.

    A rehearsal has none. Each raises what `control.held` does.
    """
    if options.target == "rehearsal":
        return []
    folder = _locks(options) / ".services"
    return [control.held(folder / each, f"stack {options.stack}: {each}") for each in services]


@contextmanager
def held_stack(folder: Path, options: Options, services: Sequence[str] = ()) -> Generator[None]:
    """Be the one process that ramps services of a stack, and writes journals into a folder.

    Raises:
        BusyError: another process is.
        LockError: there can't be a lock.
    """
    with ExitStack() as held:
        for lock in [*locks_of(folder, options), *service_locks(options, services)]:
            held.enter_context(lock)
        yield
