"""The descriptions say what the services do: each described answer is had, no other is given."""

import asyncio
import importlib
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator, validate

from apps.catalog import FOLDER, SERVICES, Service
from httpservice import service as routes
from httpservice.environment import Environment
from httpservice.message import Request, Response
from httpservice.server import Limits
from httpservice.testing import (
    QUICK,
    Reply,
    answering,
    ok,
    read_reply,
    run,
    serving,
    silent,
    stand_in,
)
from petservice import forwarding
from tests.services.description import Node, described, description, file_of

BY_NAME = {service.name: service for service in SERVICES}
# Of each message, not of what it says.
FRAMING = {"connection", "content-length", "content-type", "date"}
METHOD_NOT_ALLOWED = 405

Answer = Response | Coroutine[Any, Any, Response]
Handle = Callable[[Request], Answer]


def as_it_is(handle: Handle) -> Handle:
    return handle


def failing(_handle: Handle) -> Handle:
    def fail(_request: Request) -> Response:
        raise LookupError

    return fail


def late(handle: Handle) -> Handle:
    async def answer(request: Request) -> Response:
        await asyncio.sleep(0.01)
        answer = handle(request)
        return answer if isinstance(answer, Response) else await answer

    return answer


GET = "GET {path} HTTP/1.1\r\nHost: a\r\n"
REQUESTS: Mapping[int, tuple[str, Limits, Callable[[Handle], Handle]]] = {
    200: (f"{GET}\r\n", QUICK, as_it_is),
    400: ("GET {path} HTTP/1.1\r\n\r\n", QUICK, as_it_is),
    404: ("GET {path}/x HTTP/1.1\r\nHost: a\r\n\r\n", QUICK, as_it_is),
    405: ("POST {path} HTTP/1.1\r\nHost: a\r\n\r\n", QUICK, as_it_is),
    408: (GET, replace(QUICK, receive_seconds=0.01), as_it_is),
    413: (f"{GET}Content-Length: 65537\r\n\r\n", QUICK, as_it_is),
    414: ("GET {path}?" + "x" * 4096 + " HTTP/1.1\r\nHost: a\r\n\r\n", QUICK, as_it_is),
    417: (f"{GET}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", QUICK, as_it_is),
    429: (f"{GET}\r\n" * 2, replace(QUICK, pipelined=0), late),
    431: (f"{GET}X: " + "x" * 16384 + "\r\n\r\n", QUICK, as_it_is),
    500: (f"{GET}\r\n", QUICK, failing),
    503: (f"{GET}\r\n", replace(QUICK, connections=0), as_it_is),
}
BACK_ENDS = {502: answering(ok(b"")), 504: silent}


async def answers(service: str, path: str, status: int) -> list[Reply]:
    """Have a service answer with a status, and give all that it says on that connection."""
    raw, limits, wrap = REQUESTS.get(status, REQUESTS[200])
    good = answering(ok(b"{}"))
    async with stand_in(BACK_ENDS.get(status, good)) as details, stand_in(good) as history:
        variables = {
            "PETDETAILS_URL": details.url,
            "PETMEDICALHISTORY_URL": history.url,
            "DOG_API_URL": f"{details.url}/",
            "UPSTREAM_TIMEOUT_SECONDS": "0.05" if status == HTTPStatus.GATEWAY_TIMEOUT else "5",
        }
        built: routes.Service = _module(service).build(Environment(variables))()
        async with serving(wrap(built.handle), limits) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw.replace("{path}", path).encode())
            replies = [
                await read_reply(reader) for _ in range(raw.count("GET {path} HTTP/1.1\r\nH") or 1)
            ]
            writer.close()
            return replies


def _module(service: str) -> Any:  # noqa: ANN401 - modules have no type of their own
    return importlib.import_module(f"{service}.__main__")


def check(reply: Reply, response: Node) -> None:
    [media_type] = response["content"]
    assert reply.headers["content-type"] == media_type
    validate(reply.json, response["content"][media_type]["schema"], Draft202012Validator)
    headers = {name.lower(): header for name, header in response.get("headers", {}).items()}
    assert reply.headers.keys() - FRAMING <= headers.keys()
    assert {name for name, header in headers.items() if header.get("required")} <= {*reply.headers}
    for name in headers.keys() & reply.headers.keys():
        schema = headers[name]["schema"]
        value = reply.headers[name]
        typed = int(value) if schema["type"] == "integer" else value
        validate(typed, schema, Draft202012Validator)


@pytest.mark.parametrize("service", BY_NAME)
def test_the_description_is_valid_openapi(service: str) -> None:
    schemathesis.openapi.from_path(str(file_of(service))).validate()  # pyright: ignore[reportUnknownMemberType]


CASES = [
    (service, path, status)
    for service in BY_NAME
    for path, responses in described(service).items()
    for status in responses
]


@pytest.mark.parametrize(("service", "path", "status"), CASES)
def test_each_described_answer_is_given_as_described(service: str, path: str, status: int) -> None:
    replies = run(answers(service, path.replace("{id}", "1"), status))
    assert replies[-1].status == status
    for reply in replies:
        check(reply, described(service)[path][reply.status])


@pytest.mark.parametrize("service", BY_NAME)
def test_another_method_is_answered_as_the_shared_part_says(service: str) -> None:
    [reply] = run(answers(service, BY_NAME[service].path.replace("{*}", "1"), METHOD_NOT_ALLOWED))
    assert reply.status == METHOD_NOT_ALLOWED
    check(reply, description("httpservice")["components"]["responses"]["MethodNotAllowed"])


@pytest.mark.parametrize("service", BY_NAME)
def test_no_status_in_the_code_is_undescribed(service: str) -> None:
    names = ("connection", "server", "service")
    shared = [FOLDER / "httpservice" / f"{name}.py" for name in names]
    own = sorted((FOLDER / service).glob("*.py"))
    text = "".join(file.read_text() for file in (*shared, *own))
    valid = {status.value for status in HTTPStatus if status >= HTTPStatus.OK}
    in_code = {int(number) for number in re.findall(r"(?<![\d_.,])\d{3}(?![\d_])", text)} & valid
    known = {status for responses in described(service).values() for status in responses}
    assert in_code - {METHOD_NOT_ALLOWED} == known


@pytest.mark.parametrize("service", BY_NAME)
def test_head_is_described_as_get_is(service: str) -> None:
    for item in description(service)["paths"].values():
        assert item["head"] == item["get"]
        assert item.keys() - {"parameters"} == {"get", "head"}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_name_port_path_and_ids_are_those_of_the_code(service: Service) -> None:
    described_here = description(service.name)
    assert described_here["info"]["title"] == service.name
    assert described_here["servers"] == [{"url": f"http://{service.name}:{service.port}"}]
    route = service.path.replace("{*}", "{id}")
    assert [*described_here["paths"]] == [route, "/healthz/live", "/healthz/ready"]
    [pet_id, *_] = described_here["paths"][route]["parameters"]
    assert pet_id["schema"]["pattern"] == f"^{routes._ID.pattern.decode()}$"  # pyright: ignore[reportPrivateUsage]


def test_the_headers_that_petservice_passes_on_are_described() -> None:
    [_, *parameters] = description("petservice")["paths"]["/pet/{id}"]["parameters"]
    headers = {each["name"].encode() for each in parameters if each["in"] == "header"}
    assert headers == forwarding._FORWARDED  # pyright: ignore[reportPrivateUsage]
    assert {each["name"] for each in parameters if each["in"] == "cookie"} == {"canary"}
