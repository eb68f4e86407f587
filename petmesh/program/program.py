"""Runs a stack's Pulumi program in process and returns the declared resources.

The real `__main__.py` runs under the SDK with a resource monitor in the engine's place: nothing is
created, no CLI is needed, and of files the program writes only its images' build contexts.
"""

import asyncio
import gc
import runpy
import sys
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pulumi
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import Settings, configure
from pulumi.runtime.stack import run_in_stack

from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.monitor import Engine, Monitor
from petmesh.program.stack_config import StackConfigError, project_name, stack_config
from petmesh.project import ROOT

_MAIN: Final = threading.Lock()


def declare(
    stack: str,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    preview: bool = False,
    root: Path = ROOT,
) -> Declaration:
    """Run the program for a stack and return the declared resources.

    Args:
        stack: the stack's name; its configuration is Pulumi.<stack>.yaml over Pulumi.yaml's
            defaults.
        overrides: configuration that overrides both; a key without a namespace is the project's.
        preview: leave computed outputs unknown, as `pulumi preview` does before a first update.
        root: the folder of Pulumi.yaml and `__main__.py`.

    Raises:
        ProgramError: the configuration is invalid, or the program raised a RunError.
        Exception: any other exception of the program.
    """
    try:
        project = project_name(root)
        config, secret_keys = stack_config(stack, overrides, root)
    except StackConfigError as error:
        raise ProgramError(str(error)) from error
    monitor = Monitor(stack, project, config, preview=preview)
    engine = Engine()

    async def run() -> None:
        # One worker: the monitor isn't safe for concurrent registrations.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        configure(
            Settings(
                project=project,
                stack=stack,
                monitor=monitor,
                engine=engine,
                dry_run=preview,
                organization="organization",
                root_directory=str(root),
            )
        )
        set_all_config(config, sorted(secret_keys))
        await run_in_stack(lambda: _run_main(root))

    try:
        with _no_garbage_collection():
            _in_own_thread(run)
    except SystemExit as ended:
        if ended.code and not engine.errors:
            raise ProgramError(f"the program ended with exit status {ended.code}") from None
    if engine.errors:
        raise ProgramError("\n".join(engine.errors))
    return Declaration(
        project=project,
        stack=stack,
        preview=preview,
        config=config,
        resources=tuple(monitor.declared.values()),
        outputs=monitor.stack_outputs,
        secret_outputs=frozenset(monitor.stack_secrets),
        warnings=tuple(engine.warnings),
    )


def _run_main(root: Path) -> None:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    # The program replaces the process's __main__ module, so only one may run at a time.
    with _MAIN, _no_stack_traces():
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")


@contextmanager
def _no_stack_traces() -> Generator[None]:
    """Send no URI of every frame above a resource's declaration, a fifth of a run's time.

    The SDK tells the engine where a resource was declared; the monitor doesn't need it.
    """
    before = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = 1
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Disable garbage collection: importing the SDK makes it a quarter of a first run's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _in_own_thread(run: Any) -> None:  # noqa: ANN401 (a coroutine function)
    """Run a coroutine function in a new thread, event loop and context.

    The SDK keeps its settings, configuration and root resource in context variables: a new context
    separates one run from another, and the caller's loop may be running.
    """
    failure: list[BaseException] = []

    def main() -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(run(), context=Context())
        except BaseException as error:  # noqa: BLE001 (raised in the caller's thread)
            failure.append(error)

    thread = threading.Thread(target=main, name="pulumi-program", daemon=True)
    thread.start()
    thread.join()
    if not failure:
        return
    if isinstance(failure[0], pulumi.RunError):
        raise ProgramError(str(failure[0])) from failure[0]
    raise failure[0]
