"""A service that hangs ends with the test that started it."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from httpservice.testing import service


async def test_a_service_that_never_listens_ends_with_the_test_that_waits_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "hanging.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    written = tmp_path / "pid"

    async def start() -> None:
        async with service("hanging", PYTHONPATH=str(tmp_path)):
            pass

    starting = asyncio.ensure_future(start())
    while not (written.exists() and written.read_text()):  # noqa: ASYNC110 - a file sets no event
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with suppress(ProcessLookupError):
        while True:  # a process that is killed as it starts is reaped a moment later
            os.kill(int(written.read_text()), 0)
            await asyncio.sleep(0.01)
