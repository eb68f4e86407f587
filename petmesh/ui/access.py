"""Who may ask the page's server what: two tokens, and browsers of this machine alone."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_SCHEME: Final = "Bearer "
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Tokens:
    """The secrets of one start.

    Attributes:
        writing: of who may change something.
        reading: of who may only look.
    """

    writing: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    reading: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def may_read(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request's headers have one of the tokens."""
        # Both are compared, so that the time tells nothing.
        allowed = self.may_write(headers), _has(headers, self.reading)
        return any(allowed)

    def may_write(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request's headers have the writing token."""
        return _has(headers, self.writing)


def _has(headers: Mapping[str, str], token: str) -> bool:
    given = headers.get("Authorization", "")
    return secrets.compare_digest(given.encode(), f"{_SCHEME}{token}".encode())


@web.middleware
async def only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request under another host's name, or sent by another site's page.

    A foreign name that resolves to this machine (DNS rebinding) has that name in Host; a foreign
    page's request has its own Origin.
    """
    if _name(f"//{request.headers.get('Host', '')}") not in _LOOPBACK:
        return web.Response(status=421, text="this server is for 127.0.0.1 and localhost alone\n")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers['Host']}":
        return web.Response(status=403, text="another site's page may not ask this server\n")
    return await handler(request)


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def with_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every response has; what a part of the page may load is its own."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
