"""One ramp at a time for each stack, and requests to the process that runs it."""

import fcntl
import os
import stat
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from petmesh.ramp.events import EVENT, Event
from petmesh.ramp.files import open_regular, private_folder, read_regular

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.02
_LONGEST_REQUEST = 2**16


class BusyError(Exception):
    """Another process runs a ramp of this stack; the text says which."""


class IdleError(Exception):
    """No process runs a ramp of this stack."""


class LockError(OSError):
    """There can't be a lock, or late requests stay in its folder; the text says where and why."""


@contextmanager
def held(folder: Path, what: str, journal: Path | None = None) -> Generator[None]:
    """Be the one process that ramps something.

    The kernel gives the lock back when the process ends, however it ends.

    Args:
        folder: where the lock is, and where requests are put.
        what: what is ramped, for people.
        journal: the folder of the ramp's journals, for `journal_of`.

    Raises:
        BusyError: another process is.
        LockError: there can't be a lock in the folder.
    """
    with ExitStack() as kept:
        try:
            private_folder(folder)
            file = kept.enter_context(open_regular(folder / "lock", os.O_RDWR | os.O_CREAT))
            if not _locked(file):
                raise BusyError(f"{what}: {_owner(folder)} runs a ramp of it")
            # It is only for people: a full disk keeps nobody from going back.
            with suppress(OSError):
                os.ftruncate(file.fileno(), 0)
                text = f"{os.getpid()}\n{journal.resolve() if journal else ''}"
                os.write(file.fileno(), text.encode())
            for late in _requests(folder):
                late.unlink(missing_ok=True)
        except OSError as error:
            raise LockError(f"{folder}: no lock can be made in it: {error.strerror}") from error
        yield


@contextmanager
def turn(path: Path | None, wait: Callable[[], bool]) -> Generator[None]:
    """Be the one process of this machine that changes a stack, once it is this one's turn.

    Args:
        path: the file that is locked; where it can't be, nothing is waited for.
        wait: waits for a moment, and returns whether the lock is to be tried again.

    Raises:
        BusyError: it isn't to be tried again.
    """
    with ExitStack() as kept:
        if path is not None:
            with suppress(OSError):
                private_folder(path.parent)
                file = kept.enter_context(open_regular(path, os.O_RDWR | os.O_CREAT))
                while not _locked(file):
                    if not wait():
                        raise BusyError(f"{path}: another process changes the stack")
        yield


def is_held(folder: Path) -> bool:
    """Whether a process runs a ramp; where there can be no lock, none does."""
    try:
        with open_regular(folder / "lock", os.O_RDONLY) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def journal_of(folder: Path) -> Path | None:
    """The folder of the journals of the process that runs a ramp; None where there is none."""
    with suppress(OSError):
        if is_held(folder):
            _, _, journal = _lock_text(folder).partition("\n")
            return Path(journal) if journal else None
    return None


def send(folder: Path, stack: str, event: Event) -> Path:
    """Put a request to the process that runs a stack's ramp; it removes the file that is returned.

    Raises:
        IdleError: no process does.
        BusyError: the request can't be put there.
    """
    if not is_held(folder):
        raise IdleError(f"stack {stack}: no process runs a ramp of it")
    name = folder / f"request-{uuid.uuid4()}.json"
    new = name.with_suffix(".new")
    try:
        new.write_text(event.model_dump_json(), encoding="utf-8")
        return new.rename(name)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise BusyError(
            f"stack {stack}: {_owner(folder)} runs a ramp of it and can't be asked: "
            f"{folder}: {error.strerror}; interrupt it, or end it and run rollback"
        ) from error


def take(folder: Path) -> Iterator[Event]:
    """The requests that came; one that can't be read, such as a pipe, is dropped.

    One that can't be taken away, or was taken back, isn't taken: who asked is told so.
    """
    for path in _requests(folder):
        text = b""
        with suppress(OSError):
            text = read_regular(path, _LONGEST_REQUEST)
        with suppress(OSError, ValidationError):
            path.unlink()
            yield EVENT.validate_json(text)


def _locked(file: IO[bytes]) -> bool:
    """Take the lock; `is_held` may have it for a moment."""
    for _ in range(_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _requests(folder: Path) -> list[Path]:
    """The oldest first; a folder is none, and one that is taken back meanwhile is passed over."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob("request-*.json"):
        with suppress(FileNotFoundError):
            seen = path.lstat()
            if not stat.S_ISDIR(seen.st_mode):
                found.append((seen.st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _owner(folder: Path) -> str:
    with suppress(OSError):
        if number := _lock_text(folder).partition("\n")[0]:
            return f"process {number}"
    return "another process"


def _lock_text(folder: Path) -> str:
    """The number of the process, and the folder of its journals."""
    return read_regular(folder / "lock", _LONGEST_REQUEST).decode(errors="replace")
