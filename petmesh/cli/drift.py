"""The command `petmesh drift`: whether what is there is what the program declares."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from petmesh.cli.errors import CommandError, program_errors
from petmesh.cli.values import Stack, writable
from petmesh.project import ROOT

DRIFTED = 3
app = typer.Typer()


@app.command(rich_help_panel="Stack")
def drift(
    *,
    stack: Stack = "local",
    output: Annotated[
        str, typer.Option(parser=writable, metavar="FILE", help="Where to write it; - for stdout.")
    ] = "-",
) -> int:
    """Write what differs in a stack from what the program declares, as Markdown; changes nothing.

    Exit status 3 if anything does, 0 if nothing does: then what is written is empty.
    """
    from petmesh.report.drift import DriftError, drift_of, markdown

    try:
        text = markdown(stack, drift_of(_preview(stack)))
    except DriftError as error:
        raise CommandError(f"stack {stack}: {error}") from error
    if output == "-":
        sys.stdout.write(text)
    else:
        Path(output).write_text(text, encoding="utf-8")
    return DRIFTED if text else 0


def _preview(stack: str) -> str:
    """What the engine's preview says once it has looked at what is there."""
    from petmesh.program.pulumi_cli import environment_of, find

    with program_errors():
        pulumi = find()
        if pulumi is None:
            raise CommandError("drift needs the Pulumi CLI: run make install-cli")
        environment = environment_of(pulumi)
    command = [pulumi.command, "--non-interactive", "preview", "--refresh", "--json"]
    done = subprocess.run(
        [*command, "--stack", stack],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise CommandError(f"stack {stack}: pulumi preview --refresh failed: its drift isn't known")
    return done.stdout
