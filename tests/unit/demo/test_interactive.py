"""Typed lines of a mesh that is kept running."""

import os
import sys

import pytest

from demo import interactive as keep


async def test_a_key_that_is_no_letter_is_never_shown_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\x1b[A\xff\x07x\n25\n")

    async def typed() -> list[str]:
        lines = keep._typed_lines()  # pyright: ignore[reportPrivateUsage]
        return [await lines.get(), await lines.get()]

    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert await typed() == ["\ufffd[A\ufffd\ufffdx", "25"]
    os.close(writing)
