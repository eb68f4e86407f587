"""The page of a ramp: who gets what, how both versions do, the journal, and orders to the ramp."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from petmesh.ramp import control
from petmesh.ramp.driver import Listener, RampRun
from petmesh.ramp.events import (
    Approve,
    Event,
    Hooked,
    Judged,
    MetricsFailed,
    Pause,
    Resume,
    RollBack,
)
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry, read
from petmesh.ramp.locations import lock_folder
from petmesh.ramp.machine import FINAL, Phase, advance
from petmesh.ramp.measurements import Figures
from petmesh.ramp.options import Options
from petmesh.ramp.outcome import last_line, standing
from petmesh.ramp.ramp_view import RampView
from petmesh.ramp.ramping import Watch
from petmesh.ramp.targets import OpenTarget
from petmesh.ui.feed import Feed, Json
from petmesh.ui.rehearsal import RehearsalPage, Rehearsed
from petmesh.ui.server import Action, Page, RefusalError

_TAKEN_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_PLAIN: Final[Mapping[str, Event]] = {
    "pause": Pause(),
    "resume": Resume(),
    "rollback": RollBack(),
}
_ORDERS: Final = ("approve", *_PLAIN)
# What speaks against the canary, and what waits for somebody.
_BAD: Final = (Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.STUCK)
_WAITING: Final = (Phase.WAITING, Phase.PAUSED)


def watching(page: Page) -> Watch:
    """Return what shows a ramp on a page while it is driven."""
    return lambda run, place, options: _watched(page, run, place, options)


@asynccontextmanager
async def _watched(
    page: Page, run: RampRun, place: OpenTarget, options: Options
) -> AsyncGenerator[Listener]:
    shown = RampPage(page.feed, run.header, lock_folder(options))
    page.actions["order"] = Action(shown.order)
    page.feed.set("waiting", "")
    before = read(run.journal.path).entries
    # The driver tells the lines of the one that took it up.
    for entry in before[: len(before) - len(run.taken_up)]:
        shown.entry(entry)
    shown.show()
    async with AsyncExitStack() as stack:
        if place.session is not None:
            session = place.session
            rehearsed = Rehearsed(session.runtime, lambda: session.declaration, sends=False)
            await stack.enter_async_context(RehearsalPage(page, rehearsed).running())
        yield shown


class RampPage:
    """Shows a ramp by the lines of its journal, and passes orders to the process that runs it.

    Args:
        feed: gets the parts `ramp`, `journal` and `figures`.
        header: what the ramp was asked to do.
        lock: the folder in which requests to its process are put.
    """

    def __init__(self, feed: Feed, header: RampHeader, lock: Path) -> None:
        self._feed = feed
        self._header = header
        self._lock = lock
        self._view = RampView(header)
        for part in ("journal", "figures"):
            feed.set(part, [])

    def entry(self, entry: Entry) -> None:
        """Take a line of the journal."""
        self._view.entry(entry)
        event = entry.event
        self._feed.add("journal", _line(entry))
        if isinstance(event, Judged):
            self._feed.add("figures", self._point(entry, event))
        self.show()

    def show(self) -> None:
        """Show where the ramp stands."""
        header, state = self._header, self._view.state
        ended = state.phase in FINAL or state.phase is Phase.STUCK
        left = self._view.left
        self._feed.set(
            "ramp",
            {
                "title": header.title,
                "members": [each.model_dump() for each in header.members],
                "begun": header.at,
                "target": header.target,
                "stages": [str(each) for each in header.plan.stages],
                "stage": state.stage,
                "phase": state.phase.value,
                "weight": state.weight,
                "mirror": state.mirror,
                "tone": _tone(state.phase),
                "line": last_line(header, state) if ended else standing(header, state),
                "verdict": self._view.verdict,
                "ends": None if left is None else round(time.time() + left, 1),
                "gate": self._gate(),
                "orders": [] if ended else [name for name in _ORDERS if self._changes(name)],
            },
        )

    async def order(self, asked: Mapping[str, Any]) -> Json:
        """Ask the ramp's process to do `order`; an approval names the `gate` that it opens.

        Raises:
            RefusalError: there is no such order, it changes nothing now, or nobody takes it.
        """
        name, gate = str(asked.get("order")), self._gate()
        if name not in _ORDERS:
            raise RefusalError(f"order = {name}: must be one of {', '.join(_ORDERS)}")
        if name == "approve" and asked.get("gate") != gate:
            raise RefusalError(f"gate = {asked.get('gate')}: the ramp waits at {gate or 'none'}")
        if not self._changes(name):
            where = standing(self._header, self._view.state)
            raise RefusalError(f"{name} changes nothing: {where}")
        await self._ask(self._event(name))
        return {}

    async def _ask(self, event: Event) -> None:
        """Put a request to the ramp's process, and wait until it was taken; else take it back."""
        try:
            request = control.send(self._lock, self._header.stack, event)
        except (control.IdleError, control.BusyError) as error:
            raise RefusalError(str(error)) from error
        deadline = time.monotonic() + _TAKEN_SECONDS
        while request.exists():
            if time.monotonic() > deadline:
                with suppress(OSError):
                    request.unlink()
                raise RefusalError(f"the ramp didn't take it within {_TAKEN_SECONDS:g} s")
            await asyncio.sleep(_POLL_SECONDS)

    def _changes(self, name: str) -> bool:
        plan, state = self._header.plan, self._view.state
        return advance(plan, state, self._event(name)).state != state

    def _event(self, name: str) -> Event:
        return Approve(gate=self._gate()) if name == "approve" else _PLAIN[name]

    def _gate(self) -> str:
        """The gate that the ramp waits at; empty for none."""
        state = self._view.state
        waits = state.phase is Phase.WAITING
        return str(self._header.plan.gate_name(state.stage + 1)) if waits else ""

    def _point(self, entry: Entry, event: Judged) -> Json:
        return {
            "at": _seconds(entry.at),
            "weight": entry.state.weight,
            "members": {
                service: {
                    # Copies are no share of the requests.
                    "share": None if entry.state.mirror else _finite(seen.share),
                    "stable": _figures(seen.stable),
                    "canary": _figures(seen.canary),
                }
                for service, seen in event.observations.items()
            },
        }


def _line(entry: Entry) -> dict[str, Any]:
    """Return a line of the journal for people."""
    event, state = entry.event, entry.state
    text = event.kind
    if isinstance(event, Judged):
        text = f"{event.outcome.value}: {event.reason}"
    elif isinstance(event, MetricsFailed):
        text = f"no metrics for {event.lasting:.0f} s: {event.reason}"
    elif isinstance(event, Hooked):
        text = f"hook {event.when}: {event.output}"
    elif reason := getattr(event, "reason", "") or state.reason:
        text = f"{event.kind}: {reason}"
    return {
        "at": _seconds(entry.at),
        "weight": state.weight,
        "phase": state.phase.value,
        "tone": _tone(state.phase),
        "text": text,
    }


def _tone(phase: Phase) -> str:
    if phase in _BAD:
        return "bad"
    if phase is Phase.PROMOTED:
        return "good"
    return "odd" if phase in _WAITING else ""


def _figures(figures: Figures) -> dict[str, float | None]:
    rate = figures.success_rate
    return {
        "requests": figures.requests,
        "failed": None if rate is None else _finite(100 - rate),
        "p50": _finite(figures.quantile(0.5)),
        "p99": _finite(figures.quantile(0.99)),
    }


def _finite(number: float | None) -> float | None:
    """Return a number that JSON has; None where it isn't known."""
    return None if number is None or not math.isfinite(number) else round(number, 3)


def _seconds(at: str) -> float:
    """Return a moment of the journal in seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()
