"""Ramps through real Envoy: a good, a failing, a slow and a crashing canary, and a mirrored one."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.ramps.ramps import REHEARSED, WORKLOAD, load_totals, new_ramp, session_of, until_passed
from petmesh.cli.app import main
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.events import Judged
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase, State
from petmesh.ramp.plan import Kind, Plan
from petmesh.ramp.target import Release
from petmesh.ramp.targets import OpenTarget, rehearsed
from tests.unit.ramp.fakes import SERVICE

pytestmark = pytest.mark.envoy

# Latencies of a busy machine vary by tens of milliseconds.
PLAN = Plan(
    steps=(25, 100),
    hold=2.0,
    interval=0.5,
    silence=20.0,
    wait=60.0,
    conditions=Conditions(
        min_requests=100, warm_up=0.0, latency_margin_ms=100.0, success_rate=98.0
    ),
)


async def ramped(
    folder: Path, faults: Mapping[str, str], plan: Plan = PLAN
) -> tuple[State, Release, int]:
    """A whole ramp: how it ended, what was live then, and how many requests of the load failed."""
    async with rehearsed(replace(REHEARSED, faults=faults)) as place:
        driver, journal = new_ramp(plan, place.target, folder)
        state = await driver.run()
        journal.close()
        return state, await live_at(place), load_totals(place)[1]


async def live_at(place: OpenTarget) -> Release:
    return (await place.target.releases())[SERVICE]


def test_a_good_canary_is_promoted_and_no_request_fails(tmp_path: Path) -> None:
    state, live, failed = asyncio.run(ramped(tmp_path, {}))
    assert (state.phase, live, failed) == (Phase.PROMOTED, Release("v2", ""), 0)


def test_a_good_canary_is_promoted_by_a_switch_at_once(tmp_path: Path) -> None:
    told = ["--hold", "3s", "--interval", "1s", "--silence", "30s", "--warm-up", "0s"]
    command = ["ramp", "--target", "rehearsal", "--blue-green", "--journal", str(tmp_path), *told]
    assert main(command) == 0
    record = latest(tmp_path)
    assert record is not None
    assert record.header.before is not None
    assert record.state.phase is Phase.PROMOTED


def test_a_failing_canary_goes_back_though_retries_hide_its_errors_from_callers(
    tmp_path: Path,
) -> None:
    state, live, failed = asyncio.run(ramped(tmp_path, {"FAULT_ERROR_PERCENT": "8"}))
    assert (state.phase, live) == (Phase.ROLLED_BACK, Release("v1", "v2"))
    assert state.reason.startswith("success ")
    assert failed <= 3, "three tries in a row fail once in 2,000 requests"


def test_a_slow_canary_goes_back(tmp_path: Path) -> None:
    state, live, failed = asyncio.run(ramped(tmp_path, {"FAULT_DELAY_MILLISECONDS": "250"}))
    assert (state.phase, live, failed) == (Phase.ROLLED_BACK, Release("v1", "v2"), 0)
    assert state.reason.startswith("slower than stable: p50 ")


def test_a_crashing_canary_goes_back_and_then_nothing_fails(tmp_path: Path) -> None:
    async def run() -> tuple[State, Release, int]:
        plan = PLAN.model_copy(update={"hold": 60.0, "silence": 3.0})
        async with rehearsed(REHEARSED) as place:
            driver, journal = new_ramp(plan, place.target, tmp_path)
            task = asyncio.create_task(driver.run())
            await until_passed(driver, 25, 1)
            crash(place)
            state = await task
            journal.close()
            _, before = load_totals(place)
            await asyncio.sleep(1)
            return state, await live_at(place), load_totals(place)[1] - before

    state, live, failed_after = asyncio.run(run())
    assert (state.phase, live) == (Phase.ROLLED_BACK, Release("v1", "v2"))
    # What was under way when weight 0 came may still fail.
    assert failed_after <= 8


def crash(place: OpenTarget) -> None:
    runtime = session_of(place).runtime
    for pod in runtime.pods_of(WORKLOAD):
        runtime.faults.crash(pod.name)


def test_a_failing_canary_is_found_by_mirrored_requests_before_any_caller_meets_it(
    tmp_path: Path,
) -> None:
    plan = PLAN.model_copy(update={"mirror_percent": 50, "mirror_hold": 3.0})
    state, live, failed = asyncio.run(ramped(tmp_path, {"FAULT_ERROR_PERCENT": "100"}, plan))
    assert (state.phase, live, failed) == (Phase.ROLLED_BACK, Release("v1", "v2"), 0)
    record = latest(tmp_path)
    assert record is not None
    assert plan.stages[state.stage].kind is Kind.MIRROR
    judged = [entry.event for entry in record.entries if isinstance(entry.event, Judged)]
    assert sum(each.observations[SERVICE].canary.errors for each in judged) >= 10
