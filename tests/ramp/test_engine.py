"""A command of the engine ends in time, with everything that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from pulumi.automation import CommandError, CommandResult, PulumiCommand
from pulumi.automation.errors import ConcurrentUpdateError

from petmesh.project import ROOT
from petmesh.ramp.engine import Detached, is_left_behind
from petmesh.ramp.target import TargetError


def wait_for(path: Path) -> None:
    end = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.01)


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
    script.write_text(f"#!/bin/sh\n{trap}\nsleep 30\ntouch ended\n")
    script.chmod(0o700)
    command = Detached(Found(script))
    command.seconds, command.grace_seconds = 0.2, 0.3
    with pytest.raises(TargetError, match=r"pulumi up: no end within 0.2 s"):
        command.run(["up"], str(tmp_path), {})
    assert not (tmp_path / "ended").exists()


def test_an_interrupted_change_runs_no_further_command(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o700)
    command = Detached(Found(script))
    command.run(["config"], str(tmp_path), {})
    command.interrupt()
    with pytest.raises(TargetError, match="pulumi up: interrupted"):
        command.run(["up"], str(tmp_path), {})


def test_an_update_that_had_to_be_killed_is_remembered_until_one_succeeds(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    script.touch(0o700)
    command = Detached(Found(script))
    command.read_seconds = command.seconds = 0.2
    command.grace_seconds = 0.6
    # A read locks nothing. What fails may have met the lock.
    for text, name, killed in (
        ("trap '' INT\nsleep 60", "stack", False),
        ("sleep 60", "up", False),
        ("trap '' INT\nsleep 60", "up", True),
        ("exit 1", "up", True),
        ("exit 0", "stack", True),
        ("exit 0", "preview", False),
        ("trap '' INT\nsleep 60", "preview", True),
    ):
        script.write_text(f"#!/bin/sh\n{text}\n")
        with suppress(TargetError, CommandError):
            command.run([name], str(tmp_path), {})
        assert (command.killed, command.interrupted) == (killed, False), (text, name)


RUN = """
import sys
from pathlib import Path
from petmesh.ramp.engine import Detached
from tests.ramp.test_engine import Found
folder = Path(sys.argv[1])
Detached(Found(folder / "pulumi")).run(["up"], str(folder), {})
"""


def test_an_update_outlives_a_ramp_that_is_killed_though_it_prints(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    script.write_text(
        "#!/bin/sh\ntouch begun; sleep 0.3; echo one; sleep 0.1; echo two; touch done\n"
    )
    script.chmod(0o700)
    ramp = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT)
    wait_for(tmp_path / "begun")
    ramp.send_signal(signal.SIGKILL)
    ramp.wait(10)
    wait_for(tmp_path / "done")


def conflict(*locks: tuple[str, int]) -> ConcurrentUpdateError:
    """What a file backend says, or Pulumi Cloud where there is no lock to show."""
    shown = "\n".join(f"created by me@{host} (pid {pid}) at 2026-01-01" for host, pid in locks)
    text = f"error: the stack is currently locked by {len(locks)} lock(s). {shown}"
    cloud = "error: [409] Conflict: Another update is currently in progress."
    return ConcurrentUpdateError(CommandResult(stdout="", stderr=text if locks else cloud, code=1))


def test_a_lock_is_left_behind_where_nobody_works_behind_it() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    host = socket.gethostname()
    gone, here, elsewhere = (host, ended.pid), (host, os.getpid()), ("elsewhere", ended.pid)
    assert is_left_behind(conflict(gone), killed=False)
    # Whoever is named and may work still isn't the one that was killed.
    for locks in ((here,), (elsewhere,), (gone, here)):
        assert not is_left_behind(conflict(*locks), killed=True)
    assert is_left_behind(conflict(), killed=True)
    assert not is_left_behind(conflict(), killed=False)


def test_a_cli_that_is_gone_is_an_error_in_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "pulumi"
    with pytest.raises(TargetError, match=f"^{gone}: No such file or directory$"):
        Detached(Found(gone)).run(["stack"], str(tmp_path), {})


def test_only_routes_alone_are_given_the_time_of_one_resource(tmp_path: Path) -> None:
    script = tmp_path / "pulumi"
    script.write_text("#!/bin/sh\nsleep 60\n")
    script.chmod(0o700)
    command = Detached(Found(script))
    command.route_seconds, command.seconds, command.grace_seconds = 0.1, 0.3, 0.1
    route = "urn:pulumi:dev::shop::kubernetes:networking.istio.io/v1:VirtualService::"
    of = {"cart": f"{route}cart", "payment": f"{route}payment", "pods": "urn::Deployment::cart"}
    for names, seconds in (
        ([], 0.3),
        (["cart"], 0.1),
        (["cart", "payment"], 0.1),
        (["cart", "pods"], 0.3),
    ):
        targets = [of[name] for name in names]
        arguments = [part for each in targets for part in ("--target", each)]
        with pytest.raises(TargetError, match=f"no end within {seconds} s"):
            command.run(["up", *arguments], str(tmp_path), {})
