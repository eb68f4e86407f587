"""Commands of a stack, in process or by the Pulumi CLI, with local state if no backend is set."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from petmesh.cli.errors import FAILED, MISTAKEN, CommandError, program_errors
from petmesh.cli.values import Config, Pair, Stack
from petmesh.project import ROOT

if TYPE_CHECKING:
    from pulumi.automation import PulumiCommand

_WIDTH = 100
app = typer.Typer()
# Unknown options are passed to the Pulumi CLI.
_command = app.command(
    rich_help_panel="Stack",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)


@app.command(rich_help_panel="Stack")
def policy(*, stack: Stack = "local", config: Config = None) -> int:
    """Check what a stack declares against the guard-rails, without the Pulumi CLI."""
    with program_errors():
        from petmesh.guardrails.in_process import violations
        from petmesh.guardrails.pack import RULES
        from petmesh.program.placeholders import with_placeholders
        from petmesh.program.program import declare

        declaration = declare(stack, with_placeholders(stack, dict(config or ())))
        found = violations(declaration)
    for violation in found:
        print(violation)
    count = f"{len(found)} violation{'s' if len(found) > 1 else ''}" if found else "no violation"
    print(f"{len(declaration.resources)} resources, {len(RULES)} rules: {count}")
    return FAILED if found else 0


@_command
def preview(
    context: typer.Context,
    *,
    stack: Stack = "local",
    config: Config = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Don't run the engine, even if there is a CLI.")
    ] = False,
) -> int:
    """Show what an up would change: by the Pulumi CLI, or in process where there is none.

    --config implies --in-process. Any other argument is passed to pulumi preview.
    """
    arguments = context.args
    if in_process or config:
        if arguments:
            what = shlex.join(arguments)
            raise CommandError(
                f"preview in process: {what}: only the Pulumi CLI takes it", MISTAKEN
            )
        return _preview(stack, config)
    with program_errors():
        pulumi = _find() or _offer()
        if pulumi or arguments:
            return _run(pulumi, "preview", stack, arguments)
    print(
        "No Pulumi CLI (make install-cli installs it): this is the in-process preview, not the "
        "engine's.",
        flush=True,
    )
    return _preview(stack, config)


@_command
def up(context: typer.Context, *, stack: Stack = "local") -> int:
    """Apply a stack, checked against the guard-rails. Other arguments are passed to pulumi up."""
    with program_errors():
        return _run(_find() or _offer(), "up", stack, context.args)


@_command
def destroy(context: typer.Context, *, stack: Stack = "local") -> int:
    """Delete a stack's resources. Other arguments are passed to pulumi destroy."""
    with program_errors():
        return _run(_find() or _offer(), "destroy", stack, context.args)


@app.command(rich_help_panel="Stack")
def env() -> int:
    """Print the environment variables that give pulumi the same state, for a shell to eval."""
    with program_errors():
        from petmesh.program.pulumi_cli import state_environment

        variables = state_environment()
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


@app.command(rich_help_panel="Stack")
def import_file(*, stack: Stack = "local", config: Config = None) -> int:
    """Print what pulumi import --file takes over in Google Cloud when a stack's state is lost."""
    with program_errors():
        from petmesh.program.import_file import import_file as file_of
        from petmesh.program.program import declare
        from petmesh.program.stack_config import stack_config

        declaration = declare(stack, stack_config(stack, dict(config or ()))[0])
    print(json.dumps(file_of(declaration), indent=2))
    return 0


@app.command(rich_help_panel="Stack")
def install_cli(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Download nothing: fail where there is no CLI.")
    ] = False,
) -> int:
    """Install the official Pulumi CLI of the locked version into ~/.pulumi."""
    with program_errors():
        from petmesh.program.pulumi_cli import install

        pulumi = _find() if check else install()
    if pulumi is None:
        raise CommandError("no Pulumi CLI: run make install-cli")
    print(f"Pulumi CLI: {pulumi.command}", flush=True)
    return 0


def _preview(stack: str, config: list[Pair] | None) -> int:
    with program_errors():
        from rich.console import Console

        from petmesh.program.placeholders import with_placeholders
        from petmesh.program.preview import print_preview
        from petmesh.program.program import declare

        overrides = with_placeholders(stack, dict(config or ()))
        declaration = declare(stack, overrides, preview=True)
    probe = Console()
    width = min(_WIDTH, probe.width) if probe.is_terminal else _WIDTH
    print_preview(declaration, Console(width=width, highlight=False))
    return 0


def _run(pulumi: PulumiCommand | None, command: str, stack: str, arguments: list[str]) -> int:
    from petmesh.program.pulumi_cli import environment_of

    if pulumi is None:
        what = shlex.join([command, *arguments])
        raise CommandError(f"{what} needs the Pulumi CLI: run make install-cli, or install it")
    environment = environment_of(pulumi)
    print(f"The Pulumi CLI {pulumi.version}: pulumi {command} --stack {stack}", flush=True)
    select = [pulumi.command, "stack", "select", stack, "--create"]
    if status := subprocess.run(select, cwd=ROOT, env=environment, check=False).returncode:
        return status
    # The guard-rails judge what is declared: a destroy has nothing to judge.
    guard_rails = ["--policy-pack", "petmesh/guardrails"] if command in ("preview", "up") else []
    engine = [pulumi.command, command, "--stack", stack, *guard_rails, *arguments]
    return subprocess.run(engine, cwd=ROOT, env=environment, check=False).returncode


def _find() -> PulumiCommand | None:
    from petmesh.program.pulumi_cli import find

    return find()


def _offer() -> PulumiCommand | None:
    from petmesh.program.pulumi_cli import PINNED_VERSION, install

    if not sys.stdin.isatty():
        return None
    answer = input(f"No Pulumi CLI. Install the official {PINNED_VERSION} into ~/.pulumi? [y/N] ")
    return install() if answer.strip().lower() in ("y", "yes") else None
