"""TLS and the rate limit at the ingress, as they are declared."""

import asyncio
import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from demo.scenes import public_route, rate_limit
from demo.scenes.http_client import Response, request_ingress, send_request
from petmesh.envoy import gateway_listeners
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.origin import Origin
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

PATH = "/pet/123"
TLS = {"ingressTls": "secret"}


@pytest.fixture
def secure(live: Live) -> Iterator[Origin]:
    """The ingress with a certificate; at the end it has none again."""
    live.run(live.session.change(TLS))
    yield live.session.runtime.origin
    live.run(live.session.change({}))


def get(live: Live, origin: Origin, headers: dict[str, str] | None = None) -> Response | None:
    return live.run(request_ingress(origin, PATH, headers))


def test_with_a_certificate_the_ingress_answers_over_tls(live: Live, secure: Origin) -> None:
    assert secure.url.startswith("https://pets.localhost:")
    answer = get(live, secure)
    assert answer is not None
    assert answer.status == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_plain_http_is_redirected_and_nothing_else(live: Live, secure: Origin) -> None:
    redirecting = live.session.runtime.redirecting
    assert redirecting is not None
    answer = get(live, redirecting)
    assert answer is not None
    assert answer.status == 301
    assert answer.headers["location"] == f"https://{redirecting.authority}{PATH}"
    assert answer.text == ""
    other = get(live, redirecting, {"Host": "pets.example"})
    assert other is not None
    assert other.status == 404
    assert live.run(send_request(f"http://{secure.authority}{PATH}")) is None


def test_the_certificate_is_the_hosts_alone(live: Live, secure: Origin) -> None:
    assert get(live, replace(secure, host="pets.example")) is None
    by_host_header = get(live, secure, {"Host": "pets.example"})
    assert by_host_header is not None
    assert by_host_header.status == 404


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(live: Live, secure: Origin) -> None:
    assert live.run(send_request(secure.url + PATH)) is None


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_before_1_2_is_refused(
    live: Live, secure: Origin, version: ssl.TLSVersion, *, is_taken: bool
) -> None:
    context = secure.tls()
    assert context is not None
    # The client itself would go that low.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    shaken = live.run(_handshake(secure, context))
    if not is_taken and "ALERT" not in shaken:
        pytest.skip(f"this machine's OpenSSL doesn't go that low: {shaken}")
    taken = f"TLSv1.{version - ssl.TLSVersion.TLSv1}"
    assert shaken == (taken if is_taken else "TLSV1_ALERT_PROTOCOL_VERSION")


async def _handshake(origin: Origin, context: ssl.SSLContext) -> str:
    try:
        _, writer = await asyncio.open_connection(
            LOOPBACK, origin.port, ssl=context, server_hostname=origin.host
        )
    except ssl.SSLError as error:
        return error.reason or ""
    version = str(writer.get_extra_info("ssl_object").version())
    writer.close()
    return version


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that wait for a handshake no longer than a moment."""
    monkeypatch.setattr(gateway_listeners, "HANDSHAKE_TIMEOUT", "0.2s")


@pytest.mark.usefixtures("impatient")
def test_who_stops_in_the_middle_of_a_handshake_holds_no_connection(
    live: Live, secure: Origin
) -> None:
    context, runtime = secure.tls(), live.session.runtime
    assert context is not None
    live.run(_greet_alone(secure, context))
    given_up = "downstream_cx_transport_socket_connect_timeout"
    stats = live.run(runtime.gateway_stats(runtime.mesh.ingress.name, given_up))
    assert sum(stats.values.values()) == 1


async def _greet_alone(origin: Origin, context: ssl.SSLContext) -> None:
    """Send a ClientHello, and nothing after it, until the other side closes the connection."""
    hello = ssl.MemoryBIO()
    shaking = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=origin.host)
    with suppress(ssl.SSLWantReadError):
        shaking.do_handshake()
    reader, writer = await asyncio.open_connection(LOOPBACK, origin.port)
    writer.write(hello.read())
    await asyncio.wait_for(reader.read(), 10)
    writer.close()


def test_tls_comes_and_goes_by_config_without_a_restart(live: Live) -> None:
    runtime = live.session.runtime
    before, plain = runtime.process_ids(), runtime.origin
    live.run(live.session.change(TLS))
    secure = runtime.origin
    live.run(live.session.change({}))
    assert get(live, secure) is None
    assert runtime.origin == plain
    answer = get(live, plain)
    assert answer is not None
    assert answer.status == 200
    assert "strict-transport-security" not in answer.headers
    assert runtime.process_ids() == before


def test_cert_managers_certificate_is_for_every_host(live: Live) -> None:
    issued = {
        "ingressTls": "certManager",
        "ingressIssuer": "local",
        "ingressHosts": '["a.example.com", "b.example.com"]',
    }
    live.run(live.session.change(issued))
    origin = live.session.runtime.origin
    for host in ("a.example.com", "b.example.com"):
        answer = get(live, replace(origin, host=host))
        assert answer is not None
        assert answer.status == 200
    assert get(live, replace(origin, host="pets.localhost")) is None
    live.run(live.session.change({}))


def test_the_scene_of_the_public_route_shows_the_redirect(live: Live, secure: Origin) -> None:
    del secure
    scene = live.run(public_route.play(live.context))
    assert scene.problems == ()
    assert ("plain HTTP", f"GET {PATH}", "301: to HTTPS") in scene.rows


@pytest.mark.parametrize("tls", ["none", "secret"])
def test_a_burst_over_the_limit_is_answered_429_and_a_second_later_it_is_over(
    live: Live, tls: str
) -> None:
    live.run(live.session.change({"ingressTls": tls}))
    live.session.overrides["ingressTls"] = tls
    scene = live.run(rate_limit.play(live.context))
    live.session.overrides.pop("ingressTls")
    live.run(live.session.change({}))
    assert scene.problems == ()
    over, after, off = (burst["statuses"] for burst in scene.data["bursts"])
    assert over["429"] > 0
    assert "429" not in after
    assert "429" not in off


def test_what_the_limit_turns_away_reaches_no_service(live: Live) -> None:
    live.run(live.session.change({rate_limit.KEY: "1"}))
    before = live.run(live.context.counted())
    burst = live.run(rate_limit.burst(live.context, 50))
    after = live.run(live.context.counted())
    live.run(live.session.change({}))
    served = sum(after[version].requests - before[version].requests for version in after)
    assert burst.statuses.keys() == {200, 429}
    assert served == burst.admitted
