import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from petservice import forwarding

CONTEXT = (
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


def forwarded(*headers: tuple[str, str]) -> dict[str, str]:
    return forwarding.forwarded(
        make_mocked_request("GET", "/pet/1", headers=CIMultiDict[str](headers))
    )


def test_trace_context_and_the_canarys_headers_go_on() -> None:
    headers = [(name, f"v-{name}") for name in CONTEXT]
    assert forwarded(*headers) == dict(headers)
    assert forwarded(*((name.title(), value) for name, value in headers)) == dict(headers)


def test_the_values_of_a_header_that_comes_twice_go_on_together() -> None:
    assert forwarded(("tracestate", "a=1"), ("tracestate", "b=2")) == {"tracestate": "a=1, b=2"}


@pytest.mark.parametrize(
    "name",
    ["host", "authorization", "cookie", "x-forwarded-for", "connection", "content-length"],
)
def test_nothing_else_goes_on(name: str) -> None:
    assert forwarded((name, "secret")) == {}


@pytest.mark.parametrize(
    ("cookies", "sent"),
    [
        (["canary=always"], {"cookie": "canary=always"}),
        (["session=secret; canary=always; other=1"], {"cookie": "canary=always"}),
        (["session=secret;canary=never"], {"cookie": "canary=never"}),
        (["session=secret", "canary=always"], {"cookie": "canary=always"}),
        (["notcanary=always; session=canary=always"], {}),
        (["Canary=always"], {}),
    ],
)
def test_of_the_cookies_only_the_one_named_canary_goes_on(
    cookies: list[str], sent: dict[str, str]
) -> None:
    assert forwarded(*(("cookie", each) for each in cookies)) == sent
