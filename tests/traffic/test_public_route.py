"""The public route, and callers that go around their sidecars; expectations.yaml has the rest."""

import asyncio

import pytest

from apps.catalog import Service
from demo.pets import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes import public_route
from demo.scenes.http_client import send_request
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal.origin import Origin
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

DETAILS = f"http://{PETDETAILS.name}:{PETDETAILS.port}/pet/7/details"


def test_petservice_answers_with_its_three_parts(live: Live) -> None:
    answer = live.run(send_request(live.session.runtime.url + "/pet/123"))
    assert answer is not None
    assert answer.status == 200
    assert set(answer.json) == {"petDetails", "petMedicalHistory", "dogAPIResponse"}
    assert answer.json["petDetails"]["petName"] == "Maximus"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pet", 404),
        ("/healthz/ready", 404),
        ("/petdetailsservice", 404),
        ("/pet/../healthz/live", 404),
        ("/pet/%2e%2e/healthz/live", 404),
        ("//pet/123", 404),
    ],
)
def test_nothing_else_is_public(live: Live, path: str, status: int) -> None:
    """The path is sent as it is written: a client's own normalization would hide the ingress's."""
    answer = live.run(_raw(live.session.runtime.origin, path))
    assert answer == status


async def _raw(origin: Origin, path: str) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, origin.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "pets.localhost.example",
        LOOPBACK,
    ],
)
def test_another_host_gets_404(live: Live, host: str) -> None:
    answer = live.run(send_request(live.session.runtime.url + "/pet/123", {"Host": host}))
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize("host", ["pets.localhost", "pets.localhost:8080"])
def test_the_hosts_port_does_not_matter(live: Live, host: str) -> None:
    answer = live.run(send_request(live.session.runtime.url + "/pet/123", {"Host": host}))
    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize(
    ("caller", "called", "path", "status"),
    [
        (PETSERVICE, PETDETAILS, "/pet/7/details", 200),
        (PETSERVICE, PETMEDICALHISTORY, "/pet/7/medicalhistory", 200),
        (PETSERVICE, PETSERVICE, "/pet/7", 403),
        (PETDETAILS, PETMEDICALHISTORY, "/pet/7/medicalhistory", 403),
        (PETDETAILS, PETSERVICE, "/pet/7", 403),
        (PETMEDICALHISTORY, PETDETAILS, "/pet/7/details", 403),
        (PETMEDICALHISTORY, PETSERVICE, "/pet/7", 403),
    ],
)
def test_a_caller_that_goes_around_its_sidecar_may_no_more_than_its_identity(
    live: Live, caller: Service, called: Service, path: str, status: int
) -> None:
    answer = live.run(live.context.around_proxy(caller, called, path))
    assert answer is not None
    assert answer.status == status


def test_every_form_of_a_services_name_leads_to_it(live: Live) -> None:
    sidecar = live.context.sidecar(PETSERVICE)
    for name in ("", ".pets", ".pets.svc", ".pets.svc.cluster.local"):
        url = DETAILS.replace(PETDETAILS.name, PETDETAILS.name + name)
        answer = live.run(send_request(url, proxy=sidecar))
        assert answer is not None
        assert answer.status == 200, name


def test_the_scene_of_the_public_route_holds(live: Live) -> None:
    assert live.run(public_route.play(live.context)).problems == ()
