"""A command of the engine ends in time, with everything that it started."""

import time
from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand

from canary.engine import Detached
from canary.target import TargetError


class Found(PulumiCommand):
    """A CLI that a test wrote."""

    def __init__(self, command: Path) -> None:
        self.command = str(command)
        self.version = None


@pytest.mark.parametrize("trap", ["", "trap '' INT"])
def test_a_command_that_does_not_end_is_interrupted_and_then_killed(
    tmp_path: Path, trap: str
) -> None:
    script = tmp_path / "pulumi"
    script.write_text(f"#!/bin/sh\n{trap}\nsleep 60\n")
    script.chmod(0o700)
    command = Detached(Found(script))
    command.seconds, command.grace_seconds = 0.2, 0.3
    begun = time.monotonic()
    with pytest.raises(TargetError, match=r"pulumi up: no end within 0.2 s"):
        command.run(["up"], str(tmp_path), {})
    assert time.monotonic() - begun < 5


def test_an_interrupted_change_runs_no_further_command(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o700)
    command = Detached(Found(script))
    command.run(["config"], str(tmp_path), {})
    command.interrupt()
    with pytest.raises(TargetError, match="pulumi up: interrupted"):
        command.run(["up"], str(tmp_path), {})


def test_a_command_that_is_killed_is_remembered_and_one_that_ends_is_not(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    for trap, killed in (("", False), ("trap '' INT", True)):
        script.write_text(f"#!/bin/sh\n{trap}\nsleep 60\n")
        script.chmod(0o700)
        command = Detached(Found(script))
        command.read_seconds, command.grace_seconds = 0.2, 0.3
        with pytest.raises(TargetError, match=r"pulumi stack: no end within 0.2 s"):
            command.run(["stack", "export"], str(tmp_path), {})
        assert (command.killed, command.interrupted) == (killed, False)
