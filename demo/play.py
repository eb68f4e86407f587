"""Plays scenes on a rehearsed stack, or keeps its mesh running."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, NamedTuple, cast

from demo import interactive
from demo.display import Display, document, markdown, write, write_json
from demo.scenes.scene import Scene
from petmesh.cli.errors import FAILED
from petmesh.project import project
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session

KEPT_PORT = 8080
Scenes = Callable[[Session, Display], AsyncIterator[Scene]]


class OutputFiles(NamedTuple):
    """Files that are written at the end; `-` is standard output, None is no file.

    Attributes:
        json: all figures.
        markdown: the tables.
    """

    json: str | None = None
    markdown: str | None = None


class RunOptions(NamedTuple):
    """How a mesh runs.

    Attributes:
        port: the ingress's; None for any free port.
        logs_decisions: whether proxies log which pod got each request.
    """

    port: int | None = None
    logs_decisions: bool = False


AS_USUAL = RunOptions()


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine; SIGINT, SIGTERM and SIGHUP cancel it."""

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
    written: OutputFiles,
    options: RunOptions = AS_USUAL,
) -> int:
    """Play scenes on a stack's mesh, and print their results.

    Args:
        scenes: returns the scenes.
        stack: the stack's name.
        overrides: config values that override the stack's.
        written: the files to write.
        options: how the mesh runs.

    Returns:
        0, or 1 for an unexpected result.
    """
    display = Display(to_stderr="-" in written)
    begun = time.monotonic()
    runtime = Runtime(new_folder(), options.port, logs_decisions=options.logs_decisions)
    played: list[Scene] = []
    found: tuple[str, ...] = ()
    try:
        session = Session(runtime, stack, overrides)
        session.beneath = project().config
        display.progress("running the program and starting what it declares")
        change = await session.start()
        mesh = runtime.mesh
        found = findings(mesh)
        display.line(
            f"Stack {stack}, weights {_weights_of(session)}: "
            f"{len(mesh.workloads)} workloads, "
            f"{len(runtime.process_ids())} processes, ready in {change.seconds:.1f} s."
        )
        display.line(f"Logs: {runtime.folder}", "dim")
        for finding in found:
            display.line(f"! {finding}", "yellow")
        async for scene in scenes(session, display):
            runtime.check()
            played.append(scene)
            display.scene(scene)
        display.left_out(mesh.omissions)
    finally:
        display.settle()
        await _shielded(runtime.stop())
    seconds = time.monotonic() - begun
    problems = [problem for scene in played for problem in scene.problems]
    display.verdict(problems, seconds)
    if written.json:
        write_json(document(stack, played, mesh.omissions, found, seconds), written.json)
    if written.markdown:
        write(markdown(played), written.markdown)
    return FAILED if problems else 0


async def keep(
    stack: str, overrides: Mapping[str, str], port: int | None, ui_port: int | None
) -> int:
    """Keep a stack's mesh and its page running until Ctrl-C; config changes are applied at once."""
    display = Display()
    runtime = Runtime(new_folder(), port or KEPT_PORT, logs_decisions=True)
    try:
        await interactive.keep(Session(runtime, stack, overrides), display, ui_port)
    except asyncio.CancelledError:
        display.line("Stopped.")
    finally:
        display.settle()
        await _shielded(runtime.stop())
    return 0


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    """Complete a coroutine, whatever signal arrives meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
