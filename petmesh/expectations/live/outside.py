"""Requests from outside to the ingress of a live cluster, by its address."""

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.model import Question
from petmesh.rehearsal.ask import Answer
from petmesh.rehearsal.settings import SettingsError

AGENT: Final = "petmesh-test"
_TIMEOUT_SECONDS: Final = 20.0
_NO_HEADERS: Final = CIMultiDictProxy(CIMultiDict[str]())


@dataclass(frozen=True)
class Address:
    """Where the ingress is: a host, and its port if that isn't the URL's."""

    host: str
    port: int | None = None


def read_address(text: str) -> Address:
    """Read HOST or HOST:PORT; an IPv6 address with a port is in brackets.

    Raises:
        SettingsError: it is neither.
    """
    bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    try:
        parts = urlsplit(f"//{bare}")
        if parts.hostname and parts.netloc == bare and "@" not in bare and bare[-1] != ":":
            return Address(parts.hostname, parts.port)
    except ValueError:
        pass
    raise SettingsError(f"--address = {text}: must be HOST or HOST:PORT")


class Outside:
    """A caller outside of the cluster.

    Args:
        address: the ingress's.
        trust: certificates that its own may be issued by; None for those of this machine.
    """

    def __init__(self, address: Address, trust: Path | None = None) -> None:
        self._address = address
        try:
            self._tls = ssl.create_default_context(cafile=trust)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"--ca = {trust}: must be certificates in PEM: {error}") from error
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ask(self, question: Question) -> Answer:
        """Send one request of a question.

        Raises:
            NotAskedError: the ingress can't be reached, or isn't who it should be.
        """
        parts = urlsplit(question.url)
        secure = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        url = URL.build(
            scheme=parts.scheme,
            host=self._address.host,
            port=self._address.port or parts.port or (443 if secure else 80),
        )
        headers = CIMultiDict({"User-Agent": AGENT, **question.headers})
        headers.setdefault("Host", parts.hostname or "")
        begun = time.perf_counter()
        try:
            async with self._session.request(
                question.method,
                URL(f"{url.origin()}{path}", encoded=True),
                headers=headers,
                data=None if question.body is None else question.body.encode(),
                ssl=self._tls if secure else True,
                server_hostname=parts.hostname if secure else None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding"),
            ) as response:
                body = await response.read()
                seconds = time.perf_counter() - begun
                return Answer("", response.status, response.headers, body, seconds)
        except (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError) as error:
            raise NotAskedError(f"{self._address.host}: {error}") from error
        except (TimeoutError, OSError, ValueError, aiohttp.ClientError) as error:
            why = str(error) or type(error).__name__
            return Answer("", 0, _NO_HEADERS, b"", time.perf_counter() - begun, why)
