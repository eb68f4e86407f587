"""A ramp on the page, by the lines of its journal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from petmesh.ramp import control
from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import Approve, Done, Event, Judged, MetricsFailed, RollBack
from petmesh.ramp.header import Member, RampHeader
from petmesh.ramp.journal import Entry
from petmesh.ramp.machine import advance, begin
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from petmesh.ui.feed import Feed
from petmesh.ui.ramp import RampPage
from petmesh.ui.server import RefusalError

PLAN = Plan(steps=(10, 100), gates=(100,), hold=60.0, interval=10.0)
HEADER = RampHeader(
    at="2026-01-02T03:04:00.000Z",
    stack="dev",
    members=(Member(service="cart", stable="v1", canary="v2"),),
    target="cluster",
    plan=PLAN,
)
GOOD = Figures(requests=90, errors=0, answers=90, within={10.0: 80, 50.0: 90})
BAD = Figures(requests=10, errors=5, answers=0, within={})


class _Ramp:
    """A ramp that events drive, and the page that shows it."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        self.feed = Feed()
        self.page = RampPage(self.feed, HEADER, lock)
        self._state = begin(PLAN).state
        self.page.show()

    def happen(self, *events: Event) -> "_Ramp":
        for event in events:
            transition = advance(PLAN, self._state, event)
            self._state = transition.state
            entry = Entry("2026-01-02T03:05:00.000Z", event, transition.state, transition.action)
            self.page.entry(entry)
        return self

    def part(self, name: str) -> Any:  # noqa: ANN401
        with self.feed.watched() as queue:
            held: Any = queue.get_nowait()
            return held["parts"][name]

    async def ask(self, **asked: str) -> list[Event]:
        """Ask for an order while a process takes what comes, and return what it took."""
        taken: list[Event] = []

        async def take() -> None:
            while True:
                taken.extend(control.take(self.lock))
                await asyncio.sleep(0.01)

        with control.held(self.lock, "dev"):
            taking = asyncio.create_task(take())
            try:
                await self.page.order(asked)
            finally:
                taking.cancel()
        return taken


@pytest.fixture
def ramp(tmp_path: Path) -> _Ramp:
    return _Ramp(tmp_path / "lock")


def _judged(outcome: Outcome = Outcome.PASS, held: float = 60.0) -> Judged:
    seen = Observation(seconds=10.0, stable=GOOD, canary=BAD)
    return Judged(
        outcome=outcome, reason="all is well", held=held, clean=True, observations={"cart": seen}
    )


def test_the_page_tells_who_gets_what_and_where_the_ramp_stands(ramp: _Ramp) -> None:
    shown = ramp.happen(Done()).part("ramp")
    assert shown["title"] == "v1 to v2"
    assert shown["members"] == [{"service": "cart", "stable": "v1", "canary": "v2"}]
    assert (shown["weight"], shown["phase"], shown["stages"]) == (10, "watching", ["10%", "100%"])
    assert shown["line"] == "v2 is watching at weight 10"
    assert shown["ends"] is not None


def test_an_evaluation_is_a_point_of_both_versions_curves(ramp: _Ramp) -> None:
    [point] = ramp.happen(Done(), _judged(held=10.0)).part("figures")
    figures = point["members"]["cart"]
    assert (point["weight"], figures["share"]) == (10, 10)
    assert figures["canary"] == {"requests": 10, "failed": 50, "p50": None, "p99": None}
    assert figures["stable"]["failed"] == 0
    assert figures["stable"]["p50"] == pytest.approx(5.625)


def test_the_journal_is_told_line_by_line(ramp: _Ramp) -> None:
    lines = ramp.happen(Done(), MetricsFailed(reason="gone", lasting=3.0), RollBack()).part(
        "journal"
    )
    assert [each["text"] for each in lines] == [
        "done",
        "no metrics for 3 s: gone",
        "roll back: asked for",
    ]
    assert [each["tone"] for each in lines] == ["", "", "bad"]


def test_what_changes_something_now_is_offered(ramp: _Ramp) -> None:
    assert ramp.happen(Done()).part("ramp")["orders"] == ["pause", "rollback"]
    waiting = ramp.happen(_judged()).part("ramp")
    assert (waiting["orders"], waiting["gate"]) == (["approve", "pause", "rollback"], "100")


def test_of_a_ramp_that_ended_nothing_is_offered(ramp: _Ramp) -> None:
    ended = ramp.happen(Done(), RollBack(), Done()).part("ramp")
    assert ended["orders"] == []
    assert ended["line"].startswith("rolled back: v2 is at weight 0")
    assert ended["tone"] == "bad"


async def test_an_order_reaches_the_process_that_runs_the_ramp(ramp: _Ramp) -> None:
    assert await ramp.happen(Done()).ask(order="rollback") == [RollBack()]


async def test_an_approval_opens_the_gate_that_was_seen(ramp: _Ramp) -> None:
    ramp.happen(Done(), _judged())
    assert await ramp.ask(order="approve", gate="100") == [Approve(gate="100")]
    with pytest.raises(RefusalError, match=r"^gate = 50: the ramp waits at 100$"):
        await ramp.ask(order="approve", gate="50")


async def test_a_late_approval_opens_nothing(ramp: _Ramp) -> None:
    ramp.happen(Done())
    with pytest.raises(RefusalError, match=r"^gate = 100: the ramp waits at none$"):
        await ramp.ask(order="approve", gate="100")


@pytest.mark.parametrize("order", ["resume", "promote", "", "approve"])
async def test_what_changes_nothing_is_refused(ramp: _Ramp, order: str) -> None:
    ramp.happen(Done())
    with pytest.raises(RefusalError):
        await ramp.ask(order=order, gate="")


async def test_where_no_process_runs_the_ramp_it_is_told(ramp: _Ramp) -> None:
    ramp.happen(Done())
    with pytest.raises(RefusalError, match="no process runs a ramp"):
        await ramp.page.order({"order": "pause"})


async def test_an_order_that_nobody_takes_is_taken_back(
    ramp: _Ramp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("petmesh.ui.ramp._TAKEN_SECONDS", 0.01)
    ramp.happen(Done())
    with control.held(ramp.lock, "dev"):
        with pytest.raises(RefusalError, match="didn't take it"):
            await ramp.page.order({"order": "pause"})
        assert list(control.take(ramp.lock)) == []
