"""Figures from Prometheus: its HTTP API as a fake server gives it."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from petmesh.ramp.measurements import Figures
from petmesh.ramp.prometheus import Prometheus, Queries, read_queries
from petmesh.ramp.target import TargetError

Answer = Callable[[str], tuple[int, Any]]


@asynccontextmanager
async def fake(answer: Answer) -> AsyncGenerator[tuple[str, list[str]]]:
    """A server of Prometheus' query API on loopback, and the queries that it got."""
    queries: list[str] = []

    async def query(request: web.Request) -> web.Response:
        text = str((await request.post())["query"])
        queries.append(text)
        status, body = answer(text)
        return web.json_response(body, status=status)

    application = web.Application()
    application.router.add_post("/prefix/api/v1/query", query)
    async with TestServer(application) as server:
        yield str(server.make_url("/prefix/")), queries


def vector(*values: str) -> tuple[int, Any]:
    result: list[Any] = [{"metric": {}, "value": [1.0, value]} for value in values]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}


def histogram(counts: Mapping[str, str]) -> tuple[int, Any]:
    series = [{"metric": {"le": le}, "value": [1.0, count]} for le, count in counts.items()]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": series}}


def figures(answer: Answer, queries: Queries | None = None) -> tuple[Figures, list[str]]:
    async def run() -> tuple[Figures, list[str]]:
        async with fake(answer) as (url, asked):
            prometheus = Prometheus(url, queries=queries)
            try:
                return await prometheus.figures("details-v2", "pets", "v2", 29.7), asked
            finally:
                await prometheus.close()

    return asyncio.run(run())


def istio(query: str) -> tuple[int, Any]:
    if "(le)" in query:
        return histogram({"10": "90", "+Inf": "150.4", "50": "150.4"})
    return vector("3") if "5..|0" in query else vector("150.4")


def test_the_figures_are_of_the_version_and_the_window() -> None:
    found, asked = figures(istio)
    assert found == Figures(requests=150.4, errors=3, answers=150.4, within={10: 90, 50: 150.4})
    for query in asked:
        assert 'destination_workload="details-v2"' in query
        assert 'destination_workload_namespace="pets"' in query
        assert "[30s]" in query


def test_no_series_is_no_requests_and_no_latency() -> None:
    assert figures(lambda _: vector())[0] == Figures()
    quiet = vector("0")
    none = histogram({"10": "0", "+Inf": "0"})
    assert figures(lambda query: none if "(le)" in query else quiet)[0] == Figures(within={10: 0})


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"10": "5"}, 'it has no series whose label "le" is \\+Inf'),
        ({"ten": "5"}, 'a series has no bound in its label "le"'),
        ({"10": "5", "10.0": "6"}, "10 ms is no bound, or there twice"),
        ({"NaN": "5"}, "nan ms is no bound"),
        ({"-1": "5"}, "-1 ms is no bound"),
    ],
)
def test_a_latency_that_is_no_histogram_is_an_error(counts: dict[str, str], reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        figures(lambda query: histogram(counts) if "(le)" in query else vector("7"))


def test_a_histogram_in_seconds_is_taken_as_milliseconds_and_never_falls() -> None:
    estimated = histogram({"0.01": "6", "0.05": "5.9", "+Inf": "7"})

    def answer(query: str) -> tuple[int, Any]:
        return estimated if "(le)" in query else vector("7")

    found, _ = figures(answer, Queries(latency_unit="s"))
    assert (found.answers, found.within) == (7, {10: 6, 50: 6})


def test_more_errors_than_requests_by_extrapolation_are_all_of_them() -> None:
    def answer(query: str) -> tuple[int, Any]:
        if "(le)" in query:
            return vector()
        return vector("9") if "5..|0" in query else vector("8")

    found, _ = figures(answer)
    assert (found.requests, found.errors) == (8, 8)


NO_FIGURE: list[tuple[tuple[int, Any], str]] = [
    ((400, {"status": "error", "error": "parse error: bad"}), "parse error: bad"),
    ((200, {"status": "success", "data": {}}), "gives no number"),
    ((200, ["other"]), "no answer of its API"),
    ((403, {}), "wants another PROMETHEUS_TOKEN"),
    (vector("1", "2"), "requests: it gives 2 series: must be one"),
]


@pytest.mark.parametrize(("answer", "reason"), NO_FIGURE)
def test_what_is_no_figure_is_an_error_in_one_line(answer: tuple[int, Any], reason: str) -> None:
    with pytest.raises(TargetError, match=reason) as caught:
        figures(lambda _: answer)
    assert "\n" not in str(caught.value)


OWN = """
own:
  checkouts:
    bad: sum(increase(checkouts_failed_total{deployment="$workload"}[$window]))
    total: sum(increase(checkouts_total{deployment="$workload"}[$window]))
  orders: {bad: "sum(late)", total: "sum(orders)", allowed: 2}
"""


def test_queries_of_the_users_own_are_counted_beside_istios(tmp_path: Path) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text(OWN)
    queries = read_queries(file)
    assert {name: each.allowed for name, each in queries.own.items()} == {
        "checkouts": None,
        "orders": 2,
    }

    def answer(query: str) -> tuple[int, Any]:
        if "(le)" in query:
            return vector()
        return vector("3" if "failed" in query or "late" in query else "200")

    found, asked = figures(answer, queries)
    assert found.own == {"checkouts": (3, 200), "orders": (3, 200)}
    assert 'sum(increase(checkouts_total{deployment="details-v2"}[30s]))' in asked
    for text, reason in (
        ("own: {a: {bad: x}}", "own.a.total: Field required"),
        ("own: {a: {bad: $y, total: x}}", "a: may hold no \\$ but in"),
        ("own: {a: {bad: x, total: x, allowed: 100}}", "less than 100"),
    ):
        file.write_text(text)
        with pytest.raises(TargetError, match=reason):
            read_queries(file)


def test_an_address_where_nothing_listens_is_an_error() -> None:
    async def run() -> None:
        prometheus = Prometheus("http://127.0.0.1:1")
        try:
            await prometheus.figures("details-v2", "pets", "v2", 30)
        finally:
            await prometheus.close()

    with pytest.raises(TargetError, match=r"Prometheus at http://127\.0\.0\.1:1: "):
        asyncio.run(run())


def test_queries_can_be_replaced_and_wrong_ones_are_named(tmp_path: Path) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text('requests: sum(increase(hits{v="$version"}[$window]))\n')
    _, asked = figures(istio, read_queries(file))
    assert 'sum(increase(hits{v="v2"}[30s]))' in asked
    for text, reason in (
        ("latency: x[$windw]", "latency: may hold no "),
        ("lost: x[$version]", "lost: may hold no "),
        ("overflowed: x[$version]", "overflowed: may hold no "),
        ("speed: x", "speed: Extra inputs are not permitted"),
        ("[", "it is no YAML"),
        ("[" * 9999, "it is no YAML"),
        ("requests: 2026-13-45", "it is no YAML"),
    ):
        file.write_text(text)
        with pytest.raises(TargetError, match=reason):
            read_queries(file)
    with pytest.raises(TargetError, match="No such file"):
        read_queries(tmp_path / "none.yaml")


def test_a_password_in_the_address_is_sent_and_told_to_nobody() -> None:
    sent: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        sent.append(request.headers["Authorization"])
        return web.Response(status=401)

    async def run() -> str:
        application = web.Application()
        application.router.add_post("/api/v1/query", refuse)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        prometheus = Prometheus(f"http://ramp:secr%40t@127.0.0.1:{runner.addresses[0][1]}")
        try:
            with pytest.raises(TargetError) as refused:
                await prometheus.figures("details-v2", "pets", "v2", 10)
        finally:
            await prometheus.close()
            await runner.cleanup()
        return str(refused.value)

    reason = asyncio.run(run())
    assert set(sent) == {"Basic " + base64.b64encode(b"ramp:secr@t").decode()}
    assert "secr" not in reason
    assert "ramp" not in reason
