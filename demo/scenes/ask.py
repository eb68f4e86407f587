"""Single requests."""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.origin import Origin


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:  # noqa: ANN401 (data)
        """Its body; None where it isn't JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


async def ask(
    url: str,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    tls: ssl.SSLContext | None = None,
    method: str = "GET",
) -> Answer | None:
    """Ask for a URL and follow no redirect; None where the connection fails.

    Every name leads to this machine: nothing is asked outside of it.

    Args:
        url: what is asked for.
        headers: of the request.
        proxy: a forward proxy.
        tls: what is checked of a server of an https:// URL; None is what this machine trusts.
        method: the HTTP method.
    """
    timeout = aiohttp.ClientTimeout(total=10)
    connector = aiohttp.TCPConnector(resolver=_Loopback())
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        try:
            async with session.request(
                method, url, headers=headers, proxy=proxy, ssl=tls or True, allow_redirects=False
            ) as response:
                return Answer(response.status, await response.text(), response.headers)
        except (OSError, aiohttp.ClientError):
            return None


async def ask_ingress(
    origin: Origin, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer | None:
    """Ask the ingress for a path, over TLS where it has it; None where the connection fails."""
    return await ask(origin.url + path, headers, tls=origin.tls(), method=method)


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
