"""Which of a request's headers go on to the services that answer it."""

_FORWARDED = frozenset(
    (
        b"traceparent",
        b"tracestate",
        b"x-request-id",
        b"b3",
        b"x-b3-traceid",
        b"x-b3-spanid",
        b"x-b3-parentspanid",
        b"x-b3-sampled",
        b"x-b3-flags",
        b"x-canary",
    )
)
_COOKIE = b"canary="


def forwarded(headers: dict[bytes, bytes]) -> bytes:
    """Give the header lines to send on: trace context, and what puts a tester on the canary.

    Sidecars join a trace's spans by these headers only if the application passes them on
    (https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/). Of the
    cookies, the one named `canary` alone goes on.
    """
    lines = b""
    for name, value in headers.items():
        if name in _FORWARDED:
            lines += b"%b: %b\r\n" % (name, value)
        elif name == b"cookie" and _COOKIE in value:
            for cookie in value.split(b";"):
                if cookie.strip().startswith(_COOKIE):
                    lines += b"cookie: %b\r\n" % cookie.strip()
                    break
    return lines
