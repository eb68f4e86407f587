"""Users keep to one side of two canaries, through real Envoys, whatever they send."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from demo import playlists
from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes import users
from demo.scenes.http_client import Response, request_ingress, send_request
from demo.scenes.scene import Scene
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.metrics import VersionMetrics
from petmesh.rehearsal.share import CanaryShare
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

WEIGHTS = (0, 10, 50, 100, 0)
ARRIVALS = 25
LOW, HIGH = {"cookie": "pets-place=00f"}, {"cookie": "pets-place=fff"}


@pytest.fixture(scope="module")
def mesh() -> Iterator[Live]:
    live = Live(logs_decisions=True)
    yield live
    live.close()


@pytest.fixture(scope="module")
def played(mesh: Live) -> Scene:
    async def play() -> Scene:
        [scene] = [
            each
            async for each in playlists.users_alone(mesh.session, WEIGHTS, ARRIVALS, lambda _: None)
        ]
        return scene

    return mesh.run(play())


@pytest.fixture(scope="module")
def half(mesh: Live, played: Scene) -> Live:
    """Both canaries at weight 50."""
    assert played
    mesh.run(users.set_weights(mesh.session, 50))
    return mesh


def visit(live: Live, headers: dict[str, str]) -> tuple[str, Response]:
    """The version of petdetailsservice that a client with some headers meets, and the response."""
    origin = live.session.runtime.origin
    response = live.run(request_ingress(origin, "/pet/123", headers))
    assert response is not None
    return live.context.classify(response.status, response.text.encode()), response


def test_nobody_changes_sides_while_the_weights_rise_and_all_are_back_at_0(played: Scene) -> None:
    assert played.problems == ()
    steps = played.data["steps"]
    assert [step["weight"] for step in steps] == [*WEIGHTS]
    assert [step["users"] for step in steps] == [ARRIVALS * (n + 1) for n in range(len(WEIGHTS))]
    assert [step["toStable"] for step in steps] == [0, 0, 0, 0, steps[3]["users"]]
    assert steps[-1]["canary"] == 0


def test_every_hop_of_a_user_is_on_one_side(played: Scene) -> None:
    assert [(step["torn"], step["failures"]) for step in played.data["steps"]] == [(0, 0)] * 5


def test_a_rise_changes_the_route_of_each_service_alone(played: Scene) -> None:
    for step in played.data["steps"][1:]:
        names = [difference.split(":")[0] for difference in step["changed"]]
        assert names == [
            "~ VirtualService petdetailsservice",
            "~ VirtualService petservice-public",
        ]


def test_a_new_user_gets_the_cookie_and_meets_the_same_version_with_it(half: Live) -> None:
    for _ in range(20):
        version, response = visit(half, {})
        given = response.headers["set-cookie"]
        form = r"pets-place=[0-9a-f]{3}; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax"
        assert re.fullmatch(form, given)
        again, response = visit(half, {"cookie": f"theme=dark; {given.split(';')[0]}"})
        assert (again, "set-cookie" in response.headers) == (version, False)


def test_the_lowest_places_meet_the_canary_and_the_highest_the_stable_version(half: Live) -> None:
    assert {visit(half, LOW)[0] for _ in range(5)} == {"v2"}
    assert {visit(half, HIGH)[0] for _ in range(5)} == {"v1"}


@pytest.mark.parametrize("value", ["", "fff0", "ff", "FFF", "fff;x", "%REQ(:PATH)%"])
def test_a_cookie_without_a_place_is_replaced(half: Live, value: str) -> None:
    expected = value == "fff;x"
    _, response = visit(half, {"cookie": f"pets-place={value}"})
    assert ("set-cookie" not in response.headers) == expected


LONG = b"a=" + b"x" * 8192
# The lines of the header, and the side that they are on; of the last ones, each request is a new
# user's.
HOSTILE: dict[str, tuple[list[bytes], str]] = {
    "low, high": ([b"pets-place=000; pets-place=fff"], "v1"),
    "high, low": ([b"pets-place=fff; pets-place=000"], "v1"),
    "low twice": ([b"pets-place=000; pets-place=000"], "v1"),
    "low, high, on two lines": ([b"pets-place=000", b"pets-place=fff"], "v2"),
    "high, low, on two lines": ([b"pets-place=fff", b"pets-place=000"], "v1"),
    "in another's value": ([b"a=x,pets-place=000; pets-place=fff"], "v1"),
    "empty, low": ([b"pets-place=; pets-place=000"], "v2"),
    "low, empty": ([b"pets-place=000; pets-place="], "v2"),
    "quoted, high": ([b'pets-place="000"; pets-place=fff'], "v1"),
    "upper case, high": ([b"PETS-PLACE=000; pets-place=fff"], "v1"),
    "after a tab": ([b"theme=dark;\tpets-place=000"], "v2"),
    "after 8 kB": ([LONG + b"; pets-place=000"], "v2"),
    "before 8 kB": ([b"pets-place=000; " + LONG], "v2"),
    "after UTF-8": (["name=é; pets-place=000".encode()], "v2"),
    "after Latin-1": ([b"name=\xe9; pets-place=000"], "v2"),
    "on the second line": ([b"theme=dark", b"pets-place=000"], ""),
    "by a comma": ([b"pets-place=000,pets-place=fff"], ""),
    "quoted": ([b'pets-place="000"'], ""),
    "upper case": ([b"PETS-PLACE=000"], ""),
    "upper digits": ([b"pets-place=00A"], ""),
    "8 kB": ([b"pets-place=" + b"0" * 8192], ""),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_the_cookies_both_hops_are_on_one_side(half: Live, case: str) -> None:
    lines, side = HOSTILE[case]
    for _ in range(4):
        front, details, response = half.run(hops(half, lines))
        assert front == details
        assert side in ("", front)
        assert (b"set-cookie: pets-place=" in response) == (not side)


async def hops(live: Live, cookies: list[bytes]) -> tuple[str, str, bytes]:
    """The versions of both services that a request with some lines of cookies met."""
    runtime = live.session.runtime
    host = f"{PETSERVICE.name}.pets.svc.cluster.local"
    before = await runtime.version_metrics(host)
    reader, writer = await asyncio.open_connection(LOOPBACK, runtime.origin.port)
    lines = [b"GET /pet/123 HTTP/1.1", b"Host: " + runtime.origin.authority.encode()]
    lines += [b"Connection: close", *(b"Cookie: " + each for each in cookies), b"", b""]
    writer.write(b"\r\n".join(lines))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    after = await runtime.version_metrics(host)
    [front] = [
        version
        for version, each in after.items()
        if version and each.since(before.get(version, VersionMetrics())).requests
    ]
    return front, live.context.classify(int(head.split()[1]), body), head


def test_a_client_chooses_no_place_by_a_header(half: Live) -> None:
    for name, low in (("x-canary-place", "000"), ("x-request-id", "000" + "0" * 29)):
        assert {visit(half, {**HIGH, name: low})[0] for _ in range(5)} == {"v1"}
        places = {visit(half, {name: low})[1].headers["set-cookie"][:14] for _ in range(5)}
        assert len(places) > 1, "each is drawn anew"


def test_a_tester_meets_the_canary_whatever_the_place(half: Live) -> None:
    assert visit(half, {**HIGH, "x-canary": "always"})[0] == "v2"
    assert visit(half, {"cookie": "pets-place=fff; canary=always"})[0] == "v2"


def test_a_call_that_comes_from_no_user_goes_by_the_weight(half: Live) -> None:
    sidecar = f"http://{LOOPBACK}:{half.session.runtime.pods_of('petservice-v1')[0].outbound_port}"
    url = f"http://{PETDETAILS.name}:{PETDETAILS.port}/pet/123/details"

    async def answers() -> list[str]:
        sent = [await send_request(url, proxy=sidecar) for _ in range(200)]
        return [each.text for each in sent if each is not None]

    got = half.run(answers())
    assert len(got) == 200
    assert CanaryShare(50, sum(text == got[0] for text in got), 200).is_within
