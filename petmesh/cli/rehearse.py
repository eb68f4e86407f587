"""The command `petmesh rehearse`: a mesh on this machine, and what of it is reachable."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from petmesh.cli.errors import FAILED, program_errors
from petmesh.cli.values import Config, Stack, Ui, UiPort, whole_between

if TYPE_CHECKING:
    from rich.console import Console

    from petmesh.rehearsal.inputs import Input
    from petmesh.rehearsal.rehearse import ControlPlane
    from petmesh.rehearsal.runtime import Runtime
    from petmesh.rehearsal.session import Session
    from petmesh.ui.controls import Controls
    from petmesh.ui.server import Links

_WIDTH = 120
_CHECK_SECONDS = 0.5
app = typer.Typer()
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="A Pulumi program's folder, or Kubernetes YAML: files, folders, - for stdin.",
        show_default=False,
    ),
]
Lenient = Annotated[
    bool,
    typer.Option("--lenient", help="List what the rehearsal doesn't know instead of refusing it."),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="How workloads run: by default rehearsal.yaml beside PATH.",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        parser=whole_between(1, 65535), metavar="PORT", help="The first gateway's first port."
    ),
]


ControlPlaneName = Annotated[
    Literal["translation", "istiod"],
    typer.Option(
        help="What configures the Envoys: the translation, or istiod by the path in ISTIOD.",
    ),
]


class Started(NamedTuple):
    """What is started: a mesh, the first gateway's first port, and what configures the proxies."""

    read: Input
    port: int | None
    control_plane: ControlPlane
    compare: str | None


@app.command(rich_help_panel="Rehearsal")
def rehearse(
    paths: Paths,
    *,
    stack: Stack = "local",
    config: Config = None,
    settings: SettingsFile = None,
    lenient: Lenient = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")] = False,
    port: Port = None,
    control_plane: ControlPlaneName = "translation",
    compare: Annotated[
        str | None,
        typer.Option(metavar="ISTIOD", help="With istiod: another one, and what it would change."),
    ] = None,
    ui: Ui = False,
    ui_port: UiPort = None,
    left_out: Annotated[
        bool, typer.Option("--left-out", help="List all that is left out, with the reasons.")
    ] = False,
) -> int:
    """Run a mesh on this machine with a real Envoy for each pod, and show what is reachable.

    A workload runs as rehearsal.yaml beside PATH says; without an entry a stand-in answers.
    Where there is an expectations.yaml beside it, its expectations are tested, as by petmesh test.
    """
    with program_errors():
        from petmesh.rehearsal.inputs import is_program, read_input
        from petmesh.rehearsal.settings import SettingsError

        if compare and control_plane != "istiod":
            raise SettingsError(f"--compare = {compare}: needs --control-plane istiod")
        overrides = dict(config or ())
        read = read_input(paths, stack, overrides, settings=settings, lenient=lenient)
        started = Started(read, port, control_plane, compare)
        if ui or ui_port:
            root = Path(paths[0]).resolve() if is_program(paths[0]) else None
            changed = _Program(root, stack, overrides, lenient) if root else None
            title = ", ".join(paths)
            return asyncio.run(_look(started, changed, title, ui_port, left_out=left_out))
        return asyncio.run(_rehearse(started, keep=keep, left_out=left_out))


def console() -> Console:
    """Return a console as wide as the terminal, or for a file wide enough for tables."""
    from rich.console import Console

    probe = Console()
    return Console(width=probe.width if probe.is_terminal else _WIDTH, highlight=False)


async def _rehearse(started: Started, *, keep: bool, left_out: bool) -> int:
    from petmesh.rehearsal.overview import (
        print_addresses,
        print_changes,
        print_input,
        print_omissions,
        print_reach,
    )
    from petmesh.rehearsal.rehearse import running

    read, out = started.read, console()
    print_input(read, out)
    async with running(*started) as runtime:
        await print_reach(runtime, out)
        print_changes(runtime, out)
        print_omissions(read, out, every=left_out)
        failed = await _expect(read, runtime, out)
        if keep:
            print_addresses(runtime, out)
            await asyncio.Event().wait()
    return FAILED if failed else 0


class _Program(NamedTuple):
    """A program whose config may be changed while its mesh runs."""

    root: Path
    stack: str
    overrides: Mapping[str, str]
    lenient: bool


async def _look(
    started: Started,
    program: _Program | None,
    title: str,
    ui_port: int | None,
    *,
    left_out: bool,
) -> int:
    """Keep a mesh running with its page; what is reachable is on the page."""
    from petmesh.rehearsal.overview import (
        print_addresses,
        print_changes,
        print_input,
        print_omissions,
    )
    from petmesh.rehearsal.rehearse import running
    from petmesh.ui.rehearsal import RehearsalPage, Rehearsed
    from petmesh.ui.server import Page, served

    read, out = started.read, console()
    print_input(read, out)
    page = Page()
    async with running(*started) as runtime, served(page, ui_port) as links:
        print_changes(runtime, out)
        print_omissions(read, out, every=left_out)
        await _expect(read, runtime, out)
        rehearsed = Rehearsed(runtime, lambda: read.declaration, title, read.settings)
        if program:
            session, controls = _changing(read, runtime, program)
            rehearsed = Rehearsed(
                runtime, lambda: session.declaration, title, read.settings, controls
            )
        shown = RehearsalPage(page, rehearsed)
        async with shown.running():
            print_addresses(runtime, out)
            print_links(links, out)
            while True:
                runtime.check()
                await asyncio.sleep(_CHECK_SECONDS)


def _changing(read: Input, runtime: Runtime, program: _Program) -> tuple[Session, Controls]:
    """Return a session of a mesh that runs, and what of its config the page changes."""
    from petmesh import project
    from petmesh.rehearsal.session import Session
    from petmesh.ui.controls import Controls

    session = Session(
        runtime, program.stack, program.overrides, program.root, lenient=program.lenient
    )
    session.take_up(read.declaration)
    file = program.root / project.FILE
    switches = project.read(file).switches if file.is_file() else {}
    return session, Controls(session, switches)


def print_links(links: Links, out: Console) -> None:
    """Print a page's links; whoever has one may use it."""
    out.print("\nTo look at, with all rights and to read alone:")
    for link in (links.writing, links.reading):
        out.print(f"  {link}", soft_wrap=True, markup=False)


async def _expect(read: Input, runtime: Runtime, out: Console) -> int:
    """Test the expectations beside the input, and return how many weren't met."""
    from petmesh.expectations.model import read_expectations
    from petmesh.expectations.output import print_suite
    from petmesh.expectations.suite import run

    if read.expectations is None:
        return 0
    suite = await run(runtime, read_expectations(read.expectations))
    out.print()
    print_suite(suite, out)
    return suite.failed
