"""What is live, how it does, and where a ramp stands."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from petmesh.ramp import control
from petmesh.ramp.journal import JournalError, Record, latest
from petmesh.ramp.locations import journal_folder, lock_folder
from petmesh.ramp.machine import FINAL, Phase
from petmesh.ramp.measurements import Observation
from petmesh.ramp.options import Options
from petmesh.ramp.outcome import last_line, standing
from petmesh.ramp.ramping import is_half_promoted, is_of, told
from petmesh.ramp.services import AskedStack, of_ramp
from petmesh.ramp.target import Observations, Release, Releases, TargetError, UsageError

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget

_HEALTH_SECONDS = 60.0


async def show_status(options: Options) -> int:
    """Print who gets which requests, how both do, and where a ramp stands."""
    async with AskedStack(options) as stack:
        try:
            options = await stack.named()
        except UsageError:
            raise
        except TargetError:
            # What is told of the stack below says why.
            options = of_ramp(options)
        await _show(options, stack)
    return 0


async def _show(options: Options, stack: AskedStack) -> None:
    runs = control.is_held(lock_folder(options))
    found: dict[str, Any] = {
        "stack": options.stack,
        "service": options.service,
        "group": options.group,
        "running": runs,
    }
    kind = "group" if options.group else "service"
    lines = [f"{kind}: {options.what}"] if options.name else []
    live: Releases | None = None
    try:
        target = stack.target()
        live = await target.releases()
        await _tell_live(target, live, found, lines)
    except TargetError as error:
        found["liveError"] = str(error)
        lines.append(f"live: not known: {error}")
    record: Record | None = None
    try:
        record = latest(journal_folder(options))
    except JournalError as error:
        found["rampError"] = str(error)
        lines.append(f"ramp: not known: {error}")
    else:
        if record is None:
            lines.append("ramp: none so far")
    if record is not None:
        found["ramp"] = ramp_json(record)
        lines += _told(record, live, runs=runs)
    print(json.dumps(found) if options.json else "\n".join(lines))


async def _tell_live(
    target: "ClusterTarget", live: Releases, found: dict[str, Any], lines: list[str]
) -> None:
    """Who gets which requests, how the versions do, and what is kept beside them."""
    found["live"] = {service: asdict(each) for service, each in live.items()}
    with_canary = {service: each for service, each in live.items() if each.canary}
    seen: Observations = {}
    try:
        if with_canary:
            seen = await target.observe(with_canary, _HEALTH_SECONDS)
    except TargetError as error:
        found["observationError"] = str(error)
        lines += [*_who(live), f"health: not known: {error}"]
    else:
        found["observations"] = {
            service: each.model_dump(mode="json") for service, each in seen.items()
        }
        lines += _who(live, seen)
    kept = await target.kept()
    found["kept"] = {service: asdict(each) for service, each in kept.items()}
    for service, each in kept.items():
        of = f" {service}:" if len(live) > 1 else ""
        lines.append(f"kept:{of} {each}")


def _who(live: Releases, seen: Observations | None = None) -> list[str]:
    """Who gets which requests, and how the versions do."""
    lines: list[str] = []
    for service, each in live.items():
        of = f" {service}:" if len(live) > 1 else ""
        lines.append(f"live:{of} {each}")
        if seen and service in seen:
            lines += _health(each, seen[service])
    return lines


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


def ramp_json(record: Record) -> dict[str, Any]:
    """A ramp as JSON: what it is of, and where it stands."""
    state = record.state
    return {
        "journal": str(record.path),
        "group": record.header.group,
        "members": [each.model_dump() for each in record.header.members],
        "phase": state.phase.value,
        "stage": state.stage,
        "weight": state.weight,
        "mirror": state.mirror,
        "reason": state.reason,
    }


def _told(record: Record, live: Releases | None, *, runs: bool) -> list[str]:
    """Where the latest ramp stands, and how that fits what is live."""
    header, state = record.header, record.state
    if state.phase in FINAL:
        lines = [f"ramp: {last_line(header, state)}"]
        if live is None or not _is_left_by(record, live):
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
        known = header.releases(state.weight, state.mirror)
        if live is not None and ours and live != known:
            lines.append(f"  live is {told(live)}; the journal's last: {told(known)}")
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


def _is_left_by(record: Record, live: Releases) -> bool:
    """Whether a ramp that ended may have left it; a canary that didn't run any more is gone."""
    ours = record.header.releases()
    promoted = record.state.phase is Phase.PROMOTED
    return live.keys() == ours.keys() and all(
        live[service] in ((each.promoted,) if promoted else (each, Release(each.stable, "")))
        for service, each in ours.items()
    )
