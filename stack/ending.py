"""The end of a program that fails: its error is reported once, and without a traceback."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pulumi

# Tells the language host that the error has been reported: with any other status it adds its own,
# "program exited with non-zero exit code". A RunError that reaches the host ends with 1.
# pythonProcessExitedAfterShowingUserActionableMessage in
# https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python/main.go
REPORTED = 32


@contextmanager
def report_errors() -> Generator[None]:
    """Report a RunError within to the engine, and exit.

    Raises:
        SystemExit: There was one.
    """
    try:
        yield
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        raise SystemExit(REPORTED) from None


def end_without_traceback() -> None:
    """Have an interrupt end this process at once: the engine has said why it sends one.

    It does so when a resource failed and the rest of the program isn't wanted any more. A program
    that runs in a thread, as the in-process run has it, leaves its caller's interrupts alone.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(REPORTED))
