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

from petmesh.program.config_keys import StackConfigError
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.monitor import Engine, Monitor
from petmesh.program.placeholders import with_placeholders
from petmesh.program.stack_config import project_name, stack_config
from petmesh.project import ROOT

_MAIN: Final = threading.Lock()


def declare(
    stack: str,
    overrides: Mapping[str, str] = MappingProxyType({}),
    *,
    preview: bool = False,
    root: Path = ROOT,
    beneath: Mapping[str, str] = MappingProxyType({}),
) -> Declaration:
    """Run the program for a stack and return the declared resources.

    A stack of the same project that the program refers to is declared too, from its own
    configuration, since there is no state to read its outputs from.

    Args:
        stack: the stack's name; its configuration is Pulumi.<stack>.yaml over Pulumi.yaml's
            defaults.
        overrides: configuration that overrides both; a key without a namespace is the project's.
        preview: leave computed outputs unknown, as `pulumi preview` does before a first update.
        root: the folder of Pulumi.yaml and `__main__.py`.
        beneath: configuration that overrides that of the stacks that the program refers to.

    Raises:
        ProgramError: the configuration is invalid, the program raised a RunError, or it refers to a
            stack that can't be declared.
        Exception: any other exception of the program.
    """
    return _Declaring(root, beneath).declared(stack, overrides, (), preview=preview)


class _Declaring:
    """Runs a program, and first for each stack that it refers to."""

    def __init__(self, root: Path, beneath: Mapping[str, str]) -> None:
        self._root = root
        self._beneath = beneath

    def declared(
        self, stack: str, overrides: Mapping[str, str], within: tuple[str, ...], *, preview: bool
    ) -> Declaration:
        """What a stack declares, with those within which it is referred to before it."""
        try:
            project = project_name(self._root)
            config, secret_keys = stack_config(stack, overrides, self._root)
        except StackConfigError as error:
            raise ProgramError(str(error)) from error
        references: dict[str, Declaration] = {}
        while True:
            monitor = Monitor(stack, project, config, preview=preview, references=references)
            run = _Run(self._root, monitor, sorted(secret_keys))
            failure = run.failure()
            if not monitor.wanted:
                break
            for name in dict.fromkeys(monitor.wanted):
                references[name] = self._referred(name, project, (*within, stack))
        if failure:
            raise failure
        return Declaration(
            project=project,
            stack=stack,
            preview=preview,
            config=config,
            resources=tuple(monitor.declared.values()),
            outputs=monitor.stack_outputs,
            secret_outputs=frozenset(monitor.stack_secrets),
            warnings=tuple(run.engine.warnings),
            referenced=tuple(references.values()),
        )

    def _referred(self, name: str, project: str, within: tuple[str, ...]) -> Declaration:
        """What a stack declares by its reference, ORGANIZATION/PROJECT/STACK or a part of it."""
        *above, stack = name.split("/")
        if above and above[-1] != project:
            raise ProgramError(
                f"stack reference {name}: only stacks of the project {project} run in process"
            )
        if stack in within:
            circle = " -> ".join((*within, stack))
            raise ProgramError(f"stack reference {name}: it refers to itself: {circle}")
        given = with_placeholders(stack, self._beneath, self._root, encrypted=True)
        return self.declared(stack, given, within, preview=False)


class _Run:
    """One run of the program.

    Attributes:
        engine: what it logged.
    """

    def __init__(self, root: Path, monitor: Monitor, secret_keys: list[str]) -> None:
        self.engine = Engine()
        self._root, self._monitor, self._secret_keys = root, monitor, secret_keys

    def failure(self) -> BaseException | None:
        """Run it, and return the error by which it ended, if any."""
        monitor = self._monitor

        async def run() -> None:
            # One worker: the monitor isn't safe for concurrent registrations.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
            configure(
                Settings(
                    project=monitor.project,
                    stack=monitor.stack,
                    monitor=monitor,
                    engine=self.engine,
                    dry_run=monitor.preview,
                    organization="organization",
                    root_directory=str(self._root),
                )
            )
            set_all_config(monitor.config, self._secret_keys)
            await run_in_stack(lambda: _run_main(self._root))

        with _no_garbage_collection():
            failed = _in_own_thread(run)
        errors = self.engine.errors
        if isinstance(failed, SystemExit):
            if failed.code and not errors:
                return ProgramError(f"the program ended with exit status {failed.code}")
        elif failed:
            return failed
        return ProgramError("\n".join(errors)) if errors else None


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


def _in_own_thread(run: Any) -> BaseException | None:  # noqa: ANN401 (a coroutine function)
    """Run a coroutine function in a new thread, event loop and context; return what it raises.

    The SDK keeps its settings, configuration and root resource in context variables: a new context
    separates one run from another, and the caller's loop may be running.
    """
    failure: list[BaseException] = []

    def main() -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(run(), context=Context())
        except BaseException as error:  # noqa: BLE001 (handed to the caller's thread)
            failure.append(error)

    thread = threading.Thread(target=main, name="pulumi-program", daemon=True)
    thread.start()
    thread.join()
    if failure and isinstance(failure[0], pulumi.RunError):
        refused = ProgramError(str(failure[0]))
        refused.__cause__ = failure[0]
        return refused
    return failure[0] if failure else None
