"""Whose ramp a command is about, where a stack has several releases."""

from dataclasses import replace
from typing import TypeVar

from petmesh.ramp.locations import check_names, recorded, running
from petmesh.ramp.options import Options
from petmesh.ramp.target import UsageError
from petmesh.ramp.targets import open_cluster

_O = TypeVar("_O", bound=Options)


async def of_stack(options: _O) -> _O:
    """The options with a service: the one given, or the stack's own.

    Raises:
        UsageError: it must be given, or the stack has no such service.
        TargetError: the stack can't be asked.
    """
    check_names(options)
    if options.service or options.target != "cluster":
        return options
    target = open_cluster(options)
    try:
        return replace(options, service=await target.service())
    finally:
        await target.close()


async def of_ramp_or_stack(options: Options) -> Options:
    """The options with a service: the one given, the one whose ramp runs, or the stack's own.

    Raises what `of_stack` does.
    """
    check_names(options)
    if options.service or options.target != "cluster":
        return options
    if ramped := _only(running(options)):
        return replace(options, service=ramped)
    return await of_stack(options)


def of_ramp(options: Options) -> Options:
    """The options with a service: the one given, whose ramp runs, or of which there are journals.

    The stack isn't asked. Where there is no such service, it stays empty.

    Raises:
        UsageError: there are several.
    """
    check_names(options)
    if options.service or options.target != "cluster":
        return options
    known = running(options) or ([] if options.journal else recorded(options))
    return replace(options, service=_only(known))


def _only(names: list[str]) -> str:
    if len(names) > 1:
        raise UsageError(f"--service: must be given, one of {', '.join(names)}")
    return names[0] if names else ""
