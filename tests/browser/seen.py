"""What a page shows, awaited."""

from collections.abc import Callable
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_SECONDS = 120.0


class Browser:
    """A page in a browser.

    Attributes:
        driver: the library's, whose types are only partly known.
    """

    def __init__(self, driver: Any) -> None:  # noqa: ANN401
        self.driver = driver

    def open(self, link: str) -> None:
        """Open a link as a new tab would, and wait until the page is live."""
        self.driver.get("about:blank")
        self.driver.get(link)
        self.until(lambda: self.text("#connection").startswith("live"))

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so; what is drawn anew meanwhile is looked at again."""
        wait = WebDriverWait(self.driver, _SECONDS, ignored_exceptions=[Exception])
        wait.until(lambda _: is_so())

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def every(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def texts(self, selector: str) -> list[str]:
        return [each.text for each in self.every(selector)]

    def value(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).value", selector))

    def place(self, selector: str) -> Any:  # noqa: ANN401 (a rectangle)
        found: Any = self.one(selector)
        return found.rect

    def write(self, selector: str, value: str) -> None:
        field = self.one(selector)
        field.clear()
        field.send_keys(value)

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401
        return self.driver.execute_script(script, *arguments)

    def log(self) -> list[str]:
        """Return what the page reported since the last time, such as refused requests."""
        return [str(each["message"]) for each in self.driver.get_log("browser")]

    def resize(self, width: int, height: int = 800) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
