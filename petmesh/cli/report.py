"""The command `petmesh report`, for pull requests."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from petmesh.cli.errors import FAILED, MISTAKEN, CommandError
from petmesh.cli.values import Config, whole_between, writable

REQUESTS = 2000
app = typer.Typer()


@app.command(rich_help_panel="Stack")
def report(
    *,
    base: Annotated[
        str, typer.Option(metavar="REVISION", help="What to compare this checkout with.")
    ] = "main",
    stack: Annotated[
        list[str] | None,
        typer.Option(metavar="STACK", help="A stack to report on; repeatable.", show_default="dev"),
    ] = None,
    config: Config = None,
    output: Annotated[
        str, typer.Option(parser=writable, metavar="FILE", help="Where to write it; - for stdout.")
    ] = "-",
    requests: Annotated[
        int,
        typer.Option(
            parser=whole_between(100, 1_000_000, or_zero=True),
            metavar="N",
            help="Requests that measure the canary's share; 0 for none.",
        ),
    ] = REQUESTS,
    expectations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Test each stack's mesh by these expectations."),
    ] = None,
) -> int:
    """Write what this checkout changes in its stacks, compared with a base, as Markdown.

    A config value overrides the stacks' here, not at the base.
    """
    from petmesh.report.base_checkout import BaseError
    from petmesh.report.pull_request import reviewed

    try:
        names, overrides = stack or ["dev"], dict(config or ())
        text, problems = reviewed(names, base, overrides, requests, expectations)
    except BaseError as error:
        raise CommandError(str(error), MISTAKEN) from error
    if output == "-":
        sys.stdout.write(text)
    else:
        Path(output).write_text(text, encoding="utf-8")
    return FAILED if problems else 0
