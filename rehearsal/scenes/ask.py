"""Single requests."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from rehearsal.envoy.topology import LOOPBACK


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
    """GET a URL, by a forward proxy where one is given; None where the connection fails.

    Every name leads to this machine: nothing is asked outside of it.
    """
    timeout = aiohttp.ClientTimeout(total=10)
    connector = aiohttp.TCPConnector(resolver=_Loopback())
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        try:
            async with session.get(url, headers=headers, proxy=proxy) as response:
                return Answer(response.status, await response.text())
        except (OSError, aiohttp.ClientError):
            return None


class _Loopback(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass
