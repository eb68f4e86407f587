"""What a source that isn't to be trusted answers: bounded, and told in one plain line."""

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import Mapping

import pytest
from aiohttp import web

from petmesh.ramp.measurements import Figures, UnroutedRequests
from petmesh.ramp.options import Options
from petmesh.ramp.prometheus import Prometheus
from petmesh.ramp.reply import Sample
from petmesh.ramp.target import TargetError, UsageError
from petmesh.ramp.targets import open_cluster

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}


async def asked(answer: web.Response) -> Figures:
    """The figures of a Prometheus that answers every query the same."""

    async def query(_: web.Request) -> web.StreamResponse:
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    application = web.Application()
    application.router.add_post("/api/v1/query", query)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    prometheus = Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        return await prometheus.figures("details-v2", "pets", "v2", 60)
    finally:
        await prometheus.close()
        await runner.cleanup()


def reason(body: bytes, status: int = 200, headers: Mapping[str, str] = JSON) -> str:
    """The one line that an answer which gives no figures comes to."""
    with pytest.raises(TargetError) as caught:
        asyncio.run(asked(web.Response(body=body, status=status, headers=headers)))
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) <= 1000
    assert text.startswith("Prometheus at http://127.0.0.1:")
    return text


ONE = (
    b'{"status": "success", "data": {"resultType": "vector", "result": '
    b'[{"metric": {"le": "+Inf"}, "value": [0, "7"]}]}}'
)


def test_a_packed_answer_is_unpacked() -> None:
    packed = web.Response(body=gzip.compress(ONE), headers={**JSON, "Content-Encoding": "gzip"})
    assert asyncio.run(asked(packed)) == Figures(requests=7, errors=7, answers=7)


def test_an_answer_is_read_no_further_than_a_mebibyte_packed_or_not() -> None:
    too_long = "its answer is longer than 1 MiB"
    assert too_long in reason(ONE + b" " * 2**21)
    bomb = gzip.compress(ONE + b" " * (256 * 2**20), compresslevel=1)
    tracemalloc.start()
    try:
        assert too_long in reason(bomb, headers={**JSON, "Content-Encoding": "gzip"})
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [gzip.compress(ONE, mtime=0)[:-9], b"no gzip"])
def test_an_answer_that_cannot_be_unpacked_says_so(cut: bytes) -> None:
    assert "answer" in reason(cut, headers={**JSON, "Content-Encoding": "gzip"})
    assert "packed by br" in reason(cut, headers={**JSON, "Content-Encoding": "br"})


def test_nesting_without_end_is_no_json() -> None:
    assert "it answers no JSON (application/json)" in reason(b"[" * 100_000)
    assert "it answers no JSON" in reason(b'{"a":' * 100_000)


def test_a_redirect_to_a_login_is_named_as_one_without_what_is_secret_in_it() -> None:
    where = "https://me:hunter2@login.example/start?state=hunter2"
    text = reason(b"", 302, {"Location": where})
    assert "it answers 302, a redirect to https://login.example/start, as to a login" in text
    assert "hunter2" not in text
    assert "a redirect to nowhere" in reason(b"", 307, {"Location": "http://[::1"})
    assert "a redirect to nowhere" in reason(b"", 302, {})


def test_a_page_in_place_of_json_is_named_by_its_kind() -> None:
    assert "it answers no JSON (text/html)" in reason(b"<html>", headers=HTML)
    assert "it answers with status 503 (text/html)" in reason(b"<html>", 503, HTML)


def test_what_steers_a_terminal_or_forges_a_line_is_taken_out_of_an_errors_text() -> None:
    error = rb'{"status": "error", "error": "no\u001b[2J\r\n12:00:00 v2 100% promoted\u202e\u009b"}'
    text = reason(error, 400)
    assert text.endswith(": no\ufffd[2J; 12:00:00 v2 100% promoted\ufffd\ufffd")
    assert reason(b'{"status": "error", "error": "' + b"x" * 9999 + b'"}').endswith("x…")


@pytest.mark.parametrize("status", [201, 204, 304, 404, 500, 503, 999])
def test_figures_come_with_status_200_or_not_at_all(status: int) -> None:
    text = reason(ONE, status)
    assert text.endswith(f": it answers with status {status} (application/json)")


def test_a_connection_that_ends_early_shows_nothing_of_what_came() -> None:
    async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: hunter2\r\nContent-")
        await writer.drain()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(ends, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            prometheus = Prometheus(f"http://127.0.0.1:{port}")
            try:
                await prometheus.lost("details", "pets", 60)
            finally:
                await prometheus.close()

    with pytest.raises(TargetError, match=r":[0-9]+: it ended the connection$"):
        asyncio.run(run())


def test_a_refusal_is_told_in_the_sources_own_words_whatever_its_status() -> None:
    for status in (200, 400, 422, 503):
        text = reason(b'{"status": "error", "errorType": "execution", "error": "bad"}', status)
        assert text.endswith(": requests: bad")


def answered(kind: str, result: object, **more: object) -> bytes:
    data = {"resultType": kind, "result": result}
    return json.dumps({"status": "success", "data": data, **more}).encode()


SEVEN: list[object] = [{"metric": {"le": "+Inf"}, "value": [0, "7"]}]


NO_NUMBER: list[tuple[str, object]] = [
    ("matrix", ()),
    ("matrix", [{"metric": {}, "values": [[0, "7"]]}]),
    ("string", [0, "7"]),
    ("vector", {}),
    ("vector", ""),
    ("vector", None),
    ("vector", [{"metric": {}}]),
    ("vector", [{"metric": {}, "histogram": [0, {"count": "7"}]}]),
    ("vector", [0, "7"]),
    *(("vector", [{"metric": {}, "value": each}]) for each in ([], [0], [0, "7", "7"], "07")),
    *(("vector", [{"metric": {}, "value": [each, "7"]}]) for each in (True, "0", None)),
    *(
        (kind, [0, each] if kind == "scalar" else [{"metric": {}, "value": [0, each]}])
        for kind in ("scalar", "vector")
        for each in (7, True, None, "", " 7", "7_0", "0x7", "seven", "\u0667", ["7"])
    ),
    ("scalar", True),
    ("scalar", 7),
    ("scalar", SEVEN),
]


@pytest.mark.parametrize(("kind", "result"), NO_NUMBER)
def test_what_only_looks_like_a_number_is_none_and_never_0(kind: str, result: object) -> None:
    assert reason(answered(kind, result)).endswith(": requests: it gives no number")


def test_an_answer_with_a_warning_is_not_relied_on_but_for_mere_advice() -> None:
    advice = ["PromQL info: metric might not be a counter"]
    seen = web.Response(body=answered("vector", SEVEN, warnings=advice, infos=advice))
    assert asyncio.run(asked(seen)).requests == 7
    unwarned = web.Response(body=answered("vector", SEVEN, warnings=None))
    assert asyncio.run(asked(unwarned)).answers == 7
    partly = answered("vector", SEVEN, warnings=[*advice, "store gateway 2 is gone"])
    assert reason(partly).endswith(": requests: it warns: store gateway 2 is gone")
    assert reason(answered("vector", SEVEN, isPartial=True)).endswith("its answer is partial")
    for broken in ("store gateway 2 is gone", {"0": "gone"}, [None]):
        assert reason(answered("vector", SEVEN, warnings=broken)).endswith("it gives no number")


@pytest.mark.parametrize("rest", ["?token=hunter2", "/x?a=hunter2", "/#hunter2", "?", "#"])
@pytest.mark.parametrize("address", ["http://me:hunter2@localhost:9090", "localhost:9090"])
def test_an_address_that_would_lose_its_end_is_refused_and_not_shown(
    address: str, rest: str
) -> None:
    with pytest.raises(UsageError) as refused:
        open_cluster(Options(prometheus=address + rest))
    assert str(refused.value) == (
        "--prometheus: must be an address without ? and #; a token goes into PROMETHEUS_TOKEN"
    )


def figures(**values: str) -> Figures:
    """Figures of a source whose counts are given by their query's name."""

    class Fixed(Prometheus):
        async def _samples(self, name: str, query: str) -> list[Sample]:  # noqa: ARG002
            return [({"le": "+Inf"}, float(values.get(name, "7")))]

    return asyncio.run(Fixed("http://127.0.0.1:1").figures("details-v2", "pets", "v2", 60))


@pytest.mark.parametrize("name", ["requests", "errors", "latency"])
@pytest.mark.parametrize("value", ["+Inf", "-Inf", "NaN", "-1", "1e300"])
def test_a_figure_that_is_not_finite_is_an_error_of_the_source(name: str, value: str) -> None:
    with pytest.raises(TargetError, match=f"{name} is .*: must be a finite number from 0 on"):
        figures(**{name: value})


@pytest.mark.parametrize("value", ["+Inf", "NaN", "-1"])
def test_lost_requests_that_are_not_finite_are_an_error_too(value: str) -> None:
    class Fixed(Prometheus):
        async def _value(self, name: str, query: str) -> float | None:  # noqa: ARG002
            return float(value)

    with pytest.raises(TargetError, match=r"lost is .*: must be a finite number"):
        asyncio.run(Fixed("http://127.0.0.1:1").lost("details", "pets", 60))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_no_source_can_make_figures_that_are_not_finite(value: float) -> None:
    for name in ("requests", "errors", "lost", "answers"):
        with pytest.raises(ValueError, match=name):
            Figures.model_validate({name: value})
    with pytest.raises(ValueError, match="requests"):
        UnroutedRequests(requests=value)
