"""`python -m petmesh.ramp COMMAND`."""

import asyncio
import sys
from collections.abc import Sequence

from petmesh.program.pulumi_cli import CliError
from petmesh.ramp import commands, ramping
from petmesh.ramp.control import BusyError, LockError
from petmesh.ramp.journal import JournalError
from petmesh.ramp.options import MISTAKEN, parser
from petmesh.ramp.outcome import FAILED
from petmesh.ramp.plain import plain
from petmesh.ramp.target import TargetError, UsageError

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
    """Run a command; returns the exit status, of which petmesh/ramp/outcome.py tells a ramp's."""
    options = parser().parse_args(arguments)
    try:
        return asyncio.run(_COMMANDS[options.command](options))
    except _MISTAKES as error:
        print(plain(f"canary: {error}"), file=sys.stderr)
        return MISTAKEN if isinstance(error, UsageError) else FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        told = "canary: stopped; python -m petmesh.ramp status tells what is in force"
        print(told, file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
