"""A ramp's journal: JSON lines, each on the disk before what it announces is done."""

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from petmesh.ramp.conditions import Verdict
from petmesh.ramp.events import Event, Judged
from petmesh.ramp.files import private_folder, read_regular
from petmesh.ramp.group_judge import GroupJudge
from petmesh.ramp.header import Moment, RampHeader
from petmesh.ramp.machine import Action, State, Transition, advance, begin, begins_a_hold

# The name that `Journal.create` gives.
_NAME = re.compile(r"[0-9]{8}-[0-9]{6}\.[0-9]{3}-.+\.jsonl")
_LONGEST_HEADER = 2**20
# Two months of evaluations, one every ten seconds.
_LONGEST = 2**28


class JournalError(Exception):
    """A journal can't be read or written; the text says which and why."""


class _Line(BaseModel):
    """A line after the first as it is read; what followed from the event is for people."""

    model_config = ConfigDict(frozen=True)

    at: Moment
    event: Annotated[Event, Field(discriminator="kind")]


@dataclass(frozen=True)
class Entry:
    """A line after the first: an event and what followed from it.

    Attributes:
        at: when, in ISO 8601, UTC.
    """

    at: str
    event: Event
    state: State
    action: Action | None


@dataclass(frozen=True)
class Record:
    """A journal that was read.

    Attributes:
        whole: bytes up to the end of the last good line; a kill can cut the line after it.
    """

    path: Path
    header: RampHeader
    entries: Sequence[Entry]
    whole: int

    @property
    def state(self) -> State:
        """Where the ramp stood after the last line."""
        return self.entries[-1].state if self.entries else begin(self.header.plan).state

    def judge(self) -> GroupJudge:
        """What was known of the canaries after the last line."""
        judge = self.header.judge()
        for _ in self.judged(judge):
            pass
        return judge

    def judged(self, judge: GroupJudge) -> Iterator[tuple[Entry, Verdict]]:
        """Each evaluation, and what another judge says to it."""
        state = begin(self.header.plan).state
        for entry in self.entries:
            if isinstance(entry.event, Judged):
                seen = entry.event.observations
                yield entry, judge.take(seen, self.header.due(state, seen, entry.event.held))
            if begins_a_hold(state.phase, entry.state.phase):
                judge.begin_stage()
            state = entry.state


class Journal:
    """Appends to a journal.

    A line is on the disk when a method returns, so that an action that follows from it is never
    done without being known.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._unwritten: list[dict[str, Any]] = []

    @classmethod
    def create(cls, folder: Path, header: RampHeader) -> "Journal":
        """Begin the journal of a new ramp, named by its time and canary.

        Its header gets the next number, since a clock that was set back gives it no later name.
        """
        numbers = [each.number for each, _ in _headers(folder)]
        header = header.model_copy(update={"number": max(numbers, default=0) + 1})
        when = header.at.translate(str.maketrans("", "", "-:")).replace("T", "-")[:19]
        path = folder / f"{when}-{header.label}.jsonl"
        try:
            private_folder(folder)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            journal = cls(path, file)
            journal._append(header.model_dump(mode="json"))
            _sync_folder(folder)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        return journal

    @classmethod
    def reopen(cls, record: Record) -> "Journal":
        """Go on with a journal; a line that a kill cut is taken away."""
        try:
            file = os.open(record.path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
            os.ftruncate(file, record.whole)
        except OSError as error:
            raise JournalError(f"{record.path}: {error.strerror}") from error
        return cls(record.path, file)

    def write(self, event: Event, transition: Transition) -> Entry:
        """Add an event and what follows from it.

        A line that can't be written is kept and tried again before the next one: a journal ends
        early where it must, but it misses nothing in between.

        Raises:
            JournalError: it couldn't be written.
        """
        entry = Entry(now(), event, transition.state, transition.action)
        self._unwritten.append(entry_json(entry))
        self._flush()
        return entry

    def close(self) -> None:
        """Close the file, after another try to write what couldn't be written."""
        with suppress(JournalError):
            self._flush()
        os.close(self._file)

    def _flush(self) -> None:
        try:
            while self._unwritten:
                self._append(self._unwritten[0])
                del self._unwritten[0]
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from error

    def _append(self, line: dict[str, Any]) -> None:
        """Write a whole line, or nothing."""
        rest = json.dumps(line).encode() + b"\n"
        own, there = os.fstat(self._file), self.path.stat()
        if (own.st_dev, own.st_ino) != (there.st_dev, there.st_ino):
            raise OSError(errno.ESTALE, "another file is in its place")
        good = own.st_size
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, good)
            raise


def entry_json(entry: Entry) -> dict[str, Any]:
    """A line as JSON: the event, and for people what followed from it."""
    action = entry.action
    return {
        "at": entry.at,
        "event": entry.event.model_dump(mode="json"),
        "phase": entry.state.phase.value,
        "stage": entry.state.stage,
        "weight": entry.state.weight,
        "mirror": entry.state.mirror,
        "reason": entry.state.reason,
        "action": None
        if action is None
        else {"kind": action.kind.value, "weight": action.weight, "mirror": action.mirror},
    }


def now() -> str:
    """The time in ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(path: Path) -> Record:
    """Read a journal, and follow the ramp through it; a last line that is broken is passed over.

    Raises:
        JournalError: it can't be read, or a line isn't one of a journal's.
    """
    try:
        content = read_regular(path, _LONGEST + 1)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error
    if len(content) > _LONGEST:
        raise JournalError(f"{path}: it is longer than {_LONGEST >> 20} MiB")
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].splitlines(keepends=True)
    if len(lines) > 1 and not _is_event(lines[-1]):
        whole -= len(lines.pop())
    if not lines:
        raise JournalError(f"{path}: it holds no whole line")
    try:
        header = RampHeader.model_validate_json(lines[0])
    except ValidationError as error:
        raise JournalError(f"{path}: line 1 is no ramp's header") from error
    return Record(path, header, tuple(_entries(path, header, lines[1:])), whole)


def latest(folder: Path) -> Record | None:
    """The journal of a stack's latest ramp; None before the first.

    The latest has the highest number. One that was killed before its first line was whole never did
    anything, and is passed over, as is a file that is no journal.

    Raises:
        JournalError: the folder or a journal can't be read.
    """
    _, path = max(_headers(folder), default=(None, None), key=_rank)
    return read(path) if path else None


def _rank(found: tuple[RampHeader | None, Path | None]) -> tuple[int, str]:
    header, path = found
    return header.number if header else 0, path.name if path else ""


def _headers(folder: Path) -> list[tuple[RampHeader, Path]]:
    """The journals of a folder.

    Raises:
        JournalError: the folder can't be read, or its latest journal by name holds no header.
    """
    found: list[tuple[RampHeader, Path]] = []
    broken: list[JournalError] = []
    for path in _paths(folder):
        try:
            line, end, _ = read_regular(path, _LONGEST_HEADER).partition(b"\n")
            if end:
                found.append((RampHeader.model_validate_json(line), path))
                broken.clear()
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else "line 1 is no ramp's header"
            if _NAME.fullmatch(path.name):
                broken.append(JournalError(f"{path}: {reason}"))
    if broken:
        raise broken[-1]
    return found


def _paths(folder: Path) -> list[Path]:
    """The files of a folder that may be journals, by name."""
    try:
        with os.scandir(folder) as entries:
            named = (each for each in entries if each.name.endswith(".jsonl"))
            return sorted(Path(each.path) for each in named if _is_file(each))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}") from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is one; a link that leads to itself is none."""
    try:
        return entry.is_file()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def _entries(path: Path, header: RampHeader, lines: list[bytes]) -> Iterator[Entry]:
    state = begin(header.plan).state
    for number, line in enumerate(lines, 2):
        try:
            parsed = _Line.model_validate_json(line)
        except ValidationError as error:
            raise JournalError(f"{path}: line {number} is no ramp's event") from error
        event = parsed.event
        if isinstance(event, Judged) and set(event.observations) != set(header.services):
            raise JournalError(f"{path}: line {number} is about other services than line 1")
        transition = advance(header.plan, state, parsed.event)
        state = transition.state
        yield Entry(parsed.at, parsed.event, state, transition.action)


def _is_event(line: bytes) -> bool:
    try:
        _Line.model_validate_json(line)
    except ValidationError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
