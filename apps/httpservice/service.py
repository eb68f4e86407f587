"""A service of one route beside its health checks."""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from httpservice.message import Request, Response, error
from httpservice.upstream import Upstream

_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_PREFIX = b"/pet/"
_HEALTH = (b"/healthz/live", b"/healthz/ready")
_LIVE = Response(200, b'{"status":"live"}', is_health=True)
_READY = Response(200, b'{"status":"ready"}', is_health=True)
_DRAINING = Response(503, b'{"status":"draining"}', is_health=True)

PetHandler = Callable[[Request, bytes], Response | Coroutine[Any, Any, Response]]
"""Answers for a pet's id, which is fit to be put into a path as it is."""


class Service:
    """Answers `GET /pet/{id}<suffix>`, `/healthz/live` and `/healthz/ready`.

    An id is 1 to 64 ASCII letters, digits, `_` or `-`, once percent-decoded.

    Args:
        suffix: what follows the id, for example `/details`.
        handler: answers for one id.
        upstreams: what the handler asks.

    Attributes:
        draining: whether `/healthz/ready` answers 503.
        upstreams: as given.
    """

    def __init__(
        self, suffix: str, handler: PetHandler, upstreams: Sequence[Upstream] = ()
    ) -> None:
        self.draining = False
        self.upstreams = upstreams
        self._suffix = suffix.encode()
        self._handler = handler

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer any request."""
        path = request.path
        pet_id = self._pet_id(path)
        if pet_id is None and path not in _HEALTH:
            return error(404, "no such path")
        if request.method not in (b"GET", b"HEAD"):
            return error(405, "only GET and HEAD are allowed", headers=b"Allow: GET, HEAD\r\n")
        if pet_id is None:
            ready = _DRAINING if self.draining else _READY
            return _LIVE if path == b"/healthz/live" else ready
        if b"%" in pet_id:
            pet_id = unquote_to_bytes(pet_id)
        if not _ID.fullmatch(pet_id):
            return error(400, "a pet's id is 1 to 64 letters, digits, '_' or '-'")
        return self._handler(request, pet_id)

    def route(self, path: bytes) -> str | None:
        """Give the path's template, such as `/pet/{id}/details`; None where there is no such path.

        Args:
            path: as a request has it.
        """
        if path in _HEALTH:
            return path.decode()
        return None if self._pet_id(path) is None else f"/pet/{{id}}{self._suffix.decode()}"

    def _pet_id(self, path: bytes) -> bytes | None:
        """Give the id as it is in the path, None where the path is another."""
        suffix = self._suffix
        if not path.startswith(_PREFIX) or not path.endswith(suffix):
            return None
        pet_id = path[len(_PREFIX) : len(path) - len(suffix)]
        return None if not pet_id or b"/" in pet_id else pet_id
