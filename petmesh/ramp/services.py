"""Whose ramp a command is about, where a stack has several releases."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from petmesh.ramp.journal import JournalError, latest
from petmesh.ramp.locations import check_names, journal_folder, recorded, running
from petmesh.ramp.machine import FINAL
from petmesh.ramp.options import Options, ramped
from petmesh.ramp.target import UsageError
from petmesh.ramp.targets import open_cluster

if TYPE_CHECKING:
    from petmesh.ramp.cluster import ClusterTarget


class AskedStack:
    """The stack that a command is about: opened once, and no earlier than it is needed.

    Args:
        options: what the command is given.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._target: ClusterTarget | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._target is not None:
            await self._target.close()

    async def named(self) -> Options:
        """The options with what is ramped: what is given, what a process ramps, or the stack's own.

        Raises:
            UsageError: it must be given, as where the ramp of another was left, or the stack has
                no such service.
            TargetError: the stack can't be asked.
        """
        options = self._options
        check_names(options)
        if not options.name and options.target == "cluster":
            own = self.target().services
            name = _only(running(options)) or _only([*await own(), *_left(options)])
            self._options = replace(options, **ramped(name))
        return self._options

    def target(self) -> "ClusterTarget":
        """The stack, open.

        Raises what `open_cluster` does.
        """
        if self._target is None:
            self._target = open_cluster(self._options)
        return self._target


def of_ramp(options: Options) -> Options:
    """The options with what is ramped: what is given, what a process ramps, or has journals.

    The stack isn't asked. Where there is nothing, it stays empty.

    Raises:
        UsageError: there are several.
    """
    check_names(options)
    if options.name or options.target != "cluster":
        return options
    known = running(options) or ([] if options.journal else recorded(options))
    return replace(options, **ramped(_only(known)))


def _left(options: Options) -> list[str]:
    """Whose ramp was left before it ended, by the journals in the program's folder."""
    left: list[str] = []
    for name in [] if options.journal else recorded(options):
        # A journal that can't be read is told of by who needs it.
        with suppress(JournalError, OSError):
            record = latest(journal_folder(replace(options, **ramped(name))))
            if record is not None and record.state.phase not in FINAL:
                left.append(name)
    return left


def _only(names: Sequence[str]) -> str:
    names = sorted({*names})
    if not names[1:]:
        return "".join(names)
    found = [ramped(name) for name in names]
    if not any(each["group"] for each in found):
        raise UsageError(f"--service: must be given, one of {', '.join(names)}")
    told = (
        f"--group {each['group']}" if each["group"] else f"--service {each['service']}"
        for each in found
    )
    raise UsageError(f"--service or --group: must be given, one of {', '.join(told)}")
