"""`petmesh test --target cluster`: how a live cluster may be asked."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from petmesh.cli.errors import MISTAKEN, CommandError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from petmesh.expectations.model import Expectation
    from petmesh.expectations.suite import Suite
    from petmesh.rehearsal.inputs import Input

# The stack's output that names its ingress.
OUTPUT: Final = "ingressAddress"
_PANEL: Final = "A live cluster (--target cluster)"


class TargetName(StrEnum):
    """Where expectations are tested."""

    REHEARSAL = "rehearsal"
    CLUSTER = "cluster"


Target = Annotated[TargetName, typer.Option(help="Test on this machine, or ask a live cluster.")]
Address = Annotated[
    str,
    typer.Option(
        metavar="HOST[:PORT]",
        help=f"The ingress's; by default the output {OUTPUT} of a Pulumi program's stack.",
        rich_help_panel=_PANEL,
    ),
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        help="Certificates in PEM of who may have issued the ingress's.",
        rich_help_panel=_PANEL,
    ),
]
AllowPods = Annotated[
    str,
    typer.Option(
        metavar="CONTEXT",
        help="Create a short-lived pod for each calling workload, by kubectl in this context.",
        rich_help_panel=_PANEL,
    ),
]
PodImage = Annotated[
    str,
    typer.Option(
        metavar="IMAGE",
        help="An image with curl and sleep; by default curlimages/curl.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class LiveOptions:
    """The options of a live cluster."""

    address: str
    authority: Path | None
    context: str
    image: str

    @property
    def given(self) -> str:
        """The first that is given; empty for none."""
        options = (
            ("--address", self.address),
            ("--ca", self.authority),
            ("--allow-pods", self.context),
            ("--pod-image", self.image),
        )
        return next((name for name, value in options if value), "")


def check(options: LiveOptions, target: TargetName, *, measured: bool) -> None:
    """Raise a CommandError where an option doesn't fit the target.

    Args:
        options: of a live cluster.
        target: where expectations are tested.
        measured: whether a coverage is asked for, or test cases, which a rehearsal alone has.
    """
    if target is TargetName.REHEARSAL and options.given:
        raise CommandError(f"{options.given}: needs --target cluster", MISTAKEN)
    if target is TargetName.CLUSTER and measured:
        what = "--fail-under and --validator-tests: no cluster tells which object decided"
        raise CommandError(what, MISTAKEN)


def ask_cluster(
    read: Input, expectations: list[Expectation], options: LiveOptions, address: str
) -> Suite:
    """Ask a cluster what expectations say.

    Args:
        read: the declared mesh.
        expectations: of expectations.yaml.
        options: how it may be asked.
        address: the ingress's; empty if none is known.

    Raises:
        CommandError: a pod is left.
    """
    from petmesh.expectations.live.asking import NotAskedError
    from petmesh.expectations.live.outside import read_address
    from petmesh.expectations.live.suite import IMAGE, Access, run

    access = Access(
        read_address(address) if address else None,
        options.authority,
        options.context,
        options.image or IMAGE,
    )
    try:
        return asyncio.run(_cancelled_by_sigterm(run(read, expectations, access)))
    except NotAskedError as error:
        raise CommandError(str(error)) from error


def address_of(path: str, stack: str) -> str:
    """Return what a stack's output says of the ingress's address; empty where none can be had.

    Raises:
        CommandError: there is no such stack, or its state can't be read.
    """
    from petmesh.program.pulumi_cli import find
    from petmesh.project import ROOT
    from petmesh.ramp.engine import open_stack, reason_of
    from petmesh.ramp.target import TargetError
    from petmesh.rehearsal.inputs import is_program

    if not is_program(path) or find() is None:
        return ""
    from pulumi.automation import CommandError as PulumiError

    program = Path(path).resolve()
    try:
        outputs = open_stack(stack, None if program == ROOT else program).outputs()
    except TargetError as error:
        raise CommandError(str(error)) from error
    except PulumiError as error:
        raise CommandError(f"stack {stack}: {reason_of(error)}") from error
    return str(outputs[OUTPUT].value or "") if OUTPUT in outputs else ""


async def _cancelled_by_sigterm(work: Coroutine[Any, Any, Suite]) -> Suite:
    """Run a coroutine that a SIGTERM cancels, as a Ctrl-C does, so that it deletes its pods."""
    task = asyncio.ensure_future(work)
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
