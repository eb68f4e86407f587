"""A ramp's report, as its reader sees it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from petmesh.ramp.conditions import Conditions
from petmesh.ramp.events import Done
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry, Record
from petmesh.ramp.machine import advance, begin
from petmesh.ramp.report import html
from tests.unit.ramp.fakes import MEMBERS, QUICK

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def one_change(seconds: float) -> Record:
    """A ramp whose first weight came into force so many seconds after it began."""
    header = RampHeader(
        at=BEGUN.isoformat(), stack="local", target="fake", members=MEMBERS, plan=QUICK
    )
    begun = begin(QUICK)
    then = advance(QUICK, begun.state, Done())
    at = (BEGUN + timedelta(seconds=seconds)).isoformat()
    return Record(Path("journal"), header, [Entry(at, Done(), then.state, then.action)], whole=0)


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.0, ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]),
        (6.2, ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]),
        (25.0, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s"]),
    ],
)
def test_a_plots_times_are_whole_seconds_where_they_stand(
    seconds: float, labels: list[str]
) -> None:
    page = html(one_change(seconds))

    first_plot = page[page.index("<svg") : page.index("</svg>")]
    assert re.findall(r'class="time">([^<]*)<', first_plot) == labels


def test_the_report_needs_nothing_else() -> None:
    page = html(one_change(1.0))

    assert not re.search(r"https?:|src=|url\(|@import|<script|<link", page)


def test_conditions_are_told_as_text() -> None:
    record = one_change(1.0)
    own = Conditions(own={"carts lost": 2.0, "timeouts": None}, p99_ms=250)
    plan = QUICK.model_copy(update={"conditions": own})

    page = html(replace(record, header=record.header.model_copy(update={"plan": plan})))

    [told] = re.findall(r"Conditions: (.*)\. Evaluated", page)
    assert told.endswith(
        "success rate off, p50 ms off, p99 ms 250.0, compared in failures and latency, "
        "carts lost at most 2%, timeouts no worse"
    )
