"""Measure petservice beside a plain sequential version of itself: `python -m bench`.

Both get the same load and the same back ends, in turns, on loopback.
"""

import argparse
import dataclasses
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench.load import load

_ROOT = Path(__file__).parents[1]
_PATH = "/pet/123"
_START_SECONDS = 20.0
_WARM_UP_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one implementation; of several rounds, the medians.

    Attributes:
        requests_per_second: answers with status 200.
        p50_ms: half of the answers came within this, in milliseconds.
        p99_ms: 99% of the answers came within this, in milliseconds.
        cpu_us: the process's processor time for an answer, in microseconds: what a busy machine
            moves least.
        failures: other answers, and broken connections.
        rss_mib: resident memory after the load, in MiB.
        ready_seconds: from the process's start to its first answer.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    failures: int
    rss_mib: float
    ready_seconds: float


class BenchError(Exception):
    """What keeps the benchmark from running, for people."""


def _main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=_positive(float), default=4.0, help="of load a round")
    parser.add_argument(
        "--rounds", type=_positive(int), default=3, help="of which medians are given"
    )
    parser.add_argument("--connections", type=_positive(int), default=32, help="of the load")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="COMMAND",
        help="another implementation, started with petservice's environment variables",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    python = [sys.executable, "-m"]
    commands = {"petservice": [*python, "petservice"], "sequential": [*python, "bench.sequential"]}
    commands |= {command: shlex.split(command) for command in options.also}
    try:
        measured = _measure(commands, options.rounds, options.connections, options.seconds)
    except BenchError as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    _show(measured, options)
    if options.json is not None:
        figures = {name: dataclasses.asdict(each) for name, each in measured.items()}
        document = {
            "connections": options.connections,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "cores": os.cpu_count(),
            "implementations": figures,
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if not 0 < value < 10_000:  # noqa: PLR2004
            raise argparse.ArgumentTypeError(f"{text}: must be over 0 and under 10000")
        return value

    return parse


def _measure(
    commands: Mapping[str, Sequence[str]], rounds: int, connections: int, seconds: float
) -> dict[str, Figures]:
    found: dict[str, list[Figures]] = {name: [] for name in commands}
    with ExitStack() as stack:
        back_ends = _free_port()
        address = f"http://127.0.0.1:{back_ends}"
        variables = {
            "PETDETAILS_URL": address,
            "PETMEDICALHISTORY_URL": address,
            "DOG_API_URL": f"{address}/dogs",
        }
        command = [sys.executable, "-m", "bench.back_ends", str(back_ends)]
        stack.enter_context(_running(command, back_ends, "/dogs", {}))
        for _ in range(rounds):
            for name, command in commands.items():
                port = _free_port()
                with _running(command, port, _PATH, variables) as (process, ready):
                    found[name].append(_round(process, port, connections, seconds, ready))
    return {name: _median(each) for name, each in found.items()}


def _round(
    process: subprocess.Popen[bytes], port: int, connections: int, seconds: float, ready: float
) -> Figures:
    uvloop.run(load(port, _PATH, connections, _WARM_UP_SECONDS))
    before = _cpu_seconds(process.pid)
    result = uvloop.run(load(port, _PATH, connections, seconds))
    cpu = _cpu_seconds(process.pid) - before
    if not result.latencies:
        raise BenchError("nothing was answered under load")
    return Figures(
        requests_per_second=result.throughput,
        p50_ms=result.quantile_ms(0.5),
        p99_ms=result.quantile_ms(0.99),
        cpu_us=cpu / len(result.latencies) * 1e6,
        failures=result.failures,
        rss_mib=_rss_mib(process.pid),
        ready_seconds=ready,
    )


def _median(figures: Sequence[Figures]) -> Figures:
    columns = zip(*(dataclasses.astuple(each) for each in figures), strict=True)
    return Figures(*(statistics.median(column) for column in columns))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _running(
    command: Sequence[str], port: int, path: str, variables: Mapping[str, str]
) -> Generator[tuple[subprocess.Popen[bytes], float]]:
    """Run a process until it answers 200, and stop it afterwards; gives how long that took."""
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
        raise BenchError(f"{shlex.join(command)}: {failure.strerror}") from None
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - begun > _START_SECONDS:
                raise BenchError(f"{shlex.join(command)}: does not answer GET {path} with 200")
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
    """Give a process's time in user and kernel mode, by proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) / 1024


def _show(measured: Mapping[str, Figures], options: argparse.Namespace) -> None:
    table = Table(
        title=f"{options.connections} connections, median of {options.rounds} rounds"
        f" of {options.seconds:g} s on {os.cpu_count()} cores"
    )
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
    console = Console()
    console.print(table)
    first, *others = measured.items()
    for name, each in others:
        times = first[1].requests_per_second / each.requests_per_second
        share = first[1].p99_ms / each.p99_ms
        console.print(
            f"{first[0]} has {times:.1f} times the throughput of {name}, {share:.2f} of its p99"
        )


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
