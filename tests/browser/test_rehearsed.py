"""The page of a mesh that runs, from the command to the browser."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from selenium.webdriver.support.select import Select

from petmesh.project import ROOT
from petmesh.rehearsal.inputs import read_input
from petmesh.rehearsal.rehearse import running
from petmesh.ui.rehearsal import RehearsalPage, Rehearsed
from petmesh.ui.server import Links, Page, served
from tests.browser.conftest import Loop
from tests.browser.seen import Browser

pytestmark = pytest.mark.envoy


@asynccontextmanager
async def _bookinfo() -> AsyncGenerator[Links]:
    read, page = read_input([str(ROOT / "examples" / "bookinfo")], "local"), Page()
    async with running(read) as runtime, served(page) as links:
        shown = RehearsalPage(
            page, Rehearsed(runtime, lambda: read.declaration, "bookinfo", read.settings)
        )
        async with shown.running():
            yield links


@pytest.fixture(scope="module")
def links(loop: Loop) -> Iterator[Links]:
    held, leave = loop.entered(_bookinfo())
    yield held
    leave()


@pytest.fixture
def ready(browser: Browser, links: Links) -> Browser:
    browser.open(links.writing)
    browser.until(lambda: browser.value("#url"))
    return browser


def _send(browser: Browser, source: str, url: str) -> None:
    Select(browser.one("#from")).select_by_value(source)
    browser.write("#url", url)
    browser.one("#form .primary").click()


def test_a_request_from_outside_shows_its_path_and_who_decided(ready: Browser) -> None:
    _send(ready, "outside", "http://bookinfo.example.com/productpage")
    ready.until(lambda: ready.text(".status") == "200")
    proxies = ready.texts(".path .proxy")
    assert proxies[:2] == ["istio-ingressgateway", "into productpage-v1-0"]
    objects = ready.texts(".path .object")
    assert objects[0] == "VirtualService default/bookinfo"
    assert "AuthorizationPolicy default/reviews-viewer" in objects
    passed = set(ready.texts(".card.passed .name"))
    assert passed >= {"outside", "istio-ingressgateway", "productpage", "reviews", "details"}


def test_a_denied_request_names_the_policies_that_dont_allow_it(ready: Browser) -> None:
    _send(ready, "details-v1", "http://ratings:9080/ratings/0")
    ready.until(lambda: ready.text(".status") == "403")
    decided = " ".join(each.text for each in ready.every(".path .decision"))
    assert "no rule of AuthorizationPolicy" in decided
    assert "default/ratings-viewer" in decided


def test_several_requests_show_their_split(ready: Browser) -> None:
    ready.write("#times", "40")
    _send(ready, "productpage-v1", "http://reviews:9080/reviews/0")
    ready.until(lambda: len(ready.every(".split li")) == 2)
    assert {each.text.split("\n")[0] for each in ready.every(".split li")} == {
        "200 reviews-v1",
        "200 reviews-v3",
    }


def test_a_mistake_is_told_in_a_line_at_the_form(ready: Browser) -> None:
    _send(ready, "outside", "ftp://reviews/")
    ready.until(lambda: "url = ftp://reviews/: must be a URL" in ready.text(".refusal"))
    ready.log()  # the refused request


def test_a_steady_load_is_seen_at_the_versions_until_it_is_stopped(ready: Browser) -> None:
    ready.write("#rate", "20")
    ready.write("#times", "1")
    Select(ready.one("#from")).select_by_value("productpage-v1")
    ready.write("#url", "http://reviews:9080/reviews/0")
    load = ready.one("#form button[data-on]")
    load.click()
    ready.until(lambda: ready.text('.rate[data-workload="reviews-v1"]').endswith("/s"))
    ready.until(lambda: "20/s of GET http://reviews:9080" in ready.text("#sending"))
    assert ", 0 failed" in ready.text("#sending")
    load.click()
    ready.until(lambda: load.text == "Start load")


def test_a_declared_object_can_be_read(ready: Browser) -> None:
    next(each for each in ready.every(".card") if each.text.startswith("reviews")).click()
    next(each for each in ready.every("#details .object") if "VirtualService" in each.text).click()
    ready.until(lambda: "weight: 20" in ready.text("#object-text"))
