"""The webhook: what it is told, and that a ramp never waits for it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from petmesh.ramp.events import Interrupt, Pause
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import now
from petmesh.ramp.machine import Phase
from petmesh.ramp.plan import OnInterrupt
from petmesh.ramp.webhook import Webhook
from tests.unit.ramp.fakes import BAD, MEMBERS, QUICK, FakeTarget, start

OPENING = RampHeader(
    at=now(),
    stack="local",
    target="fake",
    members=MEMBERS,
    plan=QUICK,
)
Received = list[dict[str, Any]]
HANGS = 120.0


@asynccontextmanager
async def receiver(status: Callable[[int], int]) -> AsyncGenerator[tuple[str, Received]]:
    """A webhook on loopback; `status` gives the answer to each attempt by its number."""
    received: Received = []
    attempts = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal attempts
        attempts += 1
        code = status(attempts)
        if code == 0:
            await asyncio.sleep(HANGS)
        if code < 300:
            received.append(json.loads(await request.read()))
        return web.Response(status=code)

    application = web.Application()
    application.router.add_post("/hook", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/hook", received
    finally:
        await runner.cleanup()


async def test_how_it_ended_is_told_before_what_still_waits_to_be_told(tmp_path: Path) -> None:
    async with receiver(lambda attempt: 503 if attempt == 1 else 204) as (url, received):
        webhook = Webhook(url, OPENING)
        await roll_back_with(webhook, tmp_path)
        await webhook.close(5)
    assert [each["phase"] for each in received] == ["watching", "rolled back", "rolling back"]


async def roll_back_with(webhook: Webhook, folder: Path) -> None:
    """Ramp a bad canary."""
    state = await start(folder, FakeTarget(canary=BAD), listeners=(webhook,)).run()
    assert state.phase is Phase.ROLLED_BACK


async def test_every_change_of_phase_is_told_in_order_and_again_until_it_arrives(
    tmp_path: Path,
) -> None:
    async with receiver(lambda attempt: 503 if attempt == 3 else 204) as (url, received):
        webhook = Webhook(url, OPENING)
        await roll_back_with(webhook, tmp_path)
        await webhook.close(5)
    assert [each["phase"] for each in received] == ["watching", "rolling back", "rolled back"]
    assert received[-1]["text"].startswith(
        "local: petdetailsservice v2 is rolled back at 0%: success 40.00%"
    )
    assert received[-1]["weight"] == 0
    assert webhook.dropped == 0


async def test_that_nobody_watches_a_paused_ramp_any_more_is_told_first(tmp_path: Path) -> None:
    async with receiver(lambda attempt: 503 if attempt == 1 else 204) as (url, received):
        webhook = Webhook(url, OPENING)
        plan = QUICK.model_copy(update={"on_interrupt": OnInterrupt.PAUSE, "hold": 60.0})
        driver = start(tmp_path, FakeTarget(), plan, (webhook,))
        for event in (Pause(), Interrupt()):
            driver.post(event)
        state = await driver.run()
        await webhook.close(5)
    assert (state.phase, state.left) == (Phase.PAUSED, True)
    assert [(each["phase"], each["left"]) for each in received] == [
        ("watching", False),
        ("paused", True),
        ("paused", False),
    ]
    text = "local: petdetailsservice v2 is paused at 10% and nothing watches it: asked for"
    assert received[1]["text"] == text


async def test_a_webhook_that_hangs_holds_nothing_up_and_what_is_lost_is_counted(
    tmp_path: Path,
) -> None:
    async with receiver(lambda _: 0) as (url, _):
        webhook = Webhook(url, OPENING, timeout=HANGS)
        # What waits for the webhook doesn't end at all.
        async with asyncio.timeout(HANGS / 2):
            await roll_back_with(webhook, tmp_path)
            await webhook.close(0.2)
        assert webhook.dropped == 3


async def test_an_address_where_nobody_listens_is_given_up(tmp_path: Path) -> None:
    webhook = Webhook("http://127.0.0.1:1/hook", OPENING)
    await roll_back_with(webhook, tmp_path)
    await webhook.close(10)
    assert webhook.dropped == 3
