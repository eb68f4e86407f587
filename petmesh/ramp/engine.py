"""The Pulumi engine as a ramp needs it."""

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from pulumi import automation
from pulumi.automation import CommandResult, OnOutput, PulumiCommand
from pulumi.automation.errors import create_command_error

from petmesh.program.pulumi_cli import CliError, find, state_environment
from petmesh.project import ROOT
from petmesh.ramp.target import TargetError

_LOCK = re.compile(r"created by .*@(?P<host>\S+) \(pid (?P<pid>[0-9]+)\)")
_LONGEST_REASON = 300
_SECONDS = 600.0
_ROUTE_SECONDS = 120.0
_READ_SECONDS = 60.0
_CHANGES = ("up", "preview")
_ROUTE = ":VirtualService::"
_GRACE_SECONDS = 20.0


class Detached(PulumiCommand):
    """A Pulumi CLI in sessions of its own.

    A Ctrl-C in the terminal is the ramp's to answer: it would end an update in the middle. An
    update outlives a ramp that is killed, and leaves the stack whole: what it prints goes to files,
    for a pipe that nobody reads any more would end it.

    Attributes:
        interrupted: whether the change under way was interrupted; no further command of it runs.
        killed: whether an update or preview had to be killed, which may have left the stack locked;
            until another one succeeds or the lock is taken away.
    """

    def __init__(self, found: PulumiCommand) -> None:
        self.command = found.command
        self.version = found.version
        self.seconds = _SECONDS
        self.route_seconds = _ROUTE_SECONDS
        self.read_seconds = _READ_SECONDS
        self.grace_seconds = _GRACE_SECONDS
        self.interrupted = False
        self.killed = False
        self._running: subprocess.Popen[str] | None = None

    def interrupt(self) -> None:
        """Ask the change under way to end: the command that runs, and those that would follow."""
        self.interrupted = True
        if self._running is not None:
            self._end(self._running)

    def _end(self, process: "subprocess.Popen[str]") -> None:
        """Ask a command to end, and kill it where it doesn't."""
        if process.poll() is not None:
            return
        _signal(process, signal.SIGINT)
        late = threading.Timer(self.grace_seconds, _signal, (process, signal.SIGKILL))
        late.daemon = True
        late.start()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run a command to its end; its output is given at once then.

        Raises:
            TargetError: the change was interrupted, or the command took too long.
        """
        if self.interrupted:
            raise TargetError(f"pulumi {args[0]}: interrupted")
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        if os.sep in self.command:
            folder = Path(self.command).parent
            environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
        with (
            TemporaryFile("w+", encoding="utf-8", errors="replace") as out,
            TemporaryFile("w+", encoding="utf-8", errors="replace") as err,
        ):
            try:
                process = subprocess.Popen(
                    [self.command, "--non-interactive", *args],
                    cwd=cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    text=True,
                    start_new_session=True,
                )
            except OSError as error:
                raise TargetError(f"{self.command}: {error.strerror}") from error
            self._running = process
            if self.interrupted:
                self._end(process)
            self._wait(process, args)
            stdout, stderr = _content(out), _content(err)
        for text, listener in ((stdout, on_output), (stderr, on_error)):
            if listener:
                for line in text.splitlines():
                    listener(line)
        result = CommandResult(stdout=stdout, stderr=stderr, code=process.returncode)
        if process.returncode:
            raise create_command_error(result)
        return result

    def _wait(self, process: "subprocess.Popen[str]", args: Sequence[str]) -> None:
        limit = self._limit(args)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired as error:
            self._end(process)
            process.wait()
            raise TargetError(f"pulumi {args[0]}: no end within {limit:g} s") from error
        finally:
            self._running = None
            if args[0] in _CHANGES and process.returncode == -signal.SIGKILL:
                self.killed = True
            elif args[0] in _CHANGES and process.returncode == 0:
                self.killed = False

    def _limit(self, args: Sequence[str]) -> float:
        """Seconds: where routes alone are targets, nothing is waited for."""
        if args[0] not in _CHANGES:
            return self.read_seconds
        targets = [urn for option, urn in pairwise(args) if option == "--target"]
        routed = targets and all(_ROUTE in each for each in targets)
        return self.route_seconds if routed else self.seconds


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signal a command and what it started; it leads a group of its own."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def open_stack(name: str, program: Path | None = None) -> automation.Stack:
    """A stack that exists.

    Args:
        name: its name.
        program: the folder of its program, with the backend that the user has chosen; None for this
            checkout, with the state that the make targets use.

    Raises:
        TargetError: there is no Pulumi CLI, no place for the state, or no such stack.
    """
    try:
        environment = {} if program else state_environment()
        found = find()
    except CliError as error:
        raise TargetError(str(error)) from error
    if found is None:
        raise TargetError("a ramp needs the Pulumi CLI: run make install-cli, or install it")
    try:
        return automation.select_stack(
            name,
            work_dir=str(program or ROOT),
            opts=automation.LocalWorkspaceOptions(
                pulumi_command=Detached(found), env_vars=environment
            ),
        )
    except automation.StackNotFoundError as error:
        raise TargetError(f"stack {name}: there is none; run make up STACK={name} first") from error
    except automation.CommandError as error:
        raise TargetError(f"stack {name}: {reason_of(error)}") from error


def reason_of(error: automation.CommandError) -> str:
    """What the engine said was wrong, in one line."""
    lines = [line.strip().removeprefix("stderr: ") for line in str(error).splitlines()]
    wrong = [line for line in lines if line.lower().startswith("error:")]
    text = "; ".join(dict.fromkeys(wrong)) or " ".join(lines)
    return text[:_LONGEST_REASON]


def is_left_behind(error: automation.ConcurrentUpdateError, *, killed: bool) -> bool:
    """Whether nobody works behind a stack's lock any more.

    File and bucket backends lock by a file, which a killed process leaves behind, and say whose it
    is: processes of this machine can be looked for. Their text is in
    https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/lock.go. Pulumi Cloud names nobody.

    Args:
        error: what the engine said.
        killed: whether this process had to kill an update or preview, and none got the lock since.
    """
    locks = list(_LOCK.finditer(str(error)))
    if not locks:
        return killed
    return all(
        lock["host"] == socket.gethostname() and not _runs(int(lock["pid"])) for lock in locks
    )


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
