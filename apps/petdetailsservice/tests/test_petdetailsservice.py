import asyncio
import time

import pytest

from httpservice.environment import Environment, SettingError
from httpservice.testing import Reply, get, refusal, service, serving
from petdetailsservice.__main__ import build


async def ask(variables: dict[str, str], count: int = 1) -> list[Reply]:
    async with serving(build(Environment(variables))) as (_, port):
        return await asyncio.gather(*(get(port, "/pet/123/details") for _ in range(count)))


@pytest.mark.parametrize(
    ("variables", "breed"),
    [
        ({}, "Dog"),
        ({"SERVICE_VERSION": "v1"}, "Dog"),
        ({"SERVICE_VERSION": "v2"}, "German Shepherd Dog"),
    ],
)
async def test_a_pets_details_are_the_articles_for_each_version(
    variables: dict[str, str], breed: str
) -> None:
    [reply] = await ask(variables)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == {
        "petName": "Maximus",
        "petAge": 5,
        "petOwner": "Nithin Mallya",
        "petBreed": breed,
    }


def test_a_version_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match="SERVICE_VERSION = 'v9': must be one of v1, v2"):
        build(Environment({"SERVICE_VERSION": "v9"}))


async def test_a_share_of_the_requests_fails_when_told_to() -> None:
    statuses = [reply.status for reply in await ask({"FAULT_ERROR_PERCENT": "50"}, 600)]
    assert set(statuses) == {200, 500}
    assert 200 < statuses.count(500) < 400
    assert {reply.status for reply in await ask({"FAULT_ERROR_PERCENT": "100"}, 20)} == {500}
    assert {reply.status for reply in await ask({"FAULT_ERROR_PERCENT": "0"}, 20)} == {200}


async def test_answers_are_late_when_told_to() -> None:
    begun = time.perf_counter()
    replies = await ask({"FAULT_DELAY_MILLISECONDS": "50.5"}, 20)
    assert {reply.status for reply in replies} == {200}
    assert time.perf_counter() - begun >= 0.05


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("FAULT_ERROR_PERCENT", "101", "a number from 0 to 100"),
        ("FAULT_ERROR_PERCENT", "-1", "a number from 0 to 100"),
        ("FAULT_DELAY_MILLISECONDS", "60001", "a number from 0 to 60000"),
        ("FAULT_DELAY_MILLISECONDS", "", "a number from 0 to 60000"),
    ],
)
def test_a_fault_out_of_range_is_refused(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingError, match=f"{name} = '{value}': must be {allowed}"):
        build(Environment({name: value}))


async def test_it_runs_as_a_process() -> None:
    async with service("petdetailsservice", SERVICE_VERSION="v2") as running:
        reply = await get(running.port, "/pet/7/details")
        assert reply.json["petBreed"] == "German Shepherd Dog"
        assert (await get(running.port, "/healthz/ready")).status == 200
    assert {line["version"] for line in running.log} == {"v2"}
    status, said = await refusal("petdetailsservice", FAULT_ERROR_PERCENT="101")
    expected = "petdetailsservice: FAULT_ERROR_PERCENT = '101': must be a number from 0 to 100\n"
    assert (status, said) == (2, expected)
