"""A ramp on the page, as its command serves it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from petmesh.project import ROOT
from petmesh.ramp.outcome import ROLLED_BACK
from tests.browser.seen import Browser

pytestmark = pytest.mark.envoy
_LINK = re.compile(rb"(http://127\.0\.0\.1:\d+/#token=\S+)")
_RAMP = ("--hold", "2s", "--interval", "1s", "--gate", "10", "--silence", "1h")


@pytest.fixture
def ramp(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "petmesh", "ramp", "--target", "rehearsal", *_RAMP, "--ui"]
    # Its journal and its mesh are its own.
    process = subprocess.Popen(
        [*command, "--journal", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    yield process
    process.send_signal(signal.SIGINT)
    process.wait(60)


def _links(process: subprocess.Popen[bytes]) -> list[str]:
    assert process.stderr
    lines = (process.stderr.readline(), process.stderr.readline())
    return [found[1].decode() for found in map(_LINK.search, lines) if found]


def test_a_ramp_waits_at_its_gate_and_is_rolled_back_by_the_page(
    browser: Browser, ramp: subprocess.Popen[bytes]
) -> None:
    writing, reading = _links(ramp)
    browser.open(reading)
    assert "hasn't begun" in browser.text("#waiting")
    browser.until(lambda: browser.text(".standing"))
    assert not browser.one('[data-order="rollback"]').is_enabled()

    browser.open(writing)
    browser.until(lambda: "waiting for approval at weight 0" in browser.text(".standing"))
    browser.one('[data-order="approve"]').click()
    assert browser.text('[data-order="approve"]') == "Sure? Approve 10"
    browser.one('[data-order="approve"]').click()
    browser.until(lambda: "watching at weight 10" in browser.text(".standing"))
    browser.until(lambda: re.fullmatch(r"[1-9]\d*", browser.texts(".figures td")[0]))
    assert browser.every(".plot canvas")

    browser.one('[data-order="rollback"]').click()
    browser.one('[data-order="rollback"]').click()
    browser.until(lambda: browser.text(".standing").startswith("rolled back: v2 is at weight 0"))
    browser.until(lambda: browser.text("#connection").startswith("petmesh has ended"))
    assert ramp.wait(60) == ROLLED_BACK
    assert "roll back: asked for" in browser.text(".journal")
