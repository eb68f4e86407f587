"""The commands beside `ramp`: what a release engineer asks and orders."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from petmesh.program.plain import plain
from petmesh.ramp import control
from petmesh.ramp.events import Approve, Event, Pause, Resume, RollBack
from petmesh.ramp.journal import JournalError, Record, latest
from petmesh.ramp.locations import held_stack, journal_folder, lock_folder, locks_of
from petmesh.ramp.machine import FINAL, Phase, advance
from petmesh.ramp.measurements import Observation
from petmesh.ramp.options import Options
from petmesh.ramp.outcome import FAILED, PROMOTED, ROLLED_BACK, exit_status, last_line, standing
from petmesh.ramp.plan import PROMOTION
from petmesh.ramp.ramping import Ended, end, follow_up, is_half_promoted, is_of
from petmesh.ramp.report import write_report
from petmesh.ramp.services import of_ramp, of_ramp_or_stack
from petmesh.ramp.target import Release, Target, TargetError, UsageError
from petmesh.ramp.targets import open_cluster

_ALL = 100
_ENDING = (Phase.PROMOTING, Phase.ROLLING_BACK, Phase.STUCK)
_HEALTH_SECONDS = 60.0
_TAKEN_SECONDS = 10.0
_POLL_SECONDS = 0.1


async def status(options: Options) -> int:
    """Print who gets which requests, how both do, and where a ramp stands."""
    try:
        options = await of_ramp_or_stack(options)
    except UsageError:
        raise
    except TargetError:
        # What is told of the stack below says why.
        options = of_ramp(options)
    folder = journal_folder(options)
    runs = control.is_held(lock_folder(options))
    found: dict[str, Any] = {"stack": options.stack, "service": options.service, "running": runs}
    lines = [f"service: {options.service}"] if options.service else []
    live: Release | None = None
    try:
        target = open_cluster(options)
    except TargetError as error:
        found["liveError"] = str(error)
        lines.append(f"live: not known: {error}")
    else:
        live = await _live(target, found, lines)
    try:
        record = latest(folder)
    except JournalError as error:
        found["rampError"] = str(error)
        lines.append(f"ramp: not known: {error}")
        record = None
    if record is None:
        if "rampError" not in found:
            lines.append("ramp: none so far")
    else:
        found["ramp"] = _ramp(record)
        lines += _told(record, live, runs=runs)
    print(json.dumps(found) if options.json else "\n".join(lines))
    return 0


async def _live(target: Target, found: dict[str, Any], lines: list[str]) -> Release | None:
    try:
        live = await target.release()
        found["live"] = asdict(live)
        lines.append(f"live: {live}")
        if live.canary:
            observation = await target.observe(live, _HEALTH_SECONDS)
            found["observation"] = observation.model_dump(mode="json")
            lines += _health(live, observation)
    except TargetError as error:
        missing = "observationError" if "live" in found else "liveError"
        found[missing] = str(error)
        lines.append(f"{'health' if 'live' in found else 'live'}: not known: {error}")
        return None if missing == "liveError" else Release(**found["live"])
    else:
        return live
    finally:
        await target.close()


def _health(live: Release, observation: Observation) -> list[str]:
    lines: list[str] = []
    for version, figures in ((live.stable, observation.stable), (live.canary, observation.canary)):
        rate = figures.success_rate
        text = f"{figures.requests:.0f} requests in the last {observation.seconds:.0f} s"
        if rate is not None:
            text += f", {rate:.2f}% of them good"
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            value = figures.quantile(part)
            text += "" if value is None else f", {name} {value:.3g} ms"
        lines.append(f"  {version}: {text}")
    return lines


def _ramp(record: Record) -> dict[str, Any]:
    state = record.state
    return {
        "journal": str(record.path),
        "stable": record.header.stable,
        "canary": record.header.canary,
        "phase": state.phase.value,
        "stage": state.stage,
        "weight": state.weight,
        "mirror": state.mirror,
        "reason": state.reason,
    }


def _told(record: Record, live: Release | None, *, runs: bool) -> list[str]:
    """Where the latest ramp stands, and how that fits what is live."""
    header, state = record.header, record.state
    if state.phase in FINAL:
        lines = [f"ramp: {last_line(header, state)}"]
        if live not in _left_by(record):
            reason = f": {state.reason}" if state.reason else ""
            lines = [f"ramp: the latest one ended: {state.phase.value}: {header.canary}{reason}"]
            if live is not None:
                lines.append("  the stack was changed since, by no ramp: live is what counts")
    else:
        lines = [f"ramp: {standing(header, state)}"]
        ours = live is not None and is_of(header, live)
        if runs:
            lines.append("  a process drives it")
        elif live is not None and not ours and not is_half_promoted(record, live):
            lines.append("  the stack went on without it")
        else:
            lines.append(
                "  NO process drives it: go on with ramp --resume, or end it with rollback"
            )
            lines += _under_way(record)
        known = header.release(state.weight, state.mirror)
        if ours and live != known:
            lines.append(f"  live is {live}; the journal's last: {known}")
    lines.append(f"  journal: {record.path}")
    return lines


def _under_way(record: Record) -> list[str]:
    """The change that a process which was killed had begun: its engine may still work."""
    phase, stages = record.state.phase, record.header.plan.stages
    begun = {
        Phase.APPLYING: f"the change to {stages[record.state.stage]}",
        Phase.PROMOTING: "the promotion",
        Phase.ROLLING_BACK: "the change to weight 0",
    }.get(phase)
    return [f"  {begun} was under way: it may be in force, or come into force yet"] if begun else []


def _left_by(record: Record) -> Sequence[Release]:
    """What a ramp that ended may have left in force; a canary that didn't run any more is gone."""
    header = record.header
    if record.state.phase is Phase.PROMOTED:
        return (Release(header.canary, ""),)
    return header.release(), Release(header.stable, "")


async def rollback(options: Options) -> int:
    """Set weight 0: by the process that runs the ramp, or here where it ends before it did."""
    options = await of_ramp_or_stack(options)
    folder, lock = journal_folder(options), lock_folder(options)
    # A promotion is finished first; where it fails, the ramp has to be asked again.
    while control.is_held(lock) and await _asked(lock, options, RollBack()):
        record = await _ended(folder, lock)
        if record is not None and record.state.phase in (*FINAL, Phase.STUCK):
            _tell(options, last_line(record.header, record.state), record)
            status = exit_status(record.state)
            return 0 if status == ROLLED_BACK else status or FAILED
    with ExitStack() as held:
        for each in locks_of(folder, options):
            try:
                held.enter_context(each)
            except control.LockError as error:
                warning = f"petmesh: going back without a lock: {error}"
                print(plain(warning), file=sys.stderr)
        target = open_cluster(options)
        try:
            ended = await _roll_back_here(options, target, folder)
        finally:
            await target.close()
    if ended is None:
        return 0
    # Nobody waits for what follows: the stack is free.
    await follow_up(ended, options)
    _tell(options, last_line(ended.run.header, ended.state))
    status = exit_status(ended.state)
    return 0 if status == ROLLED_BACK else status


async def _roll_back_here(options: Options, target: Target, folder: Path) -> Ended | None:
    """End the ramp that was left, or set weight 0 where none is known."""
    live = await target.release()
    try:
        record = latest(folder)
        if record and record.state.phase not in FINAL and _fits(record, live):
            return await end(options, target, record)
    except TargetError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever is wrong with a journal, it goes back)
        warning = f"petmesh: going back by what is live, without the journal: {error}"
        print(plain(warning), file=sys.stderr)
    if not live.canary:
        raise TargetError(f"stack {options.stack}: there is no canary to roll back: {live}")
    await target.apply(Release(live.stable, live.canary))
    _tell(options, f"rolled back: {live.canary} is at weight 0, {live.stable} gets every request")
    return None


def _fits(record: Record, live: Release) -> bool:
    return is_of(record.header, live) or is_half_promoted(record, live)


async def promote(options: Options, *, now: bool) -> int:
    """Make the canary the stable version, or open the gate before that.

    Args:
        options: the stack and its place.
        now: whether it may be promoted from any weight.
    """
    options = await of_ramp_or_stack(options)
    folder = journal_folder(options)
    if control.is_held(lock_folder(options)):
        return await _approve(options, PROMOTION)
    with held_stack(folder, options):
        record = latest(folder)
        target = open_cluster(options)
        try:
            live = await target.release()
            if not live.canary:
                raise TargetError(f"stack {options.stack}: there is no canary to promote: {live}")
            unfinished = record and record.state.phase not in FINAL and _fits(record, live)
            if record and unfinished:
                raise TargetError(
                    f"a ramp is unfinished, {standing(record.header, record.state)}; "
                    "go on with ramp --resume, or end it with rollback"
                )
            if live.weight != _ALL and not now:
                raise TargetError(
                    f"the canary is at weight {live.weight}: a promotion moves every request "
                    "at once; run ramp, or promote --now"
                )
            await target.promote(live)
            _tell(options, f"promoted: {live.canary} is the stable version and gets every request")
        finally:
            await target.close()
    return PROMOTED


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
    ramp = {"ramp": _ramp(record)} if record else {}
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
