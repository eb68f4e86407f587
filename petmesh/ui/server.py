"""The page's server: its files, its feed, and what a browser may ask for."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from aiohttp import web

from petmesh.host.ports import LOOPBACK, is_free
from petmesh.ui.access import Tokens, only_from_here, with_headers
from petmesh.ui.feed import Feed, Json

STATIC: Final = Path(__file__).with_name("static")
_BEAT_SECONDS: Final = 2.0
_LONGEST_BODY: Final = 2**20
_CLOSE_SECONDS: Final = 1.0
Handle = Callable[[Mapping[str, Any]], Awaitable[Json]]


class RefusalError(Exception):
    """What was asked can't be done; the text says why, in one line for the page."""


class UiPortError(Exception):
    """The page's port isn't available."""


@dataclass(frozen=True)
class Action:
    """What a browser may ask for.

    Attributes:
        handle: takes a JSON object and returns one.
        writes: whether it changes something or sends a request, so that it needs the writing token.
    """

    handle: Handle
    writes: bool = True


@dataclass
class Page:
    """What is served: the parts to look at, and what may be asked for, by name."""

    feed: Feed = field(default_factory=Feed)
    actions: dict[str, Action] = field(default_factory=dict[str, Action])


@dataclass(frozen=True)
class Links:
    """The addresses of a page; the token is in the fragment, which a browser sends to nobody.

    Attributes:
        writing: for whoever may change something.
        reading: for whoever may only look.
    """

    writing: str = field(repr=False)
    reading: str = field(repr=False)


@asynccontextmanager
async def served(page: Page, port: int | None = None) -> AsyncGenerator[Links]:
    """Serve a page on loopback while the context is open.

    Args:
        page: what is served.
        port: the port; None for any free one.

    Raises:
        UiPortError: the port is in use or not allowed.
    """
    if port is not None and not is_free(port):
        raise UiPortError(f"--ui-port = {port}: in use or not allowed: choose another")
    tokens = Tokens()
    runner = web.AppRunner(
        _application(page, tokens), access_log=None, shutdown_timeout=_CLOSE_SECONDS
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, port or 0)
        await site.start()
        number = cast("tuple[str, int]", runner.addresses[0])[1]
        base = f"http://{LOOPBACK}:{number}/#token="
        yield Links(base + tokens.writing, base + tokens.reading)
    finally:
        page.feed.end()
        # What was set last reaches the browsers.
        await asyncio.sleep(0)
        await runner.cleanup()


def _application(page: Page, tokens: Tokens) -> web.Application:
    application = web.Application(middlewares=[only_from_here], client_max_size=_LONGEST_BODY)
    application.on_response_prepare.append(with_headers)

    async def index(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def events(request: web.Request) -> web.StreamResponse:
        if not tokens.may_read(request.headers):
            return _refused(401, "the link's token is missing or of another start")
        writes = tokens.may_write(request.headers)
        hello = {"hello": {"writes": writes, "readingToken": tokens.reading if writes else ""}}
        return await _stream(request, page.feed, hello)

    async def ask(request: web.Request) -> web.StreamResponse:
        if not tokens.may_read(request.headers):
            return _refused(401, "the link's token is missing or of another start")
        action = page.actions.get(request.match_info["name"])
        if action is None:
            return _refused(404, "this page has no such action")
        if action.writes and not tokens.may_write(request.headers):
            return _refused(403, "this link only reads")
        return await _answered(action, request)

    application.router.add_get("/", index)
    application.router.add_get("/api/events", events)
    application.router.add_post("/api/{name}", ask)
    application.router.add_static("/static/", STATIC)
    return application


async def _answered(action: Action, request: web.Request) -> web.StreamResponse:
    try:
        body: object = json.loads(await request.text() or "{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return _refused(400, "the body must be a JSON object")
    try:
        return web.json_response(dict(await action.handle(cast("dict[str, Any]", body))))
    except RefusalError as error:
        return _refused(422, str(error))


def _refused(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


async def _stream(request: web.Request, feed: Feed, hello: Json) -> web.StreamResponse:
    """Send the feed as server-sent events, and a beat where nothing changes."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    # A browser that goes away ends its own request.
    with suppress(ConnectionResetError), feed.watched() as queue:
        await response.write(_event(hello))
        while True:
            try:
                change = await asyncio.wait_for(queue.get(), _BEAT_SECONDS)
            except TimeoutError:
                await response.write(b": beat\n\n")
                continue
            if change is None:
                await response.write(_event({"end": True}))
                return response
            await response.write(_event(change))
    return response


def _event(value: Json) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
