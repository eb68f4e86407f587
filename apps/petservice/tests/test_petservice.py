import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import orjson
import pytest
from aiohttp import web
from yarl import URL

from httpservice.environment import Environment, SettingError
from httpservice.service import Service
from httpservice.testing import SECONDS, Reply, get, send, serving, unused_port
from httpservice.upstream import Upstream
from petdetailsservice.__main__ import build as build_details
from petmesh.rehearsal.faulty import (
    Connection,
    Conversation,
    FaultyServer,
    resetting,
    response,
    sending,
    silent,
)
from petservice import forwarding
from petservice.__main__ import build
from petservice.pets import Pets

DETAILS = {"petName": "Maximus", "petAge": 5, "petOwner": "Nithin Mallya", "petBreed": "Dog"}
HISTORY = {"vaccinationList": ["Bordetella, Leptospirosis, Rabies, Lyme Disease"]}
DOG = [{"id": "abc", "url": "https://example.com/dog.jpg", "width": 1.50}]


def json(value: object, *, status: str = "200 OK") -> bytes:
    return response(orjson.dumps(value), status=status)


GOOD_DETAILS = sending(json(DETAILS))
GOOD_HISTORY = sending(json(HISTORY))


@dataclass
class Mesh:
    """Petservice among stand-ins."""

    port: int
    details: FaultyServer
    history: FaultyServer
    dog: FaultyServer | None


@asynccontextmanager
async def mesh(
    details: Conversation = GOOD_DETAILS,
    history: Conversation = GOOD_HISTORY,
    dog: Conversation | None = None,
    variables: Mapping[str, str] = {},
) -> AsyncGenerator[Mesh]:
    """Where one is silent, its deadline alone is near: no other can end the exchange before it."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(FaultyServer(each)) for each in (details, history)]
        api = await stack.enter_async_context(FaultyServer(dog)) if dog else None
        addresses = {
            "PETDETAILS_URL": peers[0].url,
            "PETMEDICALHISTORY_URL": peers[1].url,
            "DOG_API_URL": f"{api.url}/v1/images/search?key=private" if api else "",
        }
        conversations = (details, history, dog)
        if silent in conversations and not variables:
            asked = [
                Upstream(
                    URL(address),
                    timeout=0.1 if conversation is silent else SECONDS,
                    proxy=None,
                    user_agent="petservice",
                )
                for address, conversation in zip(addresses.values(), conversations, strict=True)
                if conversation
            ]
            pets = Pets(asked[0], asked[1], asked[2] if dog else None)
            service = Service([web.get("/pet/{id}", pets.answer)], asked)
        else:
            service = build(Environment(addresses | dict(variables)))
        _, port = await stack.enter_async_context(serving(service))
        yield Mesh(port, peers[0], peers[1], api)


async def ask(
    details: Conversation = GOOD_DETAILS,
    history: Conversation = GOOD_HISTORY,
    dog: Conversation | None = None,
    variables: Mapping[str, str] = {},
) -> Reply:
    async with mesh(details, history, dog, variables) as running:
        return await get(running.port, "/pet/123")


class TestAnswer:
    async def test_it_holds_what_the_two_services_say(self) -> None:
        reply = await ask()
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        assert reply.json == {"petDetails": DETAILS, "petMedicalHistory": HISTORY}

    async def test_it_holds_what_the_dog_api_says_where_there_is_one(self) -> None:
        reply = await ask(dog=sending(json(DOG)))
        assert reply.json == {
            "petDetails": DETAILS,
            "petMedicalHistory": HISTORY,
            "dogAPIResponse": DOG,
        }

    async def test_the_id_is_passed_on(self) -> None:
        async with mesh(dog=sending(json(DOG))) as running:
            assert (await get(running.port, "/pet/a%2D7")).status == 200
            assert running.details.requests[0].startswith(b"GET /pet/a-7/details HTTP/1.1\r\n")
            assert running.history.requests[0].startswith(b"GET /pet/a-7/medicalhistory HTTP/1")
            assert running.dog is not None
            assert running.dog.requests[0].startswith(b"GET /v1/images/search?key=private HTTP")

    async def test_the_three_are_asked_at_the_same_time(self) -> None:
        everybody = asyncio.Barrier(3)

        def together(answer: bytes) -> Conversation:
            async def converse(connection: Connection) -> None:
                await connection.request()
                await everybody.wait()
                await connection.send(answer)

            return converse

        details, history, dog = (together(json(part)) for part in (DETAILS, HISTORY, DOG))
        async with mesh(details, history, dog) as running:
            assert (await get(running.port, "/pet/1")).status == 200

    async def test_connections_are_used_again(self) -> None:
        async with mesh(dog=sending(json(DOG))) as running:
            for _ in range(5):
                assert (await get(running.port, "/pet/1")).status == 200
            assert running.dog is not None
            peers = (running.details, running.history, running.dog)
            assert [(peer.connections, len(peer.requests)) for peer in peers] == [(1, 5)] * 3

    async def test_trace_headers_and_the_testers_mark_go_to_the_services_only(self) -> None:
        sent = ("traceparent: 00-a-b-01", "X-B3-TraceId: a", "x-canary: always")
        kept = ("cookie: canary=always", "x-request-id: r1")
        private = ("Authorization: secret",)
        async with mesh(dog=sending(json(DOG))) as running:
            await get(running.port, "/pet/1", *sent, *kept, *private)
            for peer in (running.details, running.history):
                head = peer.requests[0].lower()
                assert all(line.lower().encode() in head for line in sent + kept)
                assert b"secret" not in head
            assert running.dog is not None
            assert running.dog.requests[0].lower().split(b"\r\n")[1:] == [
                b"host: 127.0.0.1:%d" % running.dog.port,
                b"accept: application/json",
                b"accept-encoding: identity",
                b"user-agent: petservice",
                b"",
                b"",
            ]

    @pytest.mark.parametrize("name", [*forwarding.FORWARDED, "cookie"])
    async def test_what_goes_on_is_refused_here_before_a_service_would_refuse_it(
        self, name: str
    ) -> None:
        async with serving(build_details(Environment({}))) as (_, port):
            variables = {"PETDETAILS_URL": f"http://127.0.0.1:{port}"}
            async with mesh(variables=variables) as running:
                start = "canary=" if name == "cookie" else ""
                longest = forwarding.MAX_BYTES - len(name) - len(b": \r\n") - len(start)
                statuses = [
                    (await get(running.port, "/pet/1", f"{line}{'a' * length}")).status
                    for line in [f"{name}: {start}"]
                    for length in (longest, longest + 1, 16_000)
                ]
        assert statuses == [200, 431, 431]

    async def test_bytes_that_are_no_text_cost_no_answer(self) -> None:
        async with mesh() as running:
            reply = await get(running.port, "/pet/1", "x-request-id: a\xffb")
            assert reply.status == 200
            assert b"\r\nx-request-id: a?b\r\n" in running.details.requests[0]

    async def test_everything_goes_through_a_proxy_where_one_is_set(self) -> None:
        async def sidecar(connection: Connection) -> None:
            while True:
                head = await connection.request()
                part = HISTORY if b"medicalhistory" in head else DETAILS
                await connection.send(
                    json(part) if b"petd" in head or b"petm" in head else json(DOG)
                )

        async with FaultyServer(sidecar) as proxy:
            variables = {
                "HTTP_PROXY": proxy.url,
                "PETDETAILS_URL": "http://petdetailsservice:9081",
                "PETMEDICALHISTORY_URL": "http://petmedicalhistoryservice:9082",
                "DOG_API_URL": "http://api.example/v1",
            }
            async with mesh(variables=variables) as running:
                reply = await get(running.port, "/pet/1")
            assert reply.json["dogAPIResponse"] == DOG
            assert {head.split(b" ")[1] for head in proxy.requests} == {
                b"http://petdetailsservice:9081/pet/1/details",
                b"http://petmedicalhistoryservice:9082/pet/1/medicalhistory",
                b"http://api.example/v1",
            }

    async def test_head_has_no_body(self) -> None:
        async with mesh() as running:
            reply = await send(running.port, b"HEAD /pet/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (reply.status, int(reply.headers["content-length"]) > 100) == (200, True)


class TestDogApiFailing:
    @pytest.mark.parametrize(
        ("dog", "code"),
        [
            (sending(json({}, status="502 Bad Gateway")), "ECONNRESET"),
            (sending(json({}, status="503 Service Unavailable")), "ECONNRESET"),
            (sending(json({}, status="504 Gateway Timeout")), "ETIMEDOUT"),
            (resetting, "ECONNRESET"),
            (silent, "ETIMEDOUT"),
            (sending(response(b"<html>hello</html>")), "EPROTO"),
            (sending(response(b"")), "EPROTO"),
            (sending(response(b'{"a":NaN}')), "EPROTO"),
            (sending(response(b'{"a":"\xff"}')), "EPROTO"),
            (sending(response(b'{"a":1}}{"evil":1}')), "EPROTO"),
            (sending(response(b"[" * 5000)), "EPROTO"),
            (sending(response(b'"text"')), "EPROTO"),
            (sending(response(b'["%b"]' % (b"x" * 300_000))), "EPROTO"),
            (sending(b"SSH-2.0-rubbish\r\n"), "EPROTO"),
            (sending(json({}, status="500 Internal Server Error")), "EPROTO"),
            (sending(json({}, status="404 Not Found")), "EPROTO"),
            (
                sending(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
                "EPROTO",
            ),
        ],
    )
    async def test_the_rest_is_answered_with_the_articles_error_object(
        self, dog: Conversation, code: str
    ) -> None:
        reply = await ask(dog=dog)
        body = reply.json
        failure = body.pop("dogAPIResponse")
        assert (reply.status, body) == (200, {"petDetails": DETAILS, "petMedicalHistory": HISTORY})
        assert failure.keys() == {"message", "type", "errno", "code"}
        assert (failure["type"], failure["errno"], failure["code"]) == ("system", code, code)
        assert failure["message"].startswith("request to http://127.0.0.1:")
        assert f"/v1/images/search failed, reason: {code}, " in failure["message"]
        assert "private" not in failure["message"]

    async def test_down_or_unknown(self) -> None:
        closed = f"http://127.0.0.1:{await unused_port()}/"
        for address, codes in (
            (closed, {"ECONNREFUSED"}),
            ("http://no-such-host.invalid/", {"ENOTFOUND", "EAI_AGAIN"}),
        ):
            async with mesh(variables={"DOG_API_URL": address}) as running:
                reply = await get(running.port, "/pet/1")
            assert reply.status == 200
            assert reply.json["dogAPIResponse"]["code"] in codes


class TestServiceFailing:
    @pytest.mark.parametrize("failing", ["petdetailsservice", "petmedicalhistoryservice"])
    @pytest.mark.parametrize(
        ("conversation", "status", "reason"),
        [
            (sending(json({}, status="500 Internal Server Error")), 502, "answered 500"),
            (sending(json({}, status="503 Service Unavailable")), 502, "answered 503"),
            (sending(json({}, status="504 Gateway Timeout")), 504, "answered 504"),
            (sending(json({}, status="404 Not Found")), 502, "answered 404"),
            (resetting, 502, "ECONNRESET"),
            (silent, 504, "ETIMEDOUT"),
            (sending(response(b"<html>")), 502, "not a JSON object"),
            (sending(response(b"[]")), 502, "not a JSON object"),
            (sending(b"rubbish\r\n\r\n"), 502, "EPROTO"),
            (sending(response(b'{"a":"%b"}' % (b"x" * 300_000))), 502, "EPROTO"),
        ],
    )
    async def test_the_error_names_it(
        self, failing: str, conversation: Conversation, status: int, reason: str
    ) -> None:
        if failing == "petdetailsservice":
            reply = await ask(details=conversation)
        else:
            reply = await ask(history=conversation)
        assert reply.status == status
        assert reply.headers["content-type"] == "application/json"
        body = reply.json
        assert (body["status"], body["service"]) == (status, failing)
        assert body["message"].startswith(f"{failing}: ")
        assert reason in body["message"]

    async def test_the_deadline_is_the_one_that_is_set(self) -> None:
        reply = await ask(
            details=silent, history=silent, variables={"UPSTREAM_TIMEOUT_SECONDS": "0.1"}
        )
        assert reply.status == 504
        assert reply.json["message"].endswith("ETIMEDOUT, no answer within 0.1 s")

    async def test_refused(self) -> None:
        closed = f"http://127.0.0.1:{await unused_port()}"
        async with mesh(variables={"PETDETAILS_URL": closed}) as running:
            reply = await get(running.port, "/pet/1")
        assert (reply.status, reply.json["service"]) == (502, "petdetailsservice")
        assert "ECONNREFUSED" in reply.json["message"]

    async def test_a_slow_dog_api_does_not_hold_the_error_back(self) -> None:
        broken = sending(json({}, status="500 Internal Server Error"))
        assert (
            await ask(details=broken, dog=silent, variables={"UPSTREAM_TIMEOUT_SECONDS": "60"})
        ).status == 502

    async def test_it_recovers(self) -> None:
        flaky = sending(json({}, status="500 Oh"), json(DETAILS))
        async with mesh(flaky) as running:
            statuses = [(await get(running.port, "/pet/1")).status for _ in range(3)]
        assert statuses == [502, 200, 200]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PETDETAILS_URL", ""),
        ("PETMEDICALHISTORY_URL", "petmedicalhistoryservice:9082"),
        ("DOG_API_URL", "https://api.thedogapi.com"),
        ("DOG_API_PROXY", "127.0.0.1:15007"),
        ("HTTP_PROXY", "socks5://127.0.0.1:1"),
        ("UPSTREAM_TIMEOUT_SECONDS", "0"),
        ("UPSTREAM_TIMEOUT_SECONDS", "61"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} = '{value}': "):
        build(Environment({name: value}))
