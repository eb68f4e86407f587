"""The end of a process: by SIGTERM, or else by SIGKILL."""

import asyncio
import sys
from pathlib import Path

import pytest

from petmesh.host.processes import Processes

READY = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, {})\n"
    "open('ready', 'w').close()\n"
    "time.sleep(60)"
)
POLITE = READY.format("lambda *_: sys.exit(0)")
DEAF = READY.format("signal.SIG_IGN")


@pytest.mark.parametrize(
    ("program", "finished"), [(POLITE, True), (DEAF, False), ("raise SystemExit(1)", False)]
)
async def test_a_process_finishes_only_where_it_ends_at_sigterm_with_status_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, *, finished: bool
) -> None:
    monkeypatch.chdir(tmp_path)

    async def end() -> tuple[bool, bool]:
        processes = Processes()
        command = [sys.executable, "-c", program]
        running = await processes.start("it", command, {}, tmp_path / "log")
        while running.is_running and not Path("ready").exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        return await processes.end(
            running, 0.01, 0.01 if program == DEAF else 30
        ), running.is_running

    assert await end() == (finished, False)
