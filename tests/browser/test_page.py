"""The page in a browser, of parts as a server may give them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from petmesh.ui.feed import Json
from petmesh.ui.server import Action, Links, Page, RefusalError, served
from tests.browser.conftest import Loop
from tests.browser.seen import Browser

HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


def _card(name: str, kind: str = "service", **more: object) -> dict[str, Any]:
    row = {"workload": f"{name}-v1", "version": "v1", "pods": 1, "weight": None, "meshed": True}
    held = {"id": name, "kind": kind, "title": name, "namespace": "shop", "ports": ["80 HTTP"]}
    rows = [row] if kind == "service" else []
    return {
        **held,
        "rows": rows,
        "mtls": "STRICT",
        "open": False,
        "objects": [f"Service {name}"],
        **more,
    }


def _mesh(*names: str) -> dict[str, Any]:
    cards = [_card("outside", "callers"), _card("gate", "gateway"), *map(_card, names)]
    edges = [{"source": "outside", "target": "gate"}]
    edges += [{"source": "gate", "target": name} for name in names]
    card_of = {f"{name}-v1": name for name in names} | {"gate": "gate"}
    return {"cards": cards, "edges": edges, "card_of": card_of}


@pytest.fixture
def page() -> Page:
    async def shown(asked: Mapping[str, Any]) -> Json:
        if asked["name"] == "Service gone":
            raise RefusalError("Service gone: no such object is declared")
        return {"name": asked["name"], "text": f"kind: Service\nname: {HOSTILE}\n"}

    made = Page(actions={"object": Action(shown, writes=False)})
    made.feed.set("about", {"title": "stack local", "findings": []})
    made.feed.set("mesh", _mesh("web", "cart"))
    made.feed.set("form", {"sources": ["outside", "web-v1"], "examples": []})
    made.feed.set("load", {"rate": 0, "request": "", "sent": 0, "failed": 0})
    made.feed.set("traffic", [])
    return made


@pytest.fixture
def links(loop: Loop, page: Page) -> Iterator[Links]:
    held, leave = loop.entered(served(page))
    yield held
    leave()


def test_the_mesh_is_a_graph_of_cards(browser: Browser, links: Links) -> None:
    browser.open(links.writing)
    names = browser.texts(".card .name")
    assert names == ["outside", "gate", "web", "cart"]
    assert len(browser.every(".edge .line")) == 3
    assert browser.driver.title == "stack local · petmesh"


def test_the_token_is_not_left_in_the_address(browser: Browser, links: Links) -> None:
    browser.open(links.writing)
    assert "token" not in browser.driver.current_url
    browser.driver.refresh()
    browser.until(lambda: browser.text("#connection") == "live")


def test_without_a_token_the_page_says_what_is_missing(browser: Browser, links: Links) -> None:
    browser.driver.get(links.writing.partition("#")[0])
    browser.run("sessionStorage.clear()")
    browser.driver.refresh()
    browser.until(lambda: "the link that petmesh printed" in browser.text("#notice"))
    assert not browser.every(".card")
    browser.log()  # the refused request


def test_a_link_that_only_reads_offers_nothing_to_change(browser: Browser, links: Links) -> None:
    browser.open(links.reading)
    assert browser.text("#connection") == "live, read only"
    assert not browser.one("#form .primary").is_enabled()
    assert not browser.one("#share").is_displayed()


def test_names_of_markup_are_text(browser: Browser, loop: Loop, page: Page, links: Links) -> None:
    loop.call(lambda: page.feed.set("mesh", _mesh(HOSTILE)))
    loop.call(lambda: page.feed.set("about", {"title": HOSTILE, "findings": [HOSTILE]}))
    browser.open(links.writing)
    assert browser.text(".card.service .name") == HOSTILE
    assert browser.text("#title") == HOSTILE
    browser.one(".card.service").click()
    browser.one("#details .object").click()
    browser.until(lambda: HOSTILE in browser.text("#object-text"))
    assert not browser.every("img[onerror]")
    assert browser.driver.title == f"{HOSTILE} · petmesh"


def test_an_object_is_shown_and_closed_by_the_keyboard(browser: Browser, links: Links) -> None:
    browser.open(links.writing)
    browser.one(".card.gateway").send_keys(Keys.ENTER)
    browser.until(lambda: browser.text("#details h3") == "gate")
    browser.one("#details .object").send_keys(Keys.ENTER)
    browser.until(lambda: "kind: Service" in browser.text("#object-text"))
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.until(lambda: not browser.one("#object").is_displayed())


def test_a_refused_object_is_told_in_its_place(
    browser: Browser, loop: Loop, page: Page, links: Links
) -> None:
    loop.call(lambda: page.feed.set("mesh", _mesh("gone")))
    browser.open(links.writing)
    browser.one(".card.service").click()
    browser.one("#details .object").click()
    browser.until(lambda: "no such object" in browser.text("#object-text"))
    browser.log()  # the refused request


def test_requests_are_shown_as_they_come(
    browser: Browser, loop: Loop, page: Page, links: Links
) -> None:
    browser.open(links.writing)
    before = browser.place(".card.service")
    point = {"at": 2_000_000_000.0, "seconds": 1.0, "calls": [["gate", "web-v1", 20, 0]]}
    loop.call(lambda: page.feed.add("traffic", point))
    browser.until(lambda: browser.text('.rate[data-workload="web-v1"]') == "20/s")
    assert browser.one(".edge.busy text").text == "20/s"
    assert browser.place(".card.service") == before


def test_the_end_of_the_server_is_told(browser: Browser, loop: Loop, page: Page) -> None:
    held, leave = loop.entered(served(page))
    browser.open(held.writing)
    leave()
    browser.until(lambda: browser.text("#connection").startswith("petmesh has ended"))
    assert browser.every(".card")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, links: Links, width: int) -> None:
    browser.resize(width)
    browser.open(links.writing)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    wide = browser.run(
        "return [...document.querySelectorAll('button:not(.card), input, select, textarea')]"
        ".filter((each) => each.getBoundingClientRect().right > innerWidth)"
        ".map((each) => each.outerHTML)"
    )
    assert wide == []
