import pytest

from petservice.forwarding import forwarded


def test_trace_context_and_the_testers_header_go_on() -> None:
    headers = {
        name: b"v-" + name
        for name in (
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
    }
    assert forwarded(headers) == b"".join(b"%b: %b\r\n" % line for line in headers.items())


@pytest.mark.parametrize(
    "name",
    [b"host", b"authorization", b"cookie", b"x-forwarded-for", b"connection", b"content-length"],
)
def test_nothing_else_goes_on(name: bytes) -> None:
    assert forwarded({name: b"secret"}) == b""


@pytest.mark.parametrize(
    ("cookies", "line"),
    [
        (b"canary=always", b"cookie: canary=always\r\n"),
        (b"session=secret; canary=always; other=1", b"cookie: canary=always\r\n"),
        (b"session=secret;canary=never", b"cookie: canary=never\r\n"),
        (b"notcanary=always; session=canary=always", b""),
        (b"Canary=always", b""),
    ],
)
def test_of_the_cookies_only_the_one_named_canary_goes_on(cookies: bytes, line: bytes) -> None:
    assert forwarded({b"cookie": cookies}) == line
