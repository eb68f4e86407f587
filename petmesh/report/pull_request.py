"""The pull request's report: what a change of this checkout comes to, as short Markdown."""

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from petmesh.arguments import config_pair
from petmesh.guardrails.in_process import violations
from petmesh.guardrails.pack import RULES
from petmesh.host.processes import ProcessError
from petmesh.mesh.fields import RefusedError
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.difference import Difference, differences, outputs
from petmesh.program.placeholders import with_placeholders
from petmesh.program.program import declare
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session
from petmesh.rehearsal.split import Split, measure_split
from petmesh.report.base_checkout import Base, BaseError, base_of, changed_files, declaration_of
from petmesh.report.image_inputs import built_anew
from petmesh.report.review import Review, markdown

FAILED, MISTAKEN = 1, 2
REQUESTS = 2000


def main(arguments: Sequence[str]) -> int:
    """Write the report; returns 0, 1 where something of it must be mended, 2 for a mistake."""
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    if options.output != "-" and (output.is_dir() or not os.access(output.parent, os.W_OK)):
        print(
            f"pr-report: OUTPUT = {output}: must be a file in a folder that can be written",
            file=sys.stderr,
        )
        return MISTAKEN
    try:
        with base_of(options.base) as base:
            overrides = dict(options.config)
            reviews = [_review(each, base, overrides, options.requests) for each in options.stacks]
            text = markdown(reviews, base.name, base.commit)
    except BaseError as error:
        print(f"pr-report: {error}", file=sys.stderr)
        return MISTAKEN
    if options.output == "-":
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
    return FAILED if any(review.problems for review in reviews) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pr-report", description=__doc__)
    parser.add_argument("--base", default="main", help="what to compare with (default: main)")
    parser.add_argument(
        "--stacks", nargs="+", default=["dev"], metavar="STACK", help="which (default: dev)"
    )
    parser.add_argument(
        "--config",
        action="append",
        type=config_pair,
        default=[],
        metavar="KEY=VALUE",
        help="a config value that wins over the stacks' here, not at the base; may be given again",
    )
    parser.add_argument(
        "--output", default="-", metavar="FILE", help="where to write it (default: stdout)"
    )
    parser.add_argument(
        "--requests",
        type=_count,
        default=REQUESTS,
        metavar="N",
        help=f"requests that measure the canary's share; 0 for none (default: {REQUESTS})",
    )
    return parser


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() else -1
    if count and not 100 <= count <= 1_000_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text}: must be 0 or a whole number from 100 to 1000000")
    return count


def _review(stack: str, base: Base, overrides: Mapping[str, str], requests: int) -> Review:
    """What a change comes to in a stack, whatever the program under review raises."""
    _progress(f"{stack}: declaring it, here and at {base.commit[:7]}")
    try:
        return _reviewed(stack, base, overrides, requests)
    except ProgramError as error:
        return Review(stack=stack, problems=tuple(str(error).splitlines()))
    except Exception as error:  # noqa: BLE001 (whatever it raises)
        return Review(stack=stack, problems=(_crash(error),))


def _reviewed(stack: str, base: Base, overrides: Mapping[str, str], requests: int) -> Review:
    overrides = with_placeholders(stack, overrides, encrypted=True)
    declaration = declare(stack, overrides)
    problems = [str(violation) for violation in violations(declaration)]
    try:
        changes = _changes(base, declaration)
    except BaseError as error:
        changes = None
        problems.append(str(error))
    split = None
    if requests and declaration.config.get(f"{declaration.project}:canaryVersion"):
        _progress(f"{stack}: rehearsing its canary with {requests:,} requests")
        split = asyncio.run(_rehearse(stack, overrides, requests))
        problems.extend(split.problems)
    return Review(
        stack=stack,
        declared=sum(resource.custom for resource in declaration.resources),
        rules=len(RULES),
        compared=changes is not None,
        differences=changes or (),
        split=split,
        problems=tuple(problems),
    )


def _changes(base: Base, declaration: Declaration) -> tuple[Difference, ...]:
    before, after = declaration_of(base, declaration.stack), declaration.resources
    if not before.resources:
        return differences((), after)
    built = built_anew(after, changed_files(base))
    return (*differences(before.resources, after, built), *outputs(before, declaration))


async def _rehearse(stack: str, overrides: Mapping[str, str], requests: int) -> Split:
    """The canary's share of a stack as it is configured, measured through real Envoy."""
    try:
        runtime = Runtime(new_folder())
    except ProcessError as error:
        return Split(problems=(f"rehearsal: {error}",))
    try:
        session = Session(runtime, stack, overrides)
        await session.start()
        return await measure_split(session, requests)
    except (ProgramError, RefusedError, ProcessError, OSError) as error:
        return Split(problems=tuple(f"rehearsal: {line}" for line in str(error).splitlines()))
    except Exception as error:  # noqa: BLE001 (whatever the stack under review leads to)
        return Split(problems=(f"rehearsal: {_crash(error)}",))
    finally:
        await runtime.stop()


def _crash(error: Exception) -> str:
    """An error that nobody foresaw, in one line; where it came from is for the log."""
    traceback.print_exception(error)
    return " ".join(f"{type(error).__name__}: {error}".split())


def _progress(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
