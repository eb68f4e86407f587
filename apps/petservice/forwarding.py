"""The headers and cookies of a request that petservice passes on to the services that it calls."""

from aiohttp import web

from httpservice.log import clean
from httpservice.service import TRACEPARENT

MAX_BYTES = 8 * 1024
"""Of all that is passed on: far below what sidecars take, which add headers to it."""

FORWARDED = (
    "traceparent",
    "tracestate",
    "x-request-id",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-canary",
    "x-canary-place",
)
_COOKIE = "canary="
_LINE_OVERHEAD = len(": \r\n")


def forwarded(request: web.Request) -> dict[str, str]:
    """Give the headers to send on: trace context, and what puts a tester or a user on a canary.

    Sidecars join a trace's spans by these headers only if the application passes them on
    (https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/). Of the
    cookies, the one named `canary` alone goes on.
    """
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()  # noqa: PLW2901
        if name in FORWARDED:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        elif name == "cookie" and _COOKIE in value:
            for cookie in value.split(";"):
                if cookie.strip().startswith(_COOKIE):
                    headers[name] = cookie.strip()
                    break
    if TRACEPARENT in request:
        headers["traceparent"] = request[TRACEPARENT]
    return {name: clean(value) for name, value in headers.items()}


def size(headers: dict[str, str]) -> int:
    """Give the bytes that headers take up in a request."""
    return sum(len(name) + len(value.encode()) + _LINE_OVERHEAD for name, value in headers.items())
