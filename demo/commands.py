"""The commands `demo`, `faults` and `users`, which petmesh.yaml adds to `petmesh`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from petmesh.cli.errors import program_errors
from petmesh.cli.values import (
    Config,
    JsonFile,
    Percents,
    Stack,
    UiPort,
    percents,
    whole_between,
    writable,
)

if TYPE_CHECKING:
    from demo.display import Display
    from demo.scenes.scene import Scene
    from petmesh.rehearsal.session import Session

_WEIGHTS = Percents((0, 10, 25, 50, 100, 0))
_MOST_REQUESTS = 1_000_000
Weights = Annotated[
    Percents,
    typer.Option(
        parser=percents,
        metavar="W,W,...",
        help="Each canary's weights in percent, in order.",
        show_default=",".join(map(str, _WEIGHTS)),
    ),
]
app = typer.Typer()
_requests = whole_between(100, _MOST_REQUESTS)


@app.command(rich_help_panel="Demo")
def demo(
    *,
    stack: Stack = "local",
    config: Config = None,
    weights: Weights = _WEIGHTS,
    requests: Annotated[
        int,
        typer.Option(
            parser=_requests,
            metavar="N",
            envvar="REQUESTS",
            help="The number of requests that measures each weight.",
        ),
    ] = 2000,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Play no scenes: keep the mesh and a page of it running until Ctrl-C; a change of "
            "the stack's config is applied at once.",
        ),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            parser=whole_between(1, 65535),
            metavar="PORT",
            help="The ingress's port.",
            show_default="any free port; 8080 with --keep",
        ),
    ] = None,
    ui_port: UiPort = None,
    json: JsonFile = None,
) -> int:
    """Rehearse a stack on this machine with real Envoy: its services, and its canary by weight."""
    with program_errors():
        from demo import play, playlists

        def scenes_of(session: Session, display: Display) -> AsyncIterator[Scene]:
            return playlists.demo(session, weights, requests, display.progress)

        overrides = dict(config or ())
        if keep:
            return play.run(play.keep(stack, overrides, port, ui_port))
        return play.run(
            play.play(scenes_of, stack, overrides, play.OutputFiles(json), play.RunOptions(port))
        )


@app.command(rich_help_panel="Demo")
def faults(
    *,
    stack: Stack = "local",
    config: Config = None,
    requests: Annotated[
        int,
        typer.Option(
            parser=_requests, metavar="N", help="The number of requests that measures each row."
        ),
    ] = 200,
    json: JsonFile = None,
    markdown: Annotated[
        str | None,
        typer.Option(parser=writable, metavar="FILE", help="Write the tables there; - for stdout."),
    ] = None,
) -> int:
    """Break a stack's services on this machine, row by row, and show what callers get."""
    with program_errors():
        from demo import play, playlists

        def scenes_of(session: Session, display: Display) -> AsyncIterator[Scene]:
            return playlists.faults(session, requests, display.progress)

        overrides = dict(config or ())
        return play.run(play.play(scenes_of, stack, overrides, play.OutputFiles(json, markdown)))


@app.command(rich_help_panel="Demo")
def users(
    *,
    stack: Stack = "local",
    config: Config = None,
    weights: Weights = _WEIGHTS,
    arrivals: Annotated[
        int,
        typer.Option(
            "--users",
            parser=whole_between(10, 100_000),
            metavar="N",
            help="The number of users who come at each weight.",
        ),
    ] = 100,
    json: JsonFile = None,
) -> int:
    """Keep users on one side of two canaries on this machine, and measure that none changes it."""
    with program_errors():
        from demo import play, playlists

        def scenes_of(session: Session, display: Display) -> AsyncIterator[Scene]:
            return playlists.users_alone(session, weights, arrivals, display.progress)

        files, options = play.OutputFiles(json), play.RunOptions(logs_decisions=True)
        return play.run(play.play(scenes_of, stack, dict(config or ()), files, options))
