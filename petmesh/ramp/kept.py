"""The version that a promotion keeps running without a request, to go back to in seconds."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from petmesh.program.exported import ExportedRelease
from petmesh.ramp.stack_state import Exported, StackState, workload_of
from petmesh.ramp.target import Release, Releases, TargetError

NEXT_RELEASE: Final = "nextRelease"
_TIME: Final = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Keeping:
    """What a promotion does with the versions that it leaves.

    Attributes:
        values: the config values that keep them, by their paths.
        before: the values of the same keys before it.
        ends: the workloads that its update may delete.
    """

    values: Mapping[str, str]
    before: Mapping[str, str]
    ends: Collection[str]


@dataclass(frozen=True)
class Kept:
    """A version that a promotion kept, and that runs.

    Attributes:
        version: it.
        until: when it ends, as the config has it; empty for with the next promotion.
    """

    version: str
    until: str

    def __str__(self) -> str:
        return f"{self.version}, until {self.until or 'the next promotion'}"


def keeping(exported: Exported, releases: Releases, at: datetime) -> Keeping:
    """What a promotion does with the versions that it leaves.

    Args:
        exported: the services' entries in the output `releases`.
        releases: those that are promoted, with the stable versions that are left.
        at: when that is.

    Raises:
        TargetError: the output doesn't say how long one is kept, or names no workload of it.
    """
    values, before, ends = dict[str, str](), dict[str, str](), set[str]()
    for service, each in releases.items():
        entry = exported[service]
        values |= _kept(entry, each.stable, at)
        before |= _values(entry, entry.previous, entry.previous_until)
        if not entry.keep_previous:
            ends.add(workload_of(entry, each.stable))
        if entry.previous:
            ends.add(workload_of(entry, entry.previous))
    return Keeping(values, before, ends)


def previous_of(state: StackState, exported: ExportedRelease, live: Release) -> str:
    """The version that was kept and runs beside the live one; empty for none.

    An update of the route alone, as the way back is, leaves the output as it was: after it the
    version that was kept is the one that the output has as stable.
    """
    known = (exported.previous, exported.stable) if exported.previous else ()
    for version in known:
        if version != live.stable and state.runs(exported, version):
            return version
    return ""


def way_back(exported: ExportedRelease, live: Release, at: datetime) -> Mapping[str, str]:
    """The config values by which the version that is left is kept in the previous one's place."""
    if exported.keep_previous:
        return _kept(exported, live.stable, at)
    return _values(exported, live.stable, exported.previous_until)


def _kept(exported: ExportedRelease, old: str, at: datetime) -> Mapping[str, str]:
    """The values that keep a version, or that end one where none is to be kept."""
    keep = exported.keep_previous
    if not keep:
        return _values(exported, "", None) if exported.previous else {}
    if keep == NEXT_RELEASE:
        return _values(exported, old, None)
    if not (time := _TIME.fullmatch(keep)):
        raise TargetError(
            f"output releases.{exported.service}.keepPrevious = {keep}: must be {NEXT_RELEASE}, or "
            "a time such as 24h"
        )
    return _values(exported, old, at + timedelta(**{_UNITS[time[2]]: int(time[1])}))


def _values(exported: ExportedRelease, previous: str, until: datetime | None) -> Mapping[str, str]:
    keys = exported.config
    if not (keys.previous and keys.previous_until):
        return {}
    end = f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if until else ""
    return {keys.previous: previous, keys.previous_until: end}
