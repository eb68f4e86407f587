"""Requests to a source of metrics, whose answers are bounded and told in one plain line."""

import zlib
from collections.abc import Mapping

import aiohttp
from yarl import URL

from petmesh.ramp.target import TargetError

_TIMEOUT_SECONDS = 5.0
_UNAUTHORIZED = (401, 403)
_REDIRECTS = (301, 302, 303, 307, 308)
# One number takes some hundred bytes, the text of an error some thousand, a histogram some more.
_LONGEST_ANSWER = 2**20
_TOO_LONG = (
    f"its answer is longer than {_LONGEST_ANSWER >> 20} MiB: "
    "a query is to give one number, or a histogram"
)


class SourceHttp:
    """One source's address.

    Args:
        name: the source's, for people.
        address: with a path before the API's where it has one, without an end slash.
        headers: of every request.
        secret: the variable that holds the credential, for people.
    """

    def __init__(self, name: str, address: str, headers: Mapping[str, str], secret: str) -> None:
        self._name = f"{name} at {address}"
        self._address = address
        self._headers = headers
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        data: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """Request a path; returns the status, the content's type and the content.

        Raises:
            TargetError: it doesn't answer in time, refuses, leads elsewhere, or answers too much.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
                headers={"Accept-Encoding": "identity", **self._headers},
                auto_decompress=False,
            )
        try:
            async with self._session.request(
                method,
                f"{self._address}{path}",
                headers=headers,
                data=data,
                params=params,
                allow_redirects=False,
            ) as response:
                if response.status in _UNAUTHORIZED:
                    raise self.error(f"it wants another {self._secret}")
                if response.status in _REDIRECTS:
                    raise self.error(f"it answers {response.status}, {_leads_to(response)}")
                return response.status, response.content_type, await self._body(response)
        except TimeoutError as error:
            raise self.error(f"no answer within {_TIMEOUT_SECONDS:g} s") from error
        except aiohttp.ServerDisconnectedError as error:
            # Its text may hold the headers that came, with what is secret in them.
            raise self.error("it ended the connection") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self.error(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def error(self, text: str) -> TargetError:
        """An error that names the source."""
        return TargetError(f"{self._name}: {text}")

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """A whole answer, unpacked; neither form may be longer than is allowed."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _LONGEST_ANSWER:
                raise self.error(_TOO_LONG)
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            return bytes(body)
        if encoding != "gzip":
            raise self.error(f"its answer is packed by {encoding}, though it was asked for none")
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            unpacked = inflate.decompress(bytes(body), _LONGEST_ANSWER)
        except zlib.error as error:
            raise self.error(f"its answer can't be unpacked: {error}") from error
        if not inflate.eof:
            raise self.error(f"{_TOO_LONG}, or it is cut")
        return unpacked


def _leads_to(response: aiohttp.ClientResponse) -> str:
    """Where a redirect leads, without what may be secret in it."""
    try:
        url = URL(response.headers.get("Location", ""))
        place = url.with_user(None) if url.is_absolute() else url
        where = str(place.with_query(None).with_fragment(None)) or "nowhere"
    except ValueError:
        where = "nowhere"
    return f"a redirect to {where}, as to a login: give the address and token that answer at once"
