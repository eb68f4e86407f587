import pytest
from aiohttp import web

from httpservice.service import Service, reply
from httpservice.testing import Reply, send, serving


async def reply_to(
    method: str, path: str, suffix: str = "/details", *, draining: bool = False
) -> Reply:
    async def answer(request: web.Request) -> web.Response:
        return reply(b'"%b"' % request.match_info["id"].encode())

    async with serving(Service([web.get(f"/pet/{{id}}{suffix}", answer)])) as (front, port):
        front.draining = draining
        return await send(port, f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("pet_id", "given"),
    [("123", "123"), ("a_B-9", "a_B-9"), ("%31%32", "12"), ("x" * 64, "x" * 64), ("..%2d", None)],
)
async def test_an_id_is_given_decoded(pet_id: str, given: str | None) -> None:
    reply = await reply_to("GET", f"/pet/{pet_id}/details?x=1")
    assert reply.status == (200 if given else 400)
    assert given is None or reply.json == given


@pytest.mark.parametrize(
    "pet_id",
    [
        "..",
        "1.2",
        "a b".replace(" ", "%20"),
        "a%2Fb",
        "%00",
        "%0d%0aX:%20y",
        "%",
        "%zz",
        "%ff",
        "%C3%A4",
        "x" * 65,
        "1\\2",
        "%2e%2e%2f",
        "1%0a",
    ],
)
async def test_another_id_is_400_and_says_what_is_allowed(pet_id: str) -> None:
    reply = await reply_to("GET", f"/pet/{pet_id}/details")
    assert reply.status == 400
    assert reply.json == {
        "status": 400,
        "error": "Bad Request",
        "message": "id is 1 to 64 letters, digits, '_' or '-'",
    }


@pytest.mark.parametrize(
    "path",
    ["/", "/pet", "/pet/", "/pet/1", "/pet//details", "/pet/1/details/", "/pet/1/2/details", "/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_path_is_404(path: str, method: str) -> None:
    reply = await reply_to(method, path)
    assert (reply.status, reply.json["error"]) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/pet/1/details", "/healthz/live", "/healthz/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_another_method_is_405_and_says_which_are_allowed(path: str, method: str) -> None:
    reply = await reply_to(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/pet/1/details", "/healthz/live", "/healthz/ready"])
async def test_head_is_answered_as_get_without_the_body(path: str) -> None:
    head, get = await reply_to("HEAD", path), await reply_to("GET", path)
    assert (head.status, head.headers["content-length"]) == (200, str(len(get.body)))


async def test_a_service_has_any_routes_and_methods() -> None:
    async def price(request: web.Request) -> web.Response:
        return reply(b'"%b"' % "/".join(request.match_info.values()).encode())

    async def order(request: web.Request) -> web.Response:
        return reply(await request.read(), 201)

    routes = [web.get("/prices/{kind}/{size}", price), web.post("/orders", order)]

    async def exchange(raw: str) -> Reply:
        async with serving(Service(routes)) as (_, port):
            return await send(port, f"{raw}Host: test\r\n".encode() + b"\r\n")

    async def answered(raw: str) -> Reply:
        return await exchange(raw)

    assert (await answered("GET /prices/dog/large HTTP/1.1\r\n")).json == "dog/large"
    refused = await answered("GET /prices/dog/1.2 HTTP/1.1\r\n")
    assert refused.json["message"] == "size is 1 to 64 letters, digits, '_' or '-'"
    assert (await answered("POST /orders HTTP/1.1\r\nContent-Length: 0\r\n")).status == 201
    other = await answered("GET /orders HTTP/1.1\r\n")
    assert (other.status, other.headers["allow"]) == (405, "POST")
    assert other.json["message"] == "only POST is allowed"


async def test_an_empty_suffix_leaves_the_id_last() -> None:
    assert (await reply_to("GET", "/pet/1", suffix="")).json == "1"
    assert (await reply_to("GET", "/pet/1/details", suffix="")).status == 404


async def test_it_is_live_and_ready_until_it_drains() -> None:
    assert (await reply_to("GET", "/healthz/live")).json == {"status": "live"}
    assert (await reply_to("GET", "/healthz/ready")).json == {"status": "ready"}
    assert (await reply_to("GET", "/healthz/live", draining=True)).status == 200
    drained = await reply_to("GET", "/healthz/ready", draining=True)
    assert (drained.status, drained.json) == (503, {"status": "draining"})
