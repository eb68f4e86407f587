"""Commands for a canary besides its ramp: what is asked, and of the process that runs a ramp.

What a rollback or an approval needs is imported at once; the rest with what needs it.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from petmesh.cli.errors import FAILED, INTERRUPTED, MISTAKEN, CommandError
from petmesh.cli.values import Stack
from petmesh.program.plain import plain
from petmesh.program.pulumi_cli import CliError
from petmesh.ramp import commands
from petmesh.ramp.control import BusyError, LockError
from petmesh.ramp.journal import JournalError
from petmesh.ramp.options import PROMETHEUS, MetricsName, Options, TargetName
from petmesh.ramp.status import show_status
from petmesh.ramp.target import TargetError, UsageError

app = typer.Typer()
command = app.command(rich_help_panel="Canary")

Journal = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Where its journals are.", show_default=".state/canary/STACK/SERVICE"
    ),
]
Target = Annotated[
    TargetName, typer.Option(help="The stack's cluster, or a rehearsal on this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Prometheus = Annotated[
    str,
    typer.Option(metavar="URL", help="Prometheus' address; PROMETHEUS_TOKEN is its token."),
]
Queries = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="YAML with queries that replace Istio's."),
]


Metrics = Annotated[
    MetricsName,
    typer.Option(help="The source of the metrics; Google's by the ambient credential."),
]
GoogleProject = Annotated[
    str,
    typer.Option(
        metavar="PROJECT",
        help="Whose managed Prometheus it is.",
        show_default="the credential's project",
    ),
]
Service = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="A service in the stack's output releases.",
        show_default="the one whose ramp runs, or the stack's own",
    ),
]
Group = Annotated[
    str,
    typer.Option(
        metavar="NAME|SERVICE,...",
        help="What is ramped together: a name in the output releaseGroups, or services in order.",
        show_default="a single service",
    ),
]
Program = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A Pulumi program that exports releases.",
        show_default="this checkout",
    ),
]


@command
def promote(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
    prometheus: Prometheus = PROMETHEUS,
    queries: Queries = None,
    metrics: Metrics = "prometheus",
    google_project: GoogleProject = "",
    now: Annotated[bool, typer.Option("--now", help="From any weight, with no ramp.")] = False,
) -> int:
    """Make the canary the stable version."""
    options = Options(
        stack,
        journal,
        target,
        json,
        prometheus,
        queries,
        metrics,
        google_project,
        service,
        program,
        group,
    )
    return run(commands.promote(options, now=now))


@command
def rollback(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
    prometheus: Prometheus = PROMETHEUS,
    queries: Queries = None,
    metrics: Metrics = "prometheus",
    google_project: GoogleProject = "",
) -> int:
    """Set the canary's weight to 0, or after a promotion go back to the version that it kept."""
    return run(
        commands.rollback(
            Options(
                stack,
                journal,
                target,
                json,
                prometheus,
                queries,
                metrics,
                google_project,
                service,
                program,
                group,
            )
        )
    )


@command
def status(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
    prometheus: Prometheus = PROMETHEUS,
    queries: Queries = None,
    metrics: Metrics = "prometheus",
    google_project: GoogleProject = "",
) -> int:
    """Show who gets which requests, how both versions do, and where a ramp stands."""
    return run(
        show_status(
            Options(
                stack,
                journal,
                target,
                json,
                prometheus,
                queries,
                metrics,
                google_project,
                service,
                program,
                group,
            )
        )
    )


@command
def pause(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
) -> int:
    """Keep the weight of the ramp that runs where it is; it is watched on."""
    return run(
        commands.pause(
            Options(stack, journal, target, json, service=service, program=program, group=group)
        )
    )


@command
def resume(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
) -> int:
    """Let a paused ramp go on; one that was left goes on with ramp --resume."""
    return run(
        commands.resume(
            Options(stack, journal, target, json, service=service, program=program, group=group)
        )
    )


@command
def approve(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
) -> int:
    """Open the gate that the ramp waits at."""
    return run(
        commands.approve(
            Options(stack, journal, target, json, service=service, program=program, group=group)
        )
    )


@command
def ramp_report(
    *,
    stack: Stack = "local",
    service: Service = "",
    group: Group = "",
    program: Program = None,
    journal: Journal = None,
    target: Target = "cluster",
    json: Json = False,
) -> int:
    """Write the HTML report of the latest ramp's journal."""
    return run(
        commands.report(
            Options(stack, journal, target, json, service=service, program=program, group=group)
        )
    )


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command; returns its exit status."""
    with errors():
        return asyncio.run(command)


@contextmanager
def errors() -> Generator[None]:
    """Tell what went wrong in one line, with the status that goes with it."""
    try:
        yield
    except (TargetError, JournalError, BusyError, LockError, CliError) as error:
        mistaken = isinstance(error, UsageError)
        raise CommandError(plain(str(error)), MISTAKEN if mistaken else FAILED) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        told = "stopped; petmesh status tells what is in force"
        raise CommandError(told, INTERRUPTED) from error
