"""Sources of metrics besides a Prometheus: Google Cloud's managed one, and Datadog."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from petmesh.ramp.datadog import Datadog
from petmesh.ramp.google import managed_prometheus
from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.options import Options
from petmesh.ramp.target import TargetError, UsageError
from petmesh.ramp.targets import open_cluster

Answer = Callable[[web.Request, str], web.Response]


@asynccontextmanager
async def served(answer: Answer) -> AsyncGenerator[str]:
    """A server on loopback that answers by its request and its query."""

    async def handle(request: web.Request) -> web.Response:
        form = await request.post()
        return answer(request, str(form.get("query", request.query.get("query", ""))))

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


def service_account(folder: Path, token_uri: str) -> Path:
    """The key file of a service account, whose tokens come from an address."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "key.json"
    fields = {
        "type": "service_account",
        "project_id": "pets-dev",
        "private_key": key.decode(),
        "client_email": "ramp@pets-dev.iam.gserviceaccount.com",
        "token_uri": f"{token_uri}/token",
    }
    path.write_text(json.dumps(fields))
    return path


def series(*samples: tuple[dict[str, str], str]) -> web.Response:
    result = [{"metric": labels, "value": [1, value]} for labels, value in samples]
    return web.json_response(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    )


async def test_googles_managed_prometheus_is_asked_with_the_ambient_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    tokens: list[str] = []

    def answer(request: web.Request, query: str) -> web.Response:
        if request.path == "/token":
            tokens.append("ya29.ambient")
            return web.json_response({"access_token": tokens[-1], "expires_in": 3600})
        asked.append((request.path, request.headers["Authorization"]))
        if "(le)" in query:
            return series(({"le": "25"}, "80"), ({"le": "+Inf"}, "100"))
        return series(({}, "4" if "5..|0" in query else "100"))

    async with served(answer) as address:
        key = service_account(tmp_path, address)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        source = managed_prometheus("", address=address)
        try:
            found = await source.figures("details-v2", "pets", "v2", 60)
        finally:
            await source.close()
    assert found == Figures(requests=100, errors=4, answers=100, within={25: 80})
    path = "/v1/projects/pets-dev/location/global/prometheus/api/v1/query"
    assert set(asked) == {(path, "Bearer ya29.ambient")}
    assert len(tokens) == 1


async def test_a_credential_that_google_refuses_is_an_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> web.Response:
        return web.json_response({"error": "invalid_grant"}, status=400)

    async with served(refuse) as address:
        key = service_account(tmp_path, address)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        source = managed_prometheus("other", address=address)
        try:
            with pytest.raises(
                TargetError, match="ambient Google credential can't be used"
            ) as told:
                await source.figures("details-v2", "pets", "v2", 60)
        finally:
            await source.close()
    assert "PRIVATE" not in str(told.value)


def test_without_a_credential_or_keys_a_source_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(UsageError, match="--metrics = google: "):
        open_cluster(Options(metrics="google"))
    monkeypatch.delenv("DD_API_KEY", raising=False)
    with pytest.raises(UsageError, match="DD_API_KEY and DD_APP_KEY must hold its keys"):
        open_cluster(Options(metrics="datadog"))


def points(value: float | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {"pointlist": [[1000, value], [2000, None]], "tag_set": [], **more}


def datadog(_: web.Request, query: str) -> web.Response:
    """What Datadog's API answers to the queries of its Istio integration."""
    if ".bucket" in query:
        # The bucket of all answers is not among them.
        found = [points(80, tag_set=["upper_bound:25.0"])]
    elif "response_flags" in query:
        found = [points(3)] if "response_flags:uo" in query else []
    else:
        found = [points(4.0 if "response_code:5*" in query else 100.0)]
    return web.json_response({"status": "ok", "series": found, "query": query})


async def asked(answer: Answer) -> tuple[Figures, UnroutedRequests]:
    async with served(answer) as address:
        source = Datadog(address, ("key", "hunter2"), clock=lambda: 5000.4)
        try:
            figures = await source.figures("details-v2", "pets", "v2", 60)
            return figures, await source.lost("details", "pets", 60)
        finally:
            await source.close()


async def test_datadog_counts_what_its_istio_integration_collects() -> None:
    requests: list[tuple[str, ...]] = []

    def answer(request: web.Request, query: str) -> web.Response:
        keys = (request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"])
        requests.append((*keys, request.query["from"], request.query["to"]))
        return datadog(request, query)

    figures, lost = await asked(answer)
    assert figures == Figures(requests=100, errors=4, answers=100, within={25: 80})
    assert lost == UnroutedRequests(3, 3)
    assert set(requests) == {("key", "hunter2", "4940", "5000")}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, {}, "it wants another DD_API_KEY or DD_APP_KEY"),
        (429, {}, "it answers with status 429"),
        (200, {"status": "error", "error": "bad query"}, "no answer of its API"),
        (200, {"status": "ok"}, "no answer of its API"),
        (200, {"status": "ok", "series": [points(-1)]}, "must be a finite number from 0 on"),
        (200, {"status": "ok", "series": [points(7)]}, "a series has no tag upper_bound"),
    ],
)
async def test_what_datadog_says_otherwise_is_an_error_that_shows_no_key(
    status: int, body: object, reason: str
) -> None:
    with pytest.raises(TargetError, match=reason) as told:
        await asked(lambda _, __: web.json_response(body, status=status))
    assert "hunter2" not in str(told.value)


async def test_what_datadog_does_not_know_of_is_no_request() -> None:
    figures, _ = await asked(lambda _, __: web.json_response({"status": "ok", "series": []}))
    assert figures == Figures()


async def test_answers_without_buckets_are_no_figures_to_compare_latencies_by() -> None:
    def answer(_: web.Request, query: str) -> web.Response:
        found = [] if ".bucket" in query else [points(100)]
        return web.json_response({"status": "ok", "series": found})

    with pytest.raises(TargetError, match="it has answers, but no buckets of them"):
        await asked(answer)
