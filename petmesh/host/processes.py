"""Child processes that never outlive this process."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 3.0
_LAST_LINES = 3


class ProcessError(Exception):
    """A process failed; the text has its name, the failure, and the path of its log."""


@dataclass(frozen=True)
class Running:
    """A started process."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None

    def failure(self) -> ProcessError:
        """Return an error with its exit status, the last lines of its log, and the log's path."""
        status = self.process.returncode
        how = f"ended by signal {-status}" if status and status < 0 else f"exited with {status}"
        return ProcessError(f"{self.name} {how}: {last_lines(self.log)} (log: {self.log})")


def last_lines(log: Path) -> str:
    """Return the last lines of a log, joined into one."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " / ".join(line.strip() for line in lines[-_LAST_LINES:]) or "no output"


class Processes:
    """Starts processes and stops them all.

    Each has its own session, so that a Ctrl-C in the terminal reaches only this process, which then
    stops them in order. If this process is killed, Linux kills them too.
    """

    def __init__(self) -> None:
        self._running: list[Running] = []

    async def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        folder: Path | None = None,
    ) -> Running:
        """Start a process whose output is appended to a log file.

        Args:
            name: for errors.
            command: its arguments.
            environment: its whole environment.
            log: the file.
            folder: its working folder; None for this process's.

        Raises:
            ProcessError: the command can't be run.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    env=dict(environment),
                    cwd=folder,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()) if sys.platform == "linux" else None,
                )
            except OSError as error:
                raise ProcessError(f"{name}: {command[0]}: {error.strerror}") from error
        running = Running(name, process, log)
        self._running.append(running)
        return running

    async def stop(self, *stopped: Running) -> None:
        """Stop processes at once (SIGINT), by default all that run."""
        ending = list(stopped or self._running)
        for running in ending:
            _signal(running, signal.SIGINT)
        await self._wait(ending, _STOP_SECONDS)

    async def end(self, running: Running, settle_seconds: float, grace_seconds: float) -> bool:
        """End a process as the kubelet ends the container of a deleted pod.

        The process runs on for a while, gets SIGTERM, and gets SIGKILL if it takes too long to end.

        Args:
            running: the process.
            settle_seconds: before SIGTERM.
            grace_seconds: before SIGKILL, counted from the start like `settle_seconds`.

        Returns:
            Whether it ended by itself, with status 0.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.process.wait(), settle_seconds)
        _signal(running, signal.SIGTERM)
        await self._wait([running], max(grace_seconds - settle_seconds, 0))
        return running.process.returncode == 0

    async def _wait(self, ending: Sequence[Running], seconds: float) -> None:
        """Wait for processes to end, and kill those that take longer."""
        waits = [asyncio.ensure_future(running.process.wait()) for running in ending]
        if waits:
            _, late = await asyncio.wait(waits, timeout=seconds)
            if late:
                for running in ending:
                    kill(running)
                await asyncio.wait(late)
        self._running = [running for running in self._running if running not in ending]


def _signal(running: Running, number: signal.Signals) -> None:
    if running.is_running:
        with contextlib.suppress(ProcessLookupError):
            running.process.send_signal(number)


def kill(running: Running) -> None:
    """Kill a process and its children (SIGKILL), as in a crash."""
    if running.is_running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


class _die_with:  # noqa: N801 (used as a function)
    """Runs in the new process before its command: asks Linux to kill it when its parent dies.

    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """

    _libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def __call__(self) -> None:
        if self._libc is not None:
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)
