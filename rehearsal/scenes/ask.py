"""Single requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (data)
        """Its body; None where it isn't JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


async def ask(
    url: str, headers: Mapping[str, str] | None = None, proxy: str | None = None
) -> Answer | None:
    """GET a URL, by a forward proxy where one is given; None where the connection fails."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.get(url, headers=headers, proxy=proxy) as response:
                return Answer(response.status, await response.text())
        except (OSError, aiohttp.ClientError):
            return None
