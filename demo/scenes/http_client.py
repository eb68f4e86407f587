"""Single HTTP requests to this machine, whatever the host name."""

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
class Response:
    """An HTTP response."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:  # noqa: ANN401 (data)
        """The body's JSON; None if it isn't JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


async def send_request(
    url: str,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    tls: ssl.SSLContext | None = None,
    method: str = "GET",
) -> Response | None:
    """Send a request, without following a redirect; None if the connection fails.

    Every name resolves to this machine: nothing outside of it is reached.

    Args:
        url: of the request.
        headers: of the request.
        proxy: a forward proxy.
        tls: verifies the server of an https:// URL; None for this machine's authorities.
        method: the HTTP method.
    """
    timeout = aiohttp.ClientTimeout(total=10)
    connector = aiohttp.TCPConnector(resolver=_Loopback())
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        try:
            async with session.request(
                method, url, headers=headers, proxy=proxy, ssl=tls or True, allow_redirects=False
            ) as response:
                return Response(response.status, await response.text(), response.headers)
        except (OSError, aiohttp.ClientError):
            return None


async def request_ingress(
    origin: Origin, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Response | None:
    """Send a request to the ingress, over TLS if it has it; None if the connection fails."""
    return await send_request(origin.url + path, headers, tls=origin.tls(), method=method)


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
