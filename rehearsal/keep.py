"""Keeps a mesh running for a person to try, and follows the stack's configuration."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from apps.catalog import PETDETAILS
from istio.routing import TESTER_COOKIE, TESTER_HEADER, TESTER_VALUE
from rehearsal.difference import compare
from rehearsal.findings import findings
from rehearsal.objects.fields import RefusedError
from rehearsal.objects.mesh import gather
from rehearsal.program import Declaration, ProgramError, declare
from rehearsal.report import Report
from rehearsal.runtime import Runtime
from rehearsal.scenes import PATH, with_placeholders
from rehearsal.stackconfig import ROOT

_WATCH_SECONDS = 0.5


async def keep(runtime: Runtime, stack: str, overrides: Mapping[str, str], report: Report) -> None:
    """Start a stack's mesh and put in force what its configuration or a typed line asks for.

    Args:
        runtime: not started yet; the caller stops it.
        stack: whose program is run first.
        overrides: configuration that wins over the stack's.
        report: where to say what happens.
    """
    kept = _Kept(runtime, stack, dict(overrides), report)
    await kept.start()
    lines = _typed_lines()
    seen = kept.modified()
    while True:
        runtime.check()
        try:
            line = await asyncio.wait_for(lines.get(), _WATCH_SECONDS)
        except TimeoutError:
            line = ""
        if line:
            await kept.take(line)
        elif kept.modified() != seen:
            await kept.apply()
        seen = kept.modified()


class _Kept:
    def __init__(
        self, runtime: Runtime, stack: str, overrides: dict[str, str], report: Report
    ) -> None:
        self._runtime = runtime
        self._stack = stack
        self._overrides = overrides
        self._report = report
        self._declaration: Declaration | None = None

    async def start(self) -> None:
        self._report.progress(f"starting stack {self._stack}")
        self._declaration = await self._declare(self._stack, self._overrides)
        mesh = gather(self._declaration)
        await self._runtime.start(mesh)
        for finding in findings(mesh):
            self._report.line(f"! {finding}", "yellow")
        url = self._runtime.url + PATH
        self._report.line(f"Running: {url}", "bold green")
        self._report.line(f"  curl {url}")
        self._report.line(f"  curl -H '{TESTER_HEADER}: {TESTER_VALUE}' {url}")
        self._report.line(f"  curl -b {TESTER_COOKIE}={TESTER_VALUE} {url}")
        self._report.line(f"Weights: {self._weights()}. Logs: {self._runtime.folder}")
        self._report.line(
            f"To change it: type a weight, or KEY=VALUE, or stack NAME; or change {self._file()}, "
            "as pulumi config set does. Ctrl-C stops everything."
        )

    async def take(self, line: str) -> None:
        """Act on a typed line."""
        word, _, rest = line.partition(" ")
        if line.isascii() and line.isdigit():
            await self.apply(overrides={"canaryWeight": line})
        elif word == "stack" and rest:
            await self.apply(stack=rest.strip())
        elif "=" in line:
            key, _, value = line.partition("=")
            await self.apply(overrides={key.strip(): value.strip()})
        else:
            self._report.line(f"{line}: must be a weight, KEY=VALUE or stack NAME", "red")

    async def apply(
        self, *, stack: str | None = None, overrides: Mapping[str, str] | None = None
    ) -> None:
        """Run the program again and put in force what changed; a mistake changes nothing."""
        wanted_stack = stack or self._stack
        wanted = {**self._overrides, **(overrides or {})}
        try:
            declaration = await self._declare(wanted_stack, wanted)
            mesh = gather(declaration)
        except (ProgramError, RefusedError) as error:
            self._report.line(str(error), "red")
            return
        differences = compare(self._declaration, declaration) if self._declaration else ()
        change = await self._runtime.apply(mesh)
        self._declaration, self._stack, self._overrides = declaration, wanted_stack, wanted
        shown = differences if wanted_stack == declaration.stack and stack is None else ()
        for difference in shown:
            self._report.line(f"  {difference}")
        for finding in findings(mesh):
            self._report.line(f"! {finding}", "yellow")
        self._report.line(
            f"In force after {change.seconds * 1000:.0f} ms: stack {wanted_stack}, weights "
            f"{self._weights()}, {len(change.started)} pods started, {len(change.stopped)} stopped"
        )

    def modified(self) -> int:
        """When the stack's configuration was changed last."""
        file = self._file()
        return file.stat().st_mtime_ns if file.is_file() else 0

    def _file(self) -> Path:
        return ROOT / f"Pulumi.{self._stack}.yaml"

    def _weights(self) -> str:
        host = f"{PETDETAILS.name}."
        for service in self._runtime.mesh.virtual_services:
            if service.spec.hosts[0].startswith(host):
                return ", ".join(
                    f"{target.destination.subset} {target.weight}%"
                    for target in service.spec.http[-1].route
                )
        return "none"

    async def _declare(self, stack: str, overrides: Mapping[str, str]) -> Declaration:
        return await asyncio.to_thread(declare, stack, with_placeholders(stack, overrides))


def _typed_lines() -> "asyncio.Queue[str]":
    """Lines of standard input as they are typed; none where it can't be waited for."""
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
            if text := line.decode(errors="replace").strip():
                lines.put_nowait(text)

    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except (OSError, ValueError):
        pass
    return lines
