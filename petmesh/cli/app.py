"""The `petmesh` command: the toolkit's commands, and those that the project adds."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

import typer
from typer.core import TyperGroup

from petmesh.cli import drift, expectations, precheck, ramp, rehearse, report, stack
from petmesh.cli.errors import FAILED, INTERRUPTED, MISTAKEN, CommandError
from petmesh.project import FILE, ProjectError, project

_HELP = (
    "Rehearse, check and apply a Pulumi stack of an Istio mesh, and ramp its canaries.\n\n"
    "Exit status: 0; 1 for a failure; 2 for a mistake in the arguments; 130 after Ctrl-C; "
    "a ramp's help tells its own."
)


def main(arguments: Sequence[str]) -> int:
    """Run `petmesh` and return its exit status; an error is one line on stderr."""
    return run("petmesh", lambda: _app(arguments), arguments or ["--help"])


def run(name: str, app: Callable[[], typer.Typer], arguments: Sequence[str]) -> int:
    """Run a command and return its exit status; an error is one line on stderr.

    Args:
        name: the program's name in its help.
        app: creates the application.
        arguments: of the command.
    """
    try:
        command = typer.main.get_command(app())
        status = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except CommandError as error:
        return _told(str(error), error.status)
    except typer.BadParameter as error:
        named = f"{error.param.opts[0]} = " if error.param else ""
        message = error.message.removeprefix("Value error, ").removesuffix(".")
        return _told(f"{named}{message}", MISTAKEN)
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        status = INTERRUPTED
    except typer.TyperException as error:
        text = str(error).removesuffix(".")
        return _told(f"{text[:1].lower()}{text[1:]}; see {name} --help", MISTAKEN)
    except ProjectError as error:
        return _told(str(error), MISTAKEN)
    except OSError as error:
        return _told(str(error), FAILED)
    return _told("stopped", INTERRUPTED) if status == INTERRUPTED else status or 0


def _app(arguments: Sequence[str]) -> typer.Typer:
    """Return the application; the project's commands are imported only if one may be needed."""
    own = [rehearse.app, expectations.app, stack.app, precheck.app, drift.app, report.app, ramp.app]
    app = _united(own)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 (several commands make a group)
    name = next((each for each in arguments if not each.startswith("-")), "")
    return app if name in group.commands else _united([*_plugged(), *own])


def _united(apps: Sequence[typer.Typer]) -> typer.Typer:
    app = typer.Typer(help=_HELP)
    for each in apps:
        app.add_typer(each)
    return app


def _plugged() -> list[typer.Typer]:
    """Return the project's commands: `app` of the module that petmesh.yaml names.

    Raises:
        ProjectError: the module doesn't exist, or has no `app`.
    """
    name = project().commands
    if not name:
        return []
    try:
        return [import_module(name).app]
    except (AttributeError, ModuleNotFoundError) as error:
        raise ProjectError(
            f"{FILE}: commands = {name}: must be a module with an app: {error}"
        ) from error


def _told(text: str, status: int) -> int:
    for line in text.splitlines():
        print(f"petmesh: {line}", file=sys.stderr)
    return status
