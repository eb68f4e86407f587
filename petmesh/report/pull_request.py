"""Writes the pull request's report: what this checkout changes, as short Markdown."""

import asyncio
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from petmesh.expectations.model import read_expectations
from petmesh.expectations.suite import Suite, run
from petmesh.guardrails.in_process import violations
from petmesh.guardrails.pack import RULES
from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.difference import Difference, differences, outputs
from petmesh.program.exported import ExportedRelease, ExportError, read_releases
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.rehearse import running
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session
from petmesh.rehearsal.settings import SettingsError
from petmesh.rehearsal.split import Split, measure_split
from petmesh.report.base_checkout import Base, BaseError, base_of, changed_files, declaration_of
from petmesh.report.image_inputs import built_anew
from petmesh.report.review import Review, markdown


def reviewed(
    stacks: Sequence[str],
    base: str,
    overrides: Mapping[str, str],
    requests: int,
    expectations: Path | None = None,
) -> tuple[str, bool]:
    """Return the report on stacks, and whether it has any problem.

    Args:
        stacks: the stacks' names.
        base: the revision to compare with.
        overrides: config values that override the stacks' here, not at the base.
        requests: the number that measures the canary's share; 0 for none.
        expectations: the file of those that each stack's mesh is tested by; None for none.

    Raises:
        BaseError: there is no such base.
    """
    with base_of(base) as found:
        reviews = [_review(each, found, overrides, requests, expectations) for each in stacks]
        text = markdown(reviews, found.name, found.commit)
    return text, any(review.problems or review.unmet for review in reviews)


def _review(
    stack: str,
    base: Base,
    overrides: Mapping[str, str],
    requests: int,
    expectations: Path | None,
) -> Review:
    """Review one stack, whatever exception the program under review raises."""
    _progress(f"{stack}: declaring it, here and at {base.commit[:7]}")
    try:
        return _reviewed(stack, base, overrides, requests, expectations)
    except ProgramError as error:
        return Review(stack=stack, problems=tuple(str(error).splitlines()))
    except Exception as error:  # noqa: BLE001 (whatever it raises)
        return Review(stack=stack, problems=(_crash(error),))


def _reviewed(
    stack: str,
    base: Base,
    overrides: Mapping[str, str],
    requests: int,
    expectations: Path | None,
) -> Review:
    overrides = with_placeholders(stack, overrides, encrypted=True)
    declaration = declare(stack, overrides)
    problems = [str(violation) for violation in violations(declaration)]
    try:
        changes = _changes(base, declaration)
    except BaseError as error:
        changes = None
        problems.append(str(error))
    splits: tuple[Split, ...] = ()
    if requests and (canaries := _with_canary(declaration)):
        told = ", ".join(each.service for each in canaries)
        _progress(f"{stack}: rehearsing the canary of {told} with {requests:,} requests")
        splits = asyncio.run(_rehearse(stack, overrides, canaries, requests))
        problems.extend(problem for split in splits for problem in split.problems)
    tested = None
    if expectations:
        _progress(f"{stack}: testing its expectations")
        tested = asyncio.run(_test(stack, overrides, expectations))
        problems.extend(tested if isinstance(tested, list) else ())
    return Review(
        stack=stack,
        tested=None if isinstance(tested, list) else tested,
        declared=sum(resource.custom for resource in declaration.resources),
        rules=len(RULES),
        compared=changes is not None,
        differences=changes or (),
        splits=splits,
        problems=tuple(problems),
    )


def _changes(base: Base, declaration: Declaration) -> tuple[Difference, ...]:
    before, after = declaration_of(base, declaration.stack), declaration.resources
    if not before.resources:
        return differences((), after)
    built = built_anew(after, changed_files(base))
    return (*differences(before.resources, after, built), *outputs(before, declaration))


def _with_canary(declaration: Declaration) -> Sequence[ExportedRelease]:
    """Return the releases that have a canary."""
    try:
        return [each for each in read_releases(declaration.outputs).values() if each.canary]
    except ExportError as error:
        raise ProgramError(f"stack {declaration.stack}: {error}") from error


async def _rehearse(
    stack: str, overrides: Mapping[str, str], canaries: Sequence[ExportedRelease], requests: int
) -> tuple[Split, ...]:
    """Measure each canary's share at its declared weight, through real Envoy."""
    try:
        runtime = Runtime(new_folder())
    except ProcessError as error:
        return (Split(problems=(f"rehearsal: {error}",)),)
    try:
        session = Session(runtime, stack, overrides)
        await session.start()
        return tuple([await measure_split(session, each, requests) for each in canaries])
    except (ProgramError, RefusedError, ProcessError, OSError) as error:
        return (Split(problems=tuple(f"rehearsal: {line}" for line in str(error).splitlines())),)
    except Exception as error:  # noqa: BLE001 (whatever the stack under review leads to)
        return (Split(problems=(f"rehearsal: {_crash(error)}",)),)
    finally:
        await runtime.stop()


async def _test(stack: str, overrides: Mapping[str, str], expectations: Path) -> Suite | list[str]:
    """Return the result of a stack's expectations, or why they couldn't be tested."""
    try:
        found = read_expectations(expectations)
        async with running(read_input((str(ROOT),), stack, overrides)) as runtime:
            return await run(runtime, found)
    except (SettingsError, ProgramError, RefusedError, ProcessError, OSError) as error:
        return [f"expectations: {line}" for line in str(error).splitlines()]


def _crash(error: Exception) -> str:
    """Return an unexpected exception in one line; its traceback goes to the log."""
    traceback.print_exception(error)
    return " ".join(f"{type(error).__name__}: {error}".split())


def _progress(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
