"""The commands beside `ramp`: what a release engineer asks and orders."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from petmesh.program.plain import plain
from petmesh.ramp import control
from petmesh.ramp.events import Approve, Event, Pause, Resume, RollBack
from petmesh.ramp.journal import JournalError, Record, latest
from petmesh.ramp.locations import (
    held_stack,
    journal_folder,
    lock_folder,
    locks_of,
    service_locks,
)
from petmesh.ramp.machine import FINAL, Phase, advance
from petmesh.ramp.options import Options
from petmesh.ramp.outcome import FAILED, PROMOTED, ROLLED_BACK, exit_status, last_line, standing
from petmesh.ramp.plan import PROMOTION
from petmesh.ramp.ramping import Ended, end, follow_up, is_half_promoted, is_of, told
from petmesh.ramp.report import write_report
from petmesh.ramp.services import AskedStack, of_ramp
from petmesh.ramp.status import ramp_json
from petmesh.ramp.target import Releases, TargetError, by_service

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget

_ALL = 100
_ENDING = (Phase.PROMOTING, Phase.ROLLING_BACK, Phase.STUCK)
_HEALTH_SECONDS = 60.0
_TAKEN_SECONDS = 10.0
_POLL_SECONDS = 0.1


async def rollback(options: Options) -> int:
    """Set weight 0: by the process that runs the ramp, or here where it ends before it did."""
    async with AskedStack(options) as stack:
        return await _rolled_back(await stack.named(), stack)


async def _rolled_back(options: Options, stack: AskedStack) -> int:
    folder, lock = journal_folder(options), lock_folder(options)
    # A promotion is finished first; where it fails, the ramp has to be asked again.
    while control.is_held(lock) and await _asked(lock, options, RollBack()):
        record = await _ended(folder, lock)
        if record is not None and record.state.phase in (*FINAL, Phase.STUCK):
            _tell(options, last_line(record.header, record.state), record)
            status = exit_status(record.state)
            return 0 if status == ROLLED_BACK else status or FAILED
    with ExitStack() as held:
        missing = _take(held, locks_of(folder, options))
        target = stack.target()
        missing += _take(held, service_locks(options, await target.services()))
        for error in missing[:1]:
            warning = f"petmesh: going back without a lock: {error}"
            print(plain(warning), file=sys.stderr)
        ended = await _roll_back_here(options, target, folder)
    if ended is None:
        return 0
    # Nobody waits for what follows: the stack is free.
    await follow_up(ended, options)
    _tell(options, last_line(ended.run.header, ended.state))
    status = exit_status(ended.state)
    return 0 if status == ROLLED_BACK else status


def _take(
    held: ExitStack, locks: Sequence[AbstractContextManager[None]]
) -> list[control.LockError]:
    """Take locks, and return why some can't be made."""
    missing: list[control.LockError] = []
    for each in locks:
        try:
            held.enter_context(each)
        except control.LockError as error:
            missing.append(error)
    return missing


async def _roll_back_here(options: Options, target: "ClusterTarget", folder: Path) -> Ended | None:
    """End the ramp that was left, or set weight 0 where none is known."""
    live = await target.releases()
    try:
        record = latest(folder)
        if record and record.state.phase not in FINAL and _fits(record, live):
            return await end(options, target, record)
    except TargetError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever is wrong with a journal, it goes back)
        warning = f"petmesh: going back by what is live, without the journal: {error}"
        print(plain(warning), file=sys.stderr)
    if not any(each.canary for each in live.values()):
        return await _restore(options, target, live)
    await target.apply({service: each.at_zero for service, each in live.items()})
    texts = {
        service: f"{each.canary} is at weight 0, {each.stable} gets every request"
        for service, each in live.items()
        if each.canary
    }
    _tell(options, f"rolled back: {by_service(texts, named=len(live) > 1)}")
    return None


async def _restore(options: Options, target: "ClusterTarget", live: Releases) -> None:
    """Go back from a promotion to the versions that it kept."""
    restored = await target.restore()
    texts = {
        service: f"{each.stable} is the stable version again and gets every request, "
        f"{live[service].stable} is kept"
        for service, each in restored.items()
    }
    _tell(options, f"rolled back: {by_service(texts, named=len(live) > 1)}")


def _fits(record: Record, live: Releases) -> bool:
    return is_of(record.header, live) or is_half_promoted(record, live)


async def promote(options: Options, *, now: bool) -> int:
    """Make the canary the stable version, or open the gate before that.

    Args:
        options: the stack and its place.
        now: whether it may be promoted from any weight.
    """
    async with AskedStack(options) as stack:
        options = await stack.named()
        folder = journal_folder(options)
        if control.is_held(lock_folder(options)):
            return await _approve(options, PROMOTION)
        target = stack.target()
        with held_stack(folder, options, await target.services()):
            await _promote_here(options, target, folder, now=now)
    return PROMOTED


async def _promote_here(
    options: Options, target: "ClusterTarget", folder: Path, *, now: bool
) -> None:
    record = latest(folder)
    live = await target.releases()
    if not all(each.canary for each in live.values()):
        raise TargetError(f"stack {options.stack}: there is no canary to promote: {told(live)}")
    if record and record.state.phase not in FINAL and _fits(record, live):
        raise TargetError(
            f"a ramp is unfinished, {standing(record.header, record.state)}; "
            "go on with ramp --resume, or end it with rollback"
        )
    lowest = min(each.weight for each in live.values())
    if lowest != _ALL and not now:
        raise TargetError(
            f"the canary is at weight {lowest}: a promotion moves every request "
            "at once; run ramp, or promote --now"
        )
    await target.promote(live)
    texts = {
        service: f"{each.canary} is the stable version and gets every request"
        for service, each in live.items()
    }
    _tell(options, f"promoted: {by_service(texts, named=len(live) > 1)}")


async def pause(options: Options) -> int:
    """Keep the weight where it is."""
    return await _ask_and_tell(options, Pause())


async def resume(options: Options) -> int:
    """Let a paused ramp go on."""
    return await _ask_and_tell(options, Resume())


async def approve(options: Options) -> int:
    """Open the gate that the ramp waits at."""
    return await _approve(options)


async def _approve(options: Options, only: str = "") -> int:
    options = of_ramp(options)
    record = latest(journal_folder(options))
    if record is None or record.state.phase is not Phase.WAITING:
        where = standing(record.header, record.state) if record else "no ramp so far"
        raise TargetError(f"stack {options.stack}: nothing waits for an approval: {where}")
    gate = record.header.plan.gate_name(record.state.stage + 1)
    if only and gate != only:
        raise TargetError(f"stack {options.stack}: the ramp waits at {gate}: run approve for that")
    return await _ask_and_tell(options, Approve(gate=gate))


async def report(options: Options) -> int:
    """Write the report of the latest ramp."""
    options = of_ramp(options)
    record = latest(journal_folder(options))
    if record is None:
        raise TargetError(f"stack {options.stack}: there is no journal of a ramp")
    path = record.path.with_suffix(".html")
    write_report(record, path)
    print(json.dumps({"report": str(path)}) if options.json else path)
    return 0


def _tell(options: Options, text: str, record: Record | None = None) -> None:
    """Print how it ended or stands; with --json as JSON, with the ramp as `status` has it."""
    if not options.json:
        print(text)
        return
    ramp = {"ramp": ramp_json(record)} if record else {}
    print(json.dumps({"stack": options.stack, "text": text, **ramp}))


async def _ask_and_tell(options: Options, event: Event) -> int:
    options = of_ramp(options)
    folder = journal_folder(options)
    runs = control.is_held(lock_folder(options))
    record = latest(folder) if runs else None
    if record and advance(record.header.plan, record.state, event).state == record.state:
        raise TargetError(
            f"stack {options.stack}: {event.kind} changes nothing: "
            f"{standing(record.header, record.state)}"
        )
    if not await _asked(lock_folder(options), options, event):
        raise TargetError(
            f"stack {options.stack}: no process runs a ramp of it; "
            "ramp --resume goes on with one that was left"
        )
    record = latest(folder)
    if record is not None:
        _tell(options, standing(record.header, record.state), record)
    return 0


async def _asked(lock: Path, options: Options, event: Event) -> bool:
    """Put a request to the process that runs the ramp; whether it took it before it ended."""
    try:
        request = control.send(lock, options.stack, event)
    except control.IdleError:
        return False
    deadline = time.monotonic() + _TAKEN_SECONDS
    while request.exists():
        runs, late = control.is_held(lock), time.monotonic() > deadline
        if not runs or late:
            # One that can't be taken back is one that no ramp takes.
            with suppress(OSError):
                request.unlink()
        if not runs:
            return False
        if late:
            raise TargetError(
                f"the process of the ramp didn't answer within {_TAKEN_SECONDS:g} s: "
                "end it, then run rollback"
            )
        await asyncio.sleep(_POLL_SECONDS)
    await asyncio.sleep(_POLL_SECONDS)
    return True


async def _ended(folder: Path, lock: Path) -> Record | None:
    """The ramp once it ended, its process did, or it is on no way to an end.

    None where its journal can't be read.
    """
    while True:
        runs = control.is_held(lock)
        try:
            record = latest(folder)
        except JournalError:
            record = None
        if not runs or (record and record.state.phase not in _ENDING):
            return record
        await asyncio.sleep(_POLL_SECONDS)
