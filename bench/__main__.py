"""Measures petservice beside a plain sequential version of itself: `python -m bench`.

Both get the same load and the same upstreams, in turns, on loopback.
"""

import dataclasses
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from petmesh.cli.app import run
from petmesh.cli.errors import CommandError
from petmesh.cli.values import JsonFile, whole_between
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.load import Load, LoadPhase, by_success
from petmesh.rehearsal.origin import Origin

_ROOT = Path(__file__).parents[1]
_PATH = "/pet/123"
_START_SECONDS = 20.0
_WARM_UP_SECONDS = 0.5


app = typer.Typer(add_completion=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceFigures:
    """The measurements of one implementation; of several rounds, the medians.

    Attributes:
        requests_per_second: responses of status 200.
        p50_ms: the median latency, in milliseconds.
        p99_ms: the 99th percentile of the latency, in milliseconds.
        cpu_us: the process's processor time per response, in microseconds: the figure that a busy
            machine changes least.
        failures: other responses, and broken connections.
        rss_mib: resident memory after the load, in MiB.
        ready_seconds: from the process's start to its first response.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failures: int
    rss_mib: float
    ready_seconds: float


@app.command()
def bench(
    *,
    seconds: Annotated[
        int,
        typer.Option(parser=whole_between(1, 10_000), metavar="N", help="Of load, in each round."),
    ] = 4,
    rounds: Annotated[
        int,
        typer.Option(
            parser=whole_between(1, 10_000), metavar="N", help="Medians are of as many rounds."
        ),
    ] = 3,
    connections: Annotated[
        int, typer.Option(parser=whole_between(1, 10_000), metavar="N", help="Of the load.")
    ] = 32,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND",
            help="Another implementation, started with petservice's environment variables; "
            "repeatable.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure petservice beside a plain sequential version of itself."""
    python = [sys.executable, "-m"]
    commands = {"petservice": [*python, "petservice"], "sequential": [*python, "bench.sequential"]}
    commands |= {command: shlex.split(command) for command in also or ()}
    measured = _measure(commands, rounds, connections, seconds)
    cores = os.cpu_count()
    _show(
        measured,
        f"{connections} connections, median of {rounds} rounds of {seconds} s on {cores} cores",
        to_stderr=json_file == "-",
    )
    if json_file:
        document = {
            "connections": connections,
            "rounds": rounds,
            "seconds": seconds,
            "cores": cores,
            "implementations": {name: dataclasses.asdict(each) for name, each in measured.items()},
        }
        text = json.dumps(document, indent=2) + "\n"
        if json_file == "-":
            sys.stdout.write(text)
        else:
            Path(json_file).write_text(text, encoding="utf-8")


def _measure(
    commands: Mapping[str, Sequence[str]], rounds: int, connections: int, seconds: float
) -> dict[str, ServiceFigures]:
    found: dict[str, list[ServiceFigures]] = {name: [] for name in commands}
    with ExitStack() as stack:
        upstreams = _free_port()
        address = f"http://127.0.0.1:{upstreams}"
        variables = {
            "PETDETAILS_URL": address,
            "PETMEDICALHISTORY_URL": address,
            "DOG_API_URL": f"{address}/dogs",
        }
        command = [sys.executable, "-m", "bench.upstreams", str(upstreams)]
        stack.enter_context(_running(command, upstreams, "/dogs", {}))
        for _ in range(rounds):
            for name, command in commands.items():
                port = _free_port()
                with _running(command, port, _PATH, variables) as (process, ready):
                    found[name].append(_round(process, port, connections, seconds, ready))
    return {name: _median(each) for name, each in found.items()}


def _round(
    process: subprocess.Popen[bytes], port: int, connections: int, seconds: float, ready: float
) -> ServiceFigures:
    phase, cpu = uvloop.run(_load(process, port, connections, seconds))
    answered = phase.answers.total()
    if not answered:
        raise CommandError("bench: no response under load")
    return ServiceFigures(
        requests_per_second=answered / phase.seconds,
        p50_ms=phase.percentile(50) * 1e3,
        p99_ms=phase.percentile(99) * 1e3,
        cpu_us=cpu / answered * 1e6,
        failures=phase.failed,
        rss_mib=_rss_mib(process.pid),
        ready_seconds=ready,
    )


async def _load(
    process: subprocess.Popen[bytes], port: int, connections: int, seconds: float
) -> tuple[LoadPhase, float]:
    """Measure a service under load; returns the process's seconds of processor time too."""
    async with Load(Origin(LOOPBACK, port), _PATH, by_success, connections) as load:
        await load.measure_for("warm-up", _WARM_UP_SECONDS)
        before = _cpu_seconds(process.pid)
        phase = await load.measure_for("load", seconds)
        return phase, _cpu_seconds(process.pid) - before


def _median(figures: Sequence[ServiceFigures]) -> ServiceFigures:
    columns = zip(*(dataclasses.astuple(each) for each in figures), strict=True)
    return ServiceFigures(*(statistics.median(column) for column in columns))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _running(
    command: Sequence[str], port: int, path: str, variables: Mapping[str, str]
) -> Generator[tuple[subprocess.Popen[bytes], float]]:
    """Run a process until it responds with 200; yields it with the seconds until then."""
    environment = os.environ | variables
    environment |= {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join((str(_ROOT / "apps"), str(_ROOT))),
        "SHUTDOWN_QUIET_SECONDS": "0",
        "NO_PROXY": "*",
    }
    begun = time.perf_counter()
    try:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    except OSError as failure:
        raise CommandError(f"bench: {shlex.join(command)}: {failure.strerror}") from None
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - begun > _START_SECONDS:
                raise CommandError(
                    f"bench: {shlex.join(command)}: does not respond to GET {path} with 200"
                )
            time.sleep(0.002)
        yield process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def _answers(port: int, path: str) -> bool:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request.encode())
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def _cpu_seconds(pid: int) -> float:
    """Return a process's time in user and kernel mode, by proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) / 1024


def _show(measured: Mapping[str, ServiceFigures], title: str, *, to_stderr: bool) -> None:
    table = Table(title=title)
    for heading in (
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "failures",
        "RSS MiB",
        "ready s",
    ):
        table.add_column(heading, justify="right" if heading else "left")
    for name, each in measured.items():
        table.add_row(
            name,
            f"{each.requests_per_second:,.0f}",
            f"{each.p50_ms:.2f}",
            f"{each.p99_ms:.2f}",
            f"{each.cpu_us:.0f}",
            f"{each.failures:g}",
            f"{each.rss_mib:.1f}",
            f"{each.ready_seconds:.2f}",
        )
    console = Console(stderr=to_stderr)
    console.print(table)
    first, *others = measured.items()
    for name, each in others:
        times = first[1].requests_per_second / each.requests_per_second
        share = first[1].p99_ms / each.p99_ms
        console.print(
            f"{first[0]} has {times:.1f} times the throughput of {name}, {share:.2f} of its p99"
        )


if __name__ == "__main__":
    sys.exit(run("python -m bench", lambda: app, sys.argv[1:]))
