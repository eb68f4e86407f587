"""`python -m canary COMMAND`."""

import asyncio
import sys
from collections.abc import Sequence

from canary import commands, ramping
from canary.control import BusyError, LockError
from canary.journal import JournalError
from canary.options import MISTAKEN, parser
from canary.outcome import FAILED
from canary.plain import plain
from canary.target import TargetError, UsageError
from cli.pulumi_cli import CliError

_COMMANDS = {
    "ramp": ramping.ramp,
    "promote": commands.promote,
    "rollback": commands.rollback,
    "status": commands.status,
    "pause": commands.pause,
    "resume": commands.resume,
    "approve": commands.approve,
    "report": commands.report,
}
_MISTAKES = (TargetError, JournalError, BusyError, LockError, CliError)
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status, of which canary/outcome.py tells a ramp's."""
    options = parser().parse_args(arguments)
    try:
        return asyncio.run(_COMMANDS[options.command](options))
    except _MISTAKES as error:
        print(plain(f"canary: {error}"), file=sys.stderr)
        return MISTAKEN if isinstance(error, UsageError) else FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("canary: stopped; python -m canary status tells what is in force", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
