"""`petmesh precheck`: what an upgrade of Istio would break."""

from __future__ import annotations

from typing import Annotated

import typer

from petmesh.cli.errors import FAILED, program_errors
from petmesh.cli.values import Config, Stack

app = typer.Typer()


@app.command(rich_help_panel="Stack")
def precheck(
    *,
    stack: Stack = "local",
    config: Config = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the cluster of the kube context too, by kubectl.")
    ] = False,
    context: Annotated[
        str, typer.Option(metavar="CONTEXT", help="Its kube context; implies --live.")
    ] = "",
) -> int:
    """Check what the istiods of a stack would break, of its objects and of a live cluster.

    Another version is given by its config, as --config istioCanaryVersion=1.31.1.
    """
    with program_errors():
        from petmesh.program.placeholders import with_placeholders
        from petmesh.program.program import declare
        from petmesh.upgrade.cluster import Cluster
        from petmesh.upgrade.declared import check_declared, istiods, rolled_namespaces
        from petmesh.upgrade.live import check_live

        declaration = declare(stack, with_placeholders(stack, dict(config or ())))
        found = [*check_declared(declaration)]
        installed = istiods(declaration)
        asked = live or bool(context)
        if asked:
            found += check_live(Cluster(context), installed, rolled_namespaces(declaration))
    for each in dict.fromkeys(found):
        print(each)
    versions = ", ".join(each.version for each in installed)
    where = "its objects and the live cluster" if asked else "its objects; no cluster was asked"
    print(f"{len({*found}) or 'nothing'} found for Istio {versions} in stack {stack}: {where}")
    return FAILED if found else 0
