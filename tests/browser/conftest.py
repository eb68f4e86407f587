"""A real browser, and a page in an event loop of its own."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.seen import Browser

T = TypeVar("T")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120.0


class Loop:
    """An event loop in a thread, which serves while the test looks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="page")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_SECONDS)

    def call(self, do: Callable[[], T]) -> T:
        async def done() -> T:
            return do()

        return self.run(done())

    def entered(self, context: AbstractAsyncContextManager[T]) -> tuple[T, Callable[[], None]]:
        """Enter a context and stay in it, in one task, until what is returned is called."""
        leave = asyncio.Event()
        inside: asyncio.Future[T] = self._loop.create_future()

        async def hold() -> None:
            try:
                async with context as held:
                    inside.set_result(held)
                    await leave.wait()
            except Exception as error:
                if inside.done():
                    raise
                inside.set_exception(error)

        async def begin() -> tuple[T, asyncio.Task[None]]:
            task = asyncio.create_task(hold())
            return await inside, task

        held, task = self.run(begin())

        async def end() -> None:
            leave.set()
            await task

        return held, lambda: self.run(end())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    held = Loop()
    yield held
    held.close()


@pytest.fixture(scope="session")
def _driver() -> Iterator[Chrome]:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip(f"needs one of {', '.join(_BROWSERS)}, and chromedriver, on the PATH")
    options = ChromeOptions()
    options.binary_location = browser
    # Containers have neither user namespaces nor much shared memory.
    for each in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options, Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def browser(_driver: Chrome) -> Iterator[Browser]:
    """A browser whose page may report no error, such as one of its Content-Security-Policy."""
    held = Browser(_driver)
    held.log()
    held.resize(1280)
    yield held
    told = held.log()
    held.driver.get("about:blank")
    assert not told
