"""The command `petmesh test`: a mesh's expectations, on a rehearsal of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from petmesh.cli import live
from petmesh.cli.errors import FAILED, program_errors
from petmesh.cli.rehearse import ControlPlaneName, Lenient, Paths, SettingsFile, console
from petmesh.cli.values import Config, JsonFile, Stack, whole_between, writable

if TYPE_CHECKING:
    from petmesh.expectations.model import Expectation
    from petmesh.expectations.suite import Suite
    from petmesh.expectations.validator.cases import Case
    from petmesh.rehearsal.inputs import Input
    from petmesh.rehearsal.rehearse import ControlPlane

app = typer.Typer()


@app.command("test", rich_help_panel="Rehearsal")
def run_expectations(
    paths: Paths,
    *,
    expectations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="By default expectations.yaml beside PATH."),
    ] = None,
    validator_tests: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="A test file of istio-config-validator, or a folder; repeatable."
        ),
    ] = None,
    stack: Stack = "local",
    config: Config = None,
    settings: SettingsFile = None,
    lenient: Lenient = False,
    control_plane: ControlPlaneName = "translation",
    only: Annotated[
        str, typer.Option(metavar="TEXT", help="Those alone whose name contains it.")
    ] = "",
    fail_under: Annotated[
        int,
        typer.Option(
            parser=whole_between(0, 100), metavar="PERCENT", help="Fail at a lower coverage."
        ),
    ] = 0,
    junit: Annotated[
        str | None, typer.Option(parser=writable, metavar="FILE", help="Write JUnit XML there.")
    ] = None,
    json_file: JsonFile = None,
    markdown: Annotated[
        str | None, typer.Option(parser=writable, metavar="FILE", help="Write Markdown there.")
    ] = None,
    target: live.Target = live.TargetName.REHEARSAL,
    address: live.Address = "",
    ca: live.Authority = None,
    allow_pods: live.AllowPods = "",
    pod_image: live.PodImage = "",
) -> int:
    """Test a mesh's expectations on this machine, and tell what none of them reached.

    Exit status 1 where one isn't met, with a line for each miss: what came, and which object
    decided. With --target cluster a live cluster is asked instead; what it can't be asked is
    skipped and listed, and the exit status is 1 too where nothing is left.
    """
    options = live.LiveOptions(address, ca, allow_pods, pod_image)
    live.check(options, target, measured=bool(fail_under or validator_tests))
    with program_errors():
        from petmesh.expectations.validator.cases import read_cases
        from petmesh.expectations.validator.surroundings import surrounded
        from petmesh.rehearsal.inputs import declared, folder_of, input_of
        from petmesh.rehearsal.settings import SettingsError

        if fail_under and control_plane == "istiod":
            raise SettingsError(
                f"--fail-under = {fail_under}: no coverage is counted with --control-plane istiod"
            )
        cases = read_cases(validator_tests or ())
        declaration = declared(paths, stack, dict(config or ()))
        read = input_of(
            surrounded(declaration) if cases else declaration,
            folder_of(paths[0]),
            settings=settings,
            lenient=lenient,
        )
        found = _expectations(paths[0], expectations or read.expectations, needed=not cases)
        chosen = [each for each in found if only in each.title]
        cases = [each for each in cases if only in each.description]
        if not chosen and not cases:
            raise SettingsError(f"--only = {only}: no expectation's name contains it")
        if cases:
            print("\n".join(read.declaration.warnings), file=sys.stderr)
        if target is live.TargetName.CLUSTER:
            place = address or live.address_of(paths[0], stack)
            suite = live.ask_cluster(read, chosen, options, place)
        else:
            suite = asyncio.run(_test(read, chosen, cases, control_plane))
    from petmesh.expectations import output

    written = ((junit, output.junit), (json_file, output.as_json), (markdown, output.markdown))
    for file, text in written:
        if file == "-":
            sys.stdout.write(text(suite))
        elif file:
            Path(file).write_text(text(suite), encoding="utf-8")
    if "-" not in (junit, json_file, markdown):
        output.print_suite(suite, console())
    below = suite.percent < fail_under
    if below:
        print(f"coverage {suite.percent:.1f}% is under {fail_under}%", file=sys.stderr)
    return FAILED if suite.failed or below or suite.skipped == len(suite.results) else 0


def _expectations(path: str, file: Path | None, *, needed: bool) -> tuple[Expectation, ...]:
    from petmesh.expectations.model import read_expectations
    from petmesh.manifests.documents import EXPECTATIONS
    from petmesh.rehearsal.settings import SettingsError

    if file:
        return read_expectations(file)
    if needed:
        raise SettingsError(f"{path}: has no {EXPECTATIONS} beside it: --expectations FILE")
    return ()


async def _test(
    read: Input, expectations: list[Expectation], cases: list[Case], control_plane: ControlPlane
) -> Suite:
    from petmesh.expectations.suite import run
    from petmesh.rehearsal.lint import of_no_effect
    from petmesh.rehearsal.rehearse import running

    for line in of_no_effect(read.mesh):
        print(f"warning: {line}", file=sys.stderr)
    async with running(read, control_plane=control_plane) as runtime:
        return await run(runtime, expectations, cases)
