"""A request as a handler gets it, and the response it gives back."""

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import orjson

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """A whole request; its body, which no route of these services uses, has been discarded.

    Attributes:
        method: as sent, for example `b"GET"`.
        path: the target's path as sent: still percent-encoded, without the query.
        headers: values by lower-case name; the values of a repeated name are joined.
        keep_alive: whether the client means to use the connection again.
        is_http_1_0: whether keep-alive must be confirmed by a header.
        started: `time.perf_counter()` when the last byte had come.
        size: bytes that it counts for where a connection's requests are bounded together.
        context: what a coroutine that answers it runs in; None for the server's own.
        ended: called with the response once it is written.
    """

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    keep_alive: bool
    is_http_1_0: bool
    started: float
    size: int
    context: Context | None = None
    ended: "Callable[[Response], None] | None" = None


class Response(NamedTuple):
    """A JSON response.

    Attributes:
        status: HTTP status code.
        body: encoded JSON.
        headers: further header lines, each ended by CRLF.
        upstream_ms: for the access log, how long each upstream took, in milliseconds.
        is_health: whether it answers a health check, which the access log omits by default.
    """

    status: int
    body: bytes
    headers: bytes = b""
    upstream_ms: dict[str, float] | None = None
    is_health: bool = False


def error(status: int, message: str, *, headers: bytes = b"", **details: object) -> Response:
    """Say what went wrong, as `{"status": …, "error": …, "message": …}` and the given details."""
    body = {"status": status, "error": REASONS[status].decode(), "message": message, **details}
    return Response(status, orjson.dumps(body), headers)
