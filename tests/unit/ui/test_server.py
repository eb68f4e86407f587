"""Who may ask the page's server what."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from petmesh.host.ports import Ports
from petmesh.ui.feed import Json
from petmesh.ui.server import Action, Page, RefusalError, UiPortError, served

OURS = {"Content-Type": "application/json"}


class _Opened:
    """A served page, and requests to it."""

    def __init__(self, session: aiohttp.ClientSession, writing: str, reading: str) -> None:
        self._session = session
        self.base, _, self.writing = writing.partition("/#token=")
        self.reading = reading.partition("/#token=")[2]

    async def post(
        self, name: str, token: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {token}", **headers}
        url = f"{self.base}/api/{name}"
        async with self._session.post(url, json=body or {}, headers=sent) as response:
            text = await response.text()
            plain = response.content_type != "application/json"
            return response.status, text if plain else await response.json()

    async def get(self, path: str, **headers: str) -> tuple[int, Mapping[str, str]]:
        async with self._session.get(self.base + path, headers=headers) as response:
            return response.status, response.headers

    async def first_events(self, token: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(f"{self.base}/api/events", headers=headers) as response:
            if response.status != 200:
                return response.status, await response.read()
            told = await response.content.readuntil(b"\n\n")
            return response.status, told + await response.content.readuntil(b"\n\n")


@asynccontextmanager
async def _opened(page: Page) -> AsyncGenerator[_Opened]:
    async with served(page) as links, aiohttp.ClientSession() as session:
        yield _Opened(session, links.writing, links.reading)


async def _double(asked: Mapping[str, Any]) -> Json:
    if not isinstance(asked.get("number"), int):
        raise RefusalError(f"number = {asked.get('number')}: must be a whole number")
    return {"number": 2 * asked["number"]}


def _page() -> Page:
    page = Page(actions={"double": Action(_double), "peek": Action(_double, writes=False)})
    page.feed.set("about", {"title": "stack local"})
    return page


async def test_the_writing_token_may_do_everything() -> None:
    async with _opened(_page()) as page:
        for name in ("double", "peek"):
            assert await page.post(name, page.writing, {"number": 4}) == (200, {"number": 8})


async def test_the_reading_token_looks_and_changes_nothing() -> None:
    async with _opened(_page()) as page:
        assert await page.post("peek", page.reading, {"number": 4}) == (200, {"number": 8})
        status, held = await page.post("double", page.reading, {"number": 4})
        assert (status, held) == (403, {"error": "this link only reads"})


@pytest.mark.parametrize("token", ["", "x", "Bearer", "ä"])
async def test_without_a_token_nothing_is_told(token: str) -> None:
    async with _opened(_page()) as page:
        assert (await page.post("peek", token, {"number": 4}))[0] == 401
        status, told = await page.first_events(token)
        assert status == 401
        assert b"stack local" not in told


async def test_two_starts_have_four_tokens() -> None:
    async with _opened(_page()) as one, _opened(_page()) as other:
        assert len({one.writing, one.reading, other.writing, other.reading}) == 4
        assert (await one.post("peek", other.writing))[0] == 401


async def test_a_token_is_in_no_text_of_what_holds_it() -> None:
    async with served(_page()) as links:
        assert links.writing.partition("=")[2] not in repr(links)


@pytest.mark.parametrize("host", ["petmesh.attacker.example", "attacker.example:80", "", "[x"])
async def test_a_foreign_name_that_leads_here_is_refused(host: str) -> None:
    async with _opened(_page()) as page:
        assert (await page.get("/", Host=host))[0] == 421
        assert (await page.post("peek", page.writing, Host=host))[0] == 421


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:80"])
async def test_a_tunnel_may_have_another_port(host: str) -> None:
    async with _opened(_page()) as page:
        assert (await page.get("/", Host=host))[0] == 200


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1:1"])
async def test_another_sites_page_may_ask_nothing(origin: str) -> None:
    async with _opened(_page()) as page:
        status, _ = await page.post("double", page.writing, {"number": 4}, Origin=origin)
        assert status == 403
        own = await page.post("double", page.writing, {"number": 4}, Origin=page.base)
        assert own == (200, {"number": 8})


async def test_the_page_loads_what_is_its_own_alone() -> None:
    async with _opened(_page()) as page:
        for path in ("/", "/static/app.js", "/static/style.css", "/api/none"):
            _, headers = await page.get(path)
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/"])
async def test_no_file_beside_the_pages_is_served(path: str) -> None:
    async with _opened(_page()) as page:
        assert (await page.get(path))[0] in (403, 404)


async def test_a_refusal_is_one_line() -> None:
    async with _opened(_page()) as page:
        status, held = await page.post("double", page.writing, {"number": "four"})
        assert (status, held) == (422, {"error": "number = four: must be a whole number"})
        assert await page.post("none", page.writing) == (
            404,
            {"error": "this page has no such action"},
        )
        assert (await page.post("double", page.writing, ["list"]))[0] == 400


async def test_the_feed_begins_with_what_is_there() -> None:
    async with _opened(_page()) as page:
        _, told = await page.first_events(page.reading)
        assert b'"writes":false' in told
        assert page.writing.encode() not in told
        assert b'"about":{"title":"stack local"}' in told


async def test_who_may_write_is_told_the_link_that_only_reads() -> None:
    async with _opened(_page()) as page:
        _, told = await page.first_events(page.writing)
        assert page.reading.encode() in told
        assert page.writing.encode() not in told


async def test_a_port_that_is_taken_is_named() -> None:
    port = Ports().take()
    async with served(_page(), port):
        with pytest.raises(UiPortError, match=rf"--ui-port = {port}: in use"):
            async with served(_page(), port):
                pass
