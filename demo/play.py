"""Play scenes, or keep a mesh running to be tried by hand."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, NamedTuple, cast

from demo import interactive
from demo.scenes.scene import Scene
from demo.tables import Report, document, markdown, write, write_json
from petmesh.cli.errors import FAILED
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session

KEPT_PORT = 8080
Scenes = Callable[[Session, Report], AsyncIterator[Scene]]


class Written(NamedTuple):
    """Files that are written at the end; `-` is standard output, None is no file.

    Attributes:
        json: all figures.
        markdown: the tables.
    """

    json: str | None = None
    markdown: str | None = None


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine, which a signal to end cancels."""

    async def interruptible() -> int:
        task = asyncio.ensure_future(command)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        return await task

    return asyncio.run(interruptible())


def _weights_of(session: Session) -> str:
    weights = cast("dict[str, int]", session.declaration.outputs["weights"])
    return ", ".join(f"{version} {weight}%" for version, weight in weights.items())


async def play(
    scenes: Scenes,
    stack: str,
    overrides: Mapping[str, str],
    written: Written,
    port: int | None = None,
) -> int:
    """Play scenes on a stack's mesh, and print what they show.

    Args:
        scenes: what is played.
        stack: the stack's name.
        overrides: config values that win over the stack's.
        written: the files that are written.
        port: where the ingress listens; None for any free port.

    Returns:
        0, or 1 where something was not as expected.
    """
    report = Report(to_stderr="-" in written)
    begun = time.monotonic()
    runtime = Runtime(new_folder(), port)
    played: list[Scene] = []
    found: tuple[str, ...] = ()
    try:
        session = Session(runtime, stack, overrides)
        report.progress("running the program and starting what it declares")
        change = await session.start()
        mesh = runtime.mesh
        found = findings(mesh)
        report.line(
            f"Stack {stack}, weights {_weights_of(session)}: "
            f"{len(mesh.workloads)} workloads, "
            f"{len(runtime.process_ids())} processes, ready in {change.seconds:.1f} s."
        )
        report.line(f"Logs: {runtime.folder}", "dim")
        for finding in found:
            report.line(f"! {finding}", "yellow")
        async for scene in scenes(session, report):
            runtime.check()
            played.append(scene)
            report.scene(scene)
        report.left_out(mesh.omissions)
    finally:
        report.settle()
        await _shielded(runtime.stop())
    seconds = time.monotonic() - begun
    problems = [problem for scene in played for problem in scene.problems]
    report.verdict(problems, seconds)
    if written.json:
        write_json(document(stack, played, mesh.omissions, found, seconds), written.json)
    if written.markdown:
        write(markdown(played), written.markdown)
    return FAILED if problems else 0


async def keep(stack: str, overrides: Mapping[str, str], port: int | None) -> int:
    """Keep a stack's mesh running until Ctrl-C; a change of its config is put in force at once."""
    report = Report()
    runtime = Runtime(new_folder(), port or KEPT_PORT)
    try:
        await interactive.keep(Session(runtime, stack, overrides), report)
    except asyncio.CancelledError:
        report.line("Stopped.")
    finally:
        report.settle()
        await _shielded(runtime.stop())
    return 0


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish, whatever signal comes meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
