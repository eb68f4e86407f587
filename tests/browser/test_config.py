"""The canary's slider, on a program that runs."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from petmesh.project import ROOT
from petmesh.rehearsal.inputs import Input, read_input
from petmesh.rehearsal.rehearse import running
from petmesh.rehearsal.session import Session
from petmesh.ui.controls import Controls
from petmesh.ui.rehearsal import RehearsalPage, Rehearsed
from petmesh.ui.server import Links, Page, served
from tests.browser.conftest import Loop
from tests.browser.seen import Browser

pytestmark = pytest.mark.envoy
PROGRAM = ROOT / "examples" / "releases"


@asynccontextmanager
async def _program(read: Input) -> AsyncGenerator[tuple[Links, Session]]:
    page = Page()
    async with running(read) as runtime, served(page) as links:
        session = Session(runtime, "dev", {}, PROGRAM)
        session.take_up(read.declaration)
        controls = Controls(session, {})
        rehearsed = Rehearsed(runtime, lambda: session.declaration, "", read.settings, controls)
        async with RehearsalPage(page, rehearsed).running():
            yield links, session


@pytest.fixture(scope="module")
def changed(loop: Loop) -> Iterator[tuple[Links, Session]]:
    held, leave = loop.entered(_program(read_input([str(PROGRAM)], "dev")))
    yield held
    leave()


def _weights(session: Session) -> dict[str, int]:
    data: Any = Controls(session, {}).data()
    return {each["service"]: each["weight"] for each in data["sliders"]}


def test_the_slider_changes_the_weight_of_what_runs_and_no_file(
    browser: Browser, changed: tuple[Links, Session]
) -> None:
    links, session = changed
    service, before = next(iter(_weights(session).items()))
    files = {each: each.read_bytes() for each in PROGRAM.iterdir() if each.is_file()}
    browser.open(links.writing)
    browser.until(lambda: browser.every('.control input[type="range"]'))
    assert browser.text(".control .label") == service
    browser.one(".control .steps button:nth-child(4)").click()
    browser.until(lambda: "in force after" in browser.text(".control .told"))
    assert _weights(session)[service] == 50 != before
    browser.until(
        lambda: "50%" in browser.text(f'.card.service[title], .card:has([title="{service}"])')
    )
    assert {each: each.read_bytes() for each in files} == files


def test_the_slider_is_moved_by_the_keyboard(
    browser: Browser, changed: tuple[Links, Session]
) -> None:
    links, session = changed
    browser.open(links.writing)
    browser.until(lambda: browser.every('.control input[type="range"]'))
    before = int(browser.value('.control input[type="range"]'))
    browser.one('.control input[type="range"]').send_keys(Keys.ARROW_LEFT)
    browser.until(lambda: before - 1 in _weights(session).values())


def test_a_refused_value_is_told_at_the_slider_which_goes_back(
    browser: Browser, changed: tuple[Links, Session]
) -> None:
    links, session = changed
    browser.open(links.writing)
    browser.until(lambda: browser.every('.control input[type="range"]'))
    before = browser.value('.control input[type="range"]')
    browser.run(
        "const range = document.querySelector('.control input[type=range]');"
        "range.max = 200; range.value = 150; range.dispatchEvent(new Event('change'))"
    )
    browser.until(lambda: "must be a whole number from 0 to 100" in browser.text(".control .told"))
    assert browser.value('.control input[type="range"]') == before
    assert 150 not in _weights(session).values()
    browser.log()  # the refused request


def test_who_only_reads_cant_move_it(browser: Browser, changed: tuple[Links, Session]) -> None:
    browser.open(changed[0].reading)
    browser.until(lambda: browser.every('.control input[type="range"]'))
    for each in browser.every(".control input, .control button"):
        assert not each.is_enabled()
