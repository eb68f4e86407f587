"""Keeps a mesh running for a person to try, and applies changes of the stack's configuration."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from demo.display import Display
from demo.pets import PETDETAILS
from demo.scenes.scene_context import PATH
from istio.routing import TESTER_COOKIE, TESTER_HEADER, TESTER_VALUE
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.fields import RefusedError
from petmesh.program.declaration import ProgramError
from petmesh.project import ROOT, project
from petmesh.rehearsal.lint import findings
from petmesh.rehearsal.origin import Origin
from petmesh.rehearsal.session import Session
from petmesh.ui.controls import Controls
from petmesh.ui.rehearsal import RehearsalPage, Rehearsed
from petmesh.ui.server import Page, served

_WATCH_SECONDS = 0.5


async def keep(session: Session, display: Display, ui_port: int | None = None) -> None:
    """Start a stack's mesh with its page, and apply changes of its configuration and typed lines.

    Args:
        session: not started yet.
        display: shows what happens.
        ui_port: the page's; None for any free one.
    """
    kept = _Kept(session, display)
    await kept.start()
    page = Page()
    controls = Controls(session, project().switches)
    rehearsed = Rehearsed(session.runtime, lambda: session.declaration, controls=controls)
    async with served(page, ui_port) as links, RehearsalPage(page, rehearsed).running():
        display.line(f"To look at: {links.writing}")
        display.line(f"To look at, and change nothing: {links.reading}")
        await _changes(kept, session)


async def _changes(kept: "_Kept", session: Session) -> None:
    lines = _typed_lines()
    seen = kept.modified()
    while True:
        session.runtime.check()
        try:
            line = await asyncio.wait_for(lines.get(), _WATCH_SECONDS)
        except TimeoutError:
            line = ""
        if line:
            await kept.take(line)
        elif kept.modified() != seen:
            await kept.follow()
        seen = kept.modified()


class _Kept:
    def __init__(self, session: Session, display: Display) -> None:
        self._session = session
        self._given = dict(session.overrides)
        self._display = display
        self._told: Origin | None = None

    async def start(self) -> None:
        self._display.progress(f"starting stack {self._session.stack}")
        await self._session.start()
        runtime = self._session.runtime
        self._warn()
        self._tell_address()
        self._display.line(f"Weights: {self._weights()}. Logs: {runtime.folder}")
        self._display.line(
            f"To change it: type a weight, KEY=VALUE or stack NAME, or edit {self._file().name}, "
            "as pulumi config set does. Ctrl-C stops everything."
        )

    async def take(self, line: str) -> None:
        """Apply a typed line."""
        word, _, rest = line.partition(" ")
        key, equals, value = line.partition("=")
        if line.isascii() and line.isdigit():
            await self.apply({"canaryWeight": line})
        elif word == "stack" and rest:
            await self.apply({}, rest.strip())
        elif equals:
            await self.apply({key.strip(): value.strip()})
        else:
            self._display.line(f"{line}: must be a weight, KEY=VALUE or stack NAME", "red")

    async def follow(self) -> None:
        """Apply the changed file; it overrides what was typed before."""
        self._session.overrides = dict(self._given)
        await self.apply({})

    async def apply(self, overrides: Mapping[str, str], stack: str | None = None) -> None:
        """Run the program again and apply what changed; an invalid change applies nothing."""
        try:
            differences, change = await self._session.change(overrides, stack=stack, lasting=True)
        except (ProgramError, RefusedError) as error:
            self._display.line(str(error), "red")
            return
        for difference in () if stack else differences:
            self._display.line(f"  {difference}")
        self._warn()
        self._display.line(
            f"Applied after {change.seconds * 1000:.0f} ms: stack {self._session.stack}, "
            f"weights {self._weights()}; {len(change.started)} pods started, "
            f"{len(change.stopped)} stopped"
        )
        if self._session.runtime.origin != self._told:
            self._tell_address()

    def _tell_address(self) -> None:
        self._told = self._session.runtime.origin
        curl, url = _curl(self._told), self._told.url + PATH
        self._display.line(f"Running: {url}", "bold green")
        self._display.line(f"  {curl} {url}")
        self._display.line(f"  {curl} -H '{TESTER_HEADER}: {TESTER_VALUE}' {url}")
        self._display.line(f"  {curl} -b {TESTER_COOKIE}={TESTER_VALUE} {url}")

    def _warn(self) -> None:
        for finding in findings(self._session.runtime.mesh):
            self._display.line(f"! {finding}", "yellow")

    def modified(self) -> int:
        """Return the time of the last change of the stack's configuration file."""
        file = self._file()
        return file.stat().st_mtime_ns if file.is_file() else 0

    def _file(self) -> Path:
        return ROOT / f"Pulumi.{self._session.stack}.yaml"

    def _weights(self) -> str:
        host = f"{PETDETAILS.name}."
        for service in self._session.runtime.mesh.virtual_services:
            if service.spec.hosts[0].startswith(host):
                return ", ".join(
                    f"{target.destination.subset} {target.weight}%"
                    for target in service.spec.http[-1].route
                )
        return "none"


def _curl(origin: Origin) -> str:
    """Return a curl command that reaches the ingress; *.localhost resolves by itself."""
    here = "" if origin.host.endswith(".localhost") else f" --connect-to ::{LOOPBACK}"
    trust = f" --cacert {origin.trust}" if origin.trust else ""
    return f"curl{here}{trust}"


def _typed_lines() -> "asyncio.Queue[str]":
    """Return lines of standard input as they are typed; none if it isn't pollable."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    pending = b""

    def read() -> None:
        nonlocal pending
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            loop.remove_reader(sys.stdin.fileno())
            return
        *whole, pending = (pending + data).split(b"\n")
        for line in whole:
            if text := _printable(line.decode(errors="replace")).strip():
                lines.put_nowait(text)

    with contextlib.suppress(OSError, ValueError):
        loop.add_reader(sys.stdin.fileno(), read)
    return lines


def _printable(text: str) -> str:
    """Return a text without control characters: an arrow key's escape sequence moves the cursor."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
