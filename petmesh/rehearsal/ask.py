"""Requests to a rehearsed mesh: from outside by a gateway, as a workload, or past the mesh."""

import asyncio
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from petmesh.envoy.decisions import REQUEST_HEADER
from petmesh.envoy.topology import Pod
from petmesh.host.pki import Leaf
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.entrances import Entrance

_TIMEOUT_SECONDS: Final = 20.0
_NO_HEADERS: Final = CIMultiDictProxy(CIMultiDict[str]())


@dataclass(frozen=True)
class Request:
    """A request to a host of the mesh.

    Attributes:
        host: its name, with its port unless that is 80.
        path: with its query.
    """

    host: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """A response, or why there is none.

    Attributes:
        id: the request's, in the proxies' logs of decisions.
        status: 0 if there is no response.
        headers: of the response.
        body: of the response.
        seconds: until the body's end.
        error: why there is no response; empty if there is one.
    """

    id: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    seconds: float
    error: str = ""


class Asker:
    """Sends requests; used as an async context manager."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def from_outside(
        self, entrance: Entrance, request: Request, certificate: Leaf | None = None
    ) -> Answer:
        """Send a request to a gateway's port, by TLS if the gateway terminates it.

        Args:
            entrance: the gateway's port.
            request: the request.
            certificate: what the caller shows; None for none.
        """
        tls = entrance.origin(request.host.partition(":")[0]).tls()
        if tls and certificate:
            tls.load_cert_chain(certificate.certificate, certificate.key)
        scheme = "https" if tls else "http"
        return await self._send(
            f"{scheme}://{LOOPBACK}:{entrance.port}{request.path}",
            request,
            host=request.host,
            tls=tls,
        )

    async def from_pod(self, pod: Pod, request: Request) -> Answer:
        """Send a request as a pod's process does: by its sidecar, with the pod's identity."""
        url = f"http://{request.host}{request.path}"
        return await self._send(url, request, proxy=pod.forward_proxy)

    async def by_tls(self, pod: Pod, request: Request, trust: Path) -> Answer:
        """Send a request by TLS from a pod to an outside host, through its sidecar.

        Args:
            pod: the caller.
            request: the request.
            trust: the certificate of the authority that issued the host's.
        """
        tls = ssl.create_default_context(cafile=trust)
        url = f"https://{request.host}{request.path}"
        return await self._send(url, request, proxy=pod.forward_proxy, tls=tls)

    async def by_tcp(self, port: int, request: Request, *, tunnel: bool) -> Answer:
        """Send a request over a connection that no proxy reads as HTTP.

        Args:
            port: of a gateway, or of a sidecar.
            request: the request.
            tunnel: whether a sidecar is asked for the connection.
        """
        begun = time.perf_counter()
        identity = uuid.uuid4().hex
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
                local = writer.get_extra_info("sockname")
                if tunnel:
                    head = f"CONNECT {request.host} HTTP/1.1\r\nHost: {request.host}\r\n"
                    writer.write(f"{head}{REQUEST_HEADER}: {identity}\r\n\r\n".encode())
                    status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])
                    if status != HTTPStatus.OK:
                        writer.close()
                        return Answer(identity, status, _NO_HEADERS, b"", _since(begun))
                else:
                    identity = f"{local[0]}:{local[1]}"
                lines = f"{request.method} {request.path} HTTP/1.1\r\nHost: {request.host}\r\n"
                writer.write(f"{lines}Connection: close\r\n\r\n".encode())
                head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
                writer.close()
            if not head:
                return Answer(identity, 0, _NO_HEADERS, b"", _since(begun), "connection closed")
            status = int(head.split(b" ")[1])
            return Answer(identity, status, _NO_HEADERS, body, _since(begun))
        except (OSError, ValueError, IndexError, EOFError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            return Answer(identity, 0, _NO_HEADERS, b"", _since(begun), why)

    async def past_the_mesh(self, pod: Pod, target: int, request: Request) -> Answer:
        """Send a request in plain HTTP to a pod's port, as from a pod without a sidecar."""
        url = f"http://{LOOPBACK}:{pod.inbound(target)}{request.path}"
        return await self._send(url, request, host=request.host)

    async def _send(
        self,
        url: str,
        request: Request,
        *,
        host: str = "",
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        identity = uuid.uuid4().hex
        headers = CIMultiDict(request.headers)
        headers[REQUEST_HEADER] = identity
        if tls:
            # A proxy that passes TLS on logs the connection at its end.
            headers["Connection"] = "close"
        if host:
            headers.setdefault("Host", host)
        begun = time.perf_counter()
        try:
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=request.body,
                proxy=proxy,
                ssl=tls or True,
                server_hostname=host.partition(":")[0] if tls and host else None,
                proxy_headers={REQUEST_HEADER: identity} if proxy and tls else None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            ) as response:
                body = await response.read()
                seconds = time.perf_counter() - begun
                return Answer(identity, response.status, response.headers, body, seconds)
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            why = str(error) or type(error).__name__
            return Answer(identity, 0, _NO_HEADERS, b"", _since(begun), why)


def _since(begun: float) -> float:
    return time.perf_counter() - begun
