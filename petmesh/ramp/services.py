"""Whose ramp a command is about, where a stack has several releases."""

from collections.abc import Sequence
from dataclasses import replace

from petmesh.ramp.locations import check_names, recorded, running
from petmesh.ramp.options import Options, ramped
from petmesh.ramp.target import UsageError
from petmesh.ramp.targets import open_cluster


async def of_ramp_or_stack(options: Options) -> Options:
    """The options with what is ramped: what is given, what a process ramps, or the stack's own.

    Raises:
        UsageError: it must be given, or the stack has no such service.
        TargetError: the stack can't be asked.
    """
    check_names(options)
    if options.name or options.target != "cluster":
        return options
    if name := _only(running(options)):
        return replace(options, **ramped(name))
    target = open_cluster(options)
    try:
        [service] = await target.services()
        return replace(options, service=service)
    finally:
        await target.close()


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


def _only(names: Sequence[str]) -> str:
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
