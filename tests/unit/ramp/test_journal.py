"""A journal holds whole lines, whatever the disk does."""

import asyncio
import os
from pathlib import Path

import pytest

from petmesh.ramp.events import Done, Pause
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Journal, JournalError, now, read
from petmesh.ramp.machine import Transition, begin
from tests.unit.ramp.fakes import MEMBERS, QUICK, FakeTarget, start


def new(folder: Path) -> tuple[Journal, Transition]:
    header = RampHeader(at=now(), stack="local", target="fake", members=MEMBERS, plan=QUICK)
    return Journal.create(folder, header), begin(QUICK)


def test_a_line_is_written_whole_though_the_system_takes_it_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def short(file: int, content: bytes) -> int:
        return write(file, content[:7])

    monkeypatch.setattr("os.write", short)
    journal, transition = new(tmp_path)
    journal.write(Done(), transition)
    assert [entry.event for entry in read(journal.path).entries] == [Done()]


def test_what_a_full_disk_took_of_a_line_is_written_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, transition = new(tmp_path)
    write = os.write
    room = [9]

    def full(file: int, content: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(file, content[: room.pop()])

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.write(Pause(), transition)
    journal.write(Done(), transition)
    assert [entry.event for entry in read(journal.path).entries] == [Pause(), Done()]


@pytest.mark.parametrize("name", ["weight", "mirror"])
@pytest.mark.parametrize("percent", ["-5", "-1", "101", "1e9", "50.5"])
def test_a_weight_that_is_no_percent_is_no_line_of_a_journal(
    tmp_path: Path, name: str, percent: str
) -> None:
    journal, transition = new(tmp_path)
    journal.write(Done(), transition)
    event = f'{{"kind": "restarted", "{name}": {percent}}}'
    with journal.path.open("a") as file:
        file.write(f'{{"at": "2026-01-01T00:00:00Z", "event": {event}}}\n' * 2)
    with pytest.raises(JournalError, match="line 3 is no ramp's event"):
        read(journal.path)


@pytest.mark.parametrize("last", [b"\0\0\0\0\n", b'{"at": "now"}\n', b'{"at": "no'])
def test_a_broken_last_line_is_passed_over_and_replaced(tmp_path: Path, last: bytes) -> None:
    asyncio.run(start(tmp_path, FakeTarget()).run())
    [path] = tmp_path.glob("*.jsonl")
    good = read(path)
    path.write_bytes(path.read_bytes() + last)
    record = read(path)
    assert (record.entries, record.whole) == (good.entries, good.whole)
    Journal.reopen(record).close()
    assert path.stat().st_size == good.whole
