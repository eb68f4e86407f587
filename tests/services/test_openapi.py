"""The OpenAPI descriptions: each described response occurs, and no other."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from jsonschema import Draft202012Validator, validate

from apps.catalog import FOLDER, Service
from demo.pets import PETS
from httpservice import service as routes
from httpservice.environment import Environment
from httpservice.server import Limits
from httpservice.service import Service as ServiceUnderTest
from httpservice.testing import Reply, send, serving
from petmesh.rehearsal.faulty import FaultyServer, response, sending, silent
from petservice import forwarding
from tests.services.description import Node, described, description, file_of

BY_NAME = {service.name: service for service in PETS}
# Of each message, not of what it says.
FRAMING = {"connection", "content-length", "content-type", "date", "server"}
METHOD_NOT_ALLOWED = 405


def failing(service: ServiceUnderTest) -> ServiceUnderTest:
    async def fail(_request: web.Request) -> web.Response:
        raise LookupError

    [route] = service.routes
    assert isinstance(route, web.RouteDef)
    return replace(service, routes=[web.get(route.path, fail)])


GET = "GET {path} HTTP/1.1\r\nHost: a\r\n"
REQUESTS: Mapping[int, str] = {
    200: f"{GET}\r\n",
    404: "GET {path}/x HTTP/1.1\r\nHost: a\r\n\r\n",
    405: "POST {path} HTTP/1.1\r\nHost: a\r\n\r\n",
    431: f"{GET}tracestate: " + "x" * 8192 + "\r\n\r\n",
}
BACK_ENDS = {502: sending(response(b"")), 504: silent}


async def answers(service: str, path: str, status: int) -> Reply:
    """Have a service answer with a status."""
    good = sending(response(b"{}"))
    async with FaultyServer(BACK_ENDS.get(status, good)) as details, FaultyServer(good) as history:
        variables = {
            "PETDETAILS_URL": details.url,
            "PETMEDICALHISTORY_URL": history.url,
            "DOG_API_URL": f"{details.url}/",
            "UPSTREAM_TIMEOUT_SECONDS": "0.05" if status == HTTPStatus.GATEWAY_TIMEOUT else "5",
        }
        built: ServiceUnderTest = _module(service).build(Environment(variables))
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            built = failing(built)
        limits = Limits(in_flight=0) if status == HTTPStatus.SERVICE_UNAVAILABLE else Limits()
        pet_id = "no.id" if status == HTTPStatus.BAD_REQUEST else "1"
        raw = REQUESTS.get(status, REQUESTS[200]).replace("{path}", path.replace("{id}", pet_id))
        async with serving(built, limits) as (front, port):
            front.draining = status == HTTPStatus.SERVICE_UNAVAILABLE
            return await send(port, raw.encode())


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
async def test_each_described_answer_is_given_as_described(
    service: str, path: str, status: int
) -> None:
    reply = await answers(service, path, status)
    assert reply.status == status
    check(reply, described(service)[path][status])


@pytest.mark.parametrize("service", BY_NAME)
async def test_another_method_is_answered_as_the_shared_part_says(service: str) -> None:
    reply = await answers(
        service, BY_NAME[service].entry.paths[0].replace("{*}", "1"), METHOD_NOT_ALLOWED
    )
    assert reply.status == METHOD_NOT_ALLOWED
    check(reply, description("httpservice")["components"]["responses"]["MethodNotAllowed"])


@pytest.mark.parametrize("service", BY_NAME)
def test_no_status_in_the_code_is_undescribed(service: str) -> None:
    shared = [FOLDER / "httpservice" / "service.py"]
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


@pytest.mark.parametrize("service", PETS, ids=lambda service: service.name)
def test_name_port_path_and_ids_are_those_of_the_code(service: Service) -> None:
    described_here = description(service.name)
    assert described_here["info"]["title"] == service.name
    assert described_here["servers"] == [{"url": f"http://{service.name}:{service.port}"}]
    [path] = service.entry.paths
    route = path.replace("{*}", "{id}")
    assert [*described_here["paths"]] == [route, "/healthz/live", "/healthz/ready"]
    [pet_id, *_] = described_here["paths"][route]["parameters"]
    assert pet_id["schema"]["pattern"] == f"^{routes._VARIABLE.pattern}$"  # pyright: ignore[reportPrivateUsage]


def test_the_headers_that_petservice_passes_on_are_described() -> None:
    [_, *parameters] = description("petservice")["paths"]["/pet/{id}"]["parameters"]
    headers = {each["name"] for each in parameters if each["in"] == "header"}
    assert headers == set(forwarding.FORWARDED)
    assert {each["name"] for each in parameters if each["in"] == "cookie"} == {"canary"}
