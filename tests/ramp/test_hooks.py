"""Hooks between the steps: when they are called, and what one that fails does."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from petmesh.ramp.events import Hooked, RollBack
from petmesh.ramp.hooks import Hook, When
from petmesh.ramp.journal import latest
from petmesh.ramp.machine import Phase
from petmesh.ramp.plan import Plan
from petmesh.ramp.target import Release
from tests.unit.ramp.commanded import PLAN, run
from tests.unit.ramp.fakes import BAD, QUICK, FakeTarget, start


def plan(*hooks: Hook, timeout: float = 20.0) -> Plan:
    return QUICK.model_copy(update={"steps": (10, 100), "hooks": hooks, "hook_timeout": timeout})


def told(folder: Path) -> list[Hooked]:
    record = latest(folder)
    assert record is not None
    return [each.event for each in record.entries if isinstance(each.event, Hooked)]


async def test_each_hook_is_called_at_its_time_and_its_output_is_in_the_journal(
    tmp_path: Path,
) -> None:
    target = FakeTarget()
    script = "import os; print(os.environ['PETMESH_WHEN'], os.environ['PETMESH_WEIGHT'])"
    hooks = [Hook(when=when, call=f'{sys.executable} -c "{script}"') for when in When]
    state = await start(tmp_path, target, plan(*hooks)).run()
    assert state.phase is Phase.PROMOTED
    assert [each.output for each in told(tmp_path)] == [
        "before-ramp 10",
        "before-step 10",
        "after-step 10",
        "before-step 100",
        "after-step 100",
        "before-promotion 100",
    ]


@pytest.mark.parametrize(
    ("when", "changes"), [(When.RAMP, [0]), (When.STEP, [0]), (When.STEPPED, [10, 0])]
)
async def test_a_hook_that_fails_sets_no_further_weight_and_takes_the_canary_back(
    tmp_path: Path, when: When, changes: list[int]
) -> None:
    target = FakeTarget()
    script = "import sys; print('smoke test: 3 of 9 failed'); sys.exit(3)"
    hook = Hook(when=when, call=f'{sys.executable} -c "{script}"')
    state = await start(tmp_path, target, plan(hook)).run()
    assert state.phase is Phase.ROLLED_BACK
    assert f"hook {when}: status 3: smoke test: 3 of 9 failed" in state.reason
    assert [each.weight for each in target.changes] == changes
    assert [each.good for each in told(tmp_path)] == [False]


async def test_a_hook_that_fails_before_the_promotion_leaves_the_canary_at_100(
    tmp_path: Path,
) -> None:
    target = FakeTarget()
    driver = start(tmp_path, target, plan(Hook(when=When.PROMOTION, call="false")))
    task = asyncio.create_task(driver.run())
    async with asyncio.timeout(20):
        while driver.state.phase is not Phase.PAUSED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "the promotion failed: hook before-promotion: status 1" in driver.state.reason
    assert target.live == Release("v1", "v2", 100)
    driver.post(RollBack())
    assert (await task).phase is Phase.ROLLED_BACK


async def test_a_hook_on_rollback_is_called_once_weight_0_is_in_force_and_holds_up_nothing(
    tmp_path: Path,
) -> None:
    target = FakeTarget(canary=BAD)
    hooks = [Hook(when=When.ROLLBACK, call=each) for each in ("false", "echo back", "no-such-one")]
    state = await start(tmp_path, target, plan(*hooks)).run()
    assert state.phase is Phase.ROLLED_BACK
    assert target.live == Release("v1", "v2")
    assert [(each.good, each.output) for each in told(tmp_path)] == [
        (False, "status 1:"),
        (True, "back"),
        (False, "it can't be run: No such file or directory"),
    ]


async def test_a_hook_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    target = FakeTarget()
    hook = Hook(when=When.STEP, call="sh -c 'sleep 600 & wait'")
    state = await start(tmp_path, target, plan(hook, timeout=0.2)).run()
    assert "hook before-step: no end within 0.2 s" in state.reason


async def test_going_back_waits_for_no_hook(tmp_path: Path) -> None:
    driver = start(tmp_path, FakeTarget(), plan(Hook(when=When.STEP, call="sleep 600")))
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.3)
    driver.post(RollBack())
    async with asyncio.timeout(20):
        assert (await task).phase is Phase.ROLLED_BACK


@asynccontextmanager
async def server(status: int) -> AsyncGenerator[tuple[str, list[dict[str, str]]]]:
    received: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response(status=status, text="e2e: fine", headers={"Location": "/login"})

    application = web.Application()
    application.router.add_post("/hook", answer)
    async with TestServer(application) as server:
        yield str(server.make_url("/hook?key=hunter2")), received


async def test_an_address_is_told_where_the_ramp_stands(tmp_path: Path) -> None:
    async with server(204) as (url, received):
        state = await start(tmp_path, FakeTarget(), plan(Hook(when=When.STEP, call=url))).run()
    assert state.phase is Phase.PROMOTED
    assert received[0] == {
        "when": "before-step",
        "stack": "local",
        "group": "",
        "service": "petdetailsservice",
        "stable": "v1",
        "canary": "v2",
        "weight": "10",
    }


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_an_address_that_answers_no_2xx_fails_and_is_not_shown(
    tmp_path: Path, status: int
) -> None:
    async with server(status) as (url, _):
        state = await start(tmp_path, FakeTarget(), plan(Hook(when=When.STEP, call=url))).run()
    assert f"hook before-step: status {status}: e2e: fine" in state.reason
    gone = Hook(when=When.STEP, call="http://127.0.0.1:1/?key=hunter2")
    state = await start(tmp_path, FakeTarget(), plan(gone)).run()
    assert "hook before-step: it doesn't answer: Client" in state.reason
    assert "hunter2" not in state.reason


def test_hooks_are_given_on_the_command_line(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = ["--hook", "before-step=echo smoke test", "--hook-timeout", "5s"]
    assert run(tmp_path, "ramp", *PLAN, *hook) == 0
    assert "smoke test" in capsys.readouterr().out
    assert run(tmp_path, "ramp", *PLAN, "--hook", "sometimes=true") == 2
    assert run(tmp_path, "ramp", *PLAN, "--hook", "before-step='") == 2
    assert "--hook = " in capsys.readouterr().err
    assert target.live == Release("v2", "")
