"""People are told of a ramp by Apprise's addresses."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import now
from petmesh.ramp.machine import Phase
from petmesh.ramp.notifications import Notifications
from tests.unit.ramp.commanded import PLAN, run
from tests.unit.ramp.fakes import BAD, MEMBERS, QUICK, FakeTarget, start

HEADER = RampHeader(at=now(), stack="dev", target="fake", members=MEMBERS, plan=QUICK)


@asynccontextmanager
async def chat(status: int = 200) -> AsyncGenerator[tuple[str, list[dict[str, Any]]]]:
    """A server of a chat, and what it was posted: Apprise's address of it."""
    received: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response(status=status)

    application = web.Application()
    application.router.add_post("/hooks/secret", take)
    async with TestServer(application) as server:
        yield str(server.make_url("/hooks/secret").with_scheme("json")), received


async def test_people_are_told_how_a_ramp_ended(tmp_path: Path) -> None:
    async with chat() as (url, received):
        people = Notifications([url], HEADER)
        state = await start(tmp_path, FakeTarget(canary=BAD), listeners=(people,)).run()
        await people.close(20)
    assert state.phase is Phase.ROLLED_BACK
    texts = [each["message"] for each in received]
    assert any("v2 is rolled back at 0%: success 40.00%" in each for each in texts)
    assert {each["title"] for each in received} == {"petmesh: dev"}
    assert people.dropped == 0


async def test_what_people_are_not_told_is_counted(tmp_path: Path) -> None:
    async with chat(status=500) as (url, _):
        people = Notifications([url], HEADER)
        await start(tmp_path, FakeTarget(canary=BAD), listeners=(people,)).run()
        await people.close(30)
    assert people.dropped == 3


def test_an_address_that_is_none_of_apprises_is_a_mistake_and_is_not_shown(
    tmp_path: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    for url, scheme in (("nope://hunter2", "nope"), ("hunter2", "without ://")):
        assert run(tmp_path, "ramp", *PLAN, "--notify", "json://localhost", "--notify", url) == 2
        error = capsys.readouterr().err
        assert f"--notify: address 2 ({scheme}) is none that Apprise knows" in error
        assert "hunter2" not in error
    assert target.changes == []


def test_addresses_are_taken_from_the_environment(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_NOTIFY", "json://127.0.0.1:1 nope://x")
    assert run(tmp_path, "ramp", *PLAN) == 2
    assert target.changes == []
