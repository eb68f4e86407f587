"""The services' own traces, as a collector gets them over OTLP/HTTP."""

import asyncio
import re
from contextlib import AsyncExitStack

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from httpservice.testing import get, service
from petmesh.rehearsal.faulty import FaultyServer, response, sending, silent
from petservice.tests.collector import (
    CLIENT,
    PARENT,
    SAMPLED,
    SERVER,
    TRACE,
    collecting,
    logged,
    petservice,
)


async def test_one_trace_holds_the_mesh_the_service_its_calls_and_its_back_ends() -> None:
    async with collecting() as (collector, listening), AsyncExitStack() as stack:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": listening.url}
        details, history = await asyncio.gather(
            stack.enter_async_context(service("petdetailsservice", **variables)),
            stack.enter_async_context(service("petmedicalhistoryservice", **variables)),
        )
        dog = await stack.enter_async_context(FaultyServer(sending(response(b"[]"))))
        variables |= {
            "PETDETAILS_URL": f"http://127.0.0.1:{details.port}",
            "PETMEDICALHISTORY_URL": f"http://127.0.0.1:{history.port}",
            "DOG_API_URL": f"{dog.url}/images?key=private",
        }
        async with service("petservice", **variables) as pets:
            sent = ("tracestate: x=1", "x-b3-traceid: c", "User-Agent: test")
            assert (await get(pets.port, "/pet/7?secret", SAMPLED, *sent)).status == 200
    [server] = collector.of("petservice", SERVER)
    assert (server.trace, server.parent) == (TRACE, PARENT)
    assert (server.span.name, server.span.trace_state) == ("GET /pet/{id}", "x=1")
    assert server.attributes == {
        "http.request.method": "GET",
        "url.path": "/pet/7",
        "url.scheme": "http",
        "http.route": "/pet/{id}",
        "http.response.status_code": 200,
    }
    assert server.resource.items() >= {"service.version": "v1"}.items()
    asked = {
        f"http://127.0.0.1:{details.port}/pet/7/details": details.port,
        f"http://127.0.0.1:{history.port}/pet/7/medicalhistory": history.port,
        f"{dog.url}/images": dog.port,
    }
    calls = {str(call.attributes["url.full"]): call for call in collector.of("petservice", CLIENT)}
    assert calls.keys() == asked.keys()
    for url, call in calls.items():
        assert (call.trace, call.parent, call.span.name) == (TRACE, server.id, "GET")
        assert call.attributes == {
            "http.request.method": "GET",
            "server.address": "127.0.0.1",
            "server.port": asked[url],
            "url.full": url,
            "http.response.status_code": 200,
        }
    for back_end, path in ((details, "details"), (history, "medicalhistory")):
        [served] = collector.of(f"pet{path}service", SERVER)
        call = calls[f"http://127.0.0.1:{back_end.port}/pet/7/{path}"]
        assert (served.trace, served.parent) == (TRACE, call.id)
        assert served.span.name == f"GET /pet/{{id}}/{path}"
    assert b"traceparent" not in dog.requests[0]
    assert {line["trace_id"] for each in (pets, details, history) for line in logged(each)} == {
        TRACE
    }


async def test_headers_go_on_with_the_calls_span_in_place_of_the_callers() -> None:
    async with (
        collecting() as (collector, listening),
        FaultyServer(sending(response(b"{}"))) as back_end,
        petservice(back_end, back_end, OTEL_EXPORTER_OTLP_ENDPOINT=listening.url) as pets,
    ):
        await get(pets.port, "/pet/1", SAMPLED, "tracestate: x=1", "x-b3-traceid: c", "b3: d")
        await get(pets.port, "/pet/2")
        await get(pets.port, "/healthz/ready")
        pets.process.terminate()
        await pets.process.wait()
        heads = [head.decode() for head in back_end.requests]
        for head in heads[:2]:
            assert "tracestate: x=1\r\nx-b3-traceid: c\r\nb3: d\r\n" in head
        sent = re.findall("traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0[13]", "".join(heads))
        calls = [(call.trace, call.id) for call in collector.of("petservice", CLIENT)]
        assert sorted(sent) == sorted(calls)
        assert len(collector.of("petservice", SERVER)) == 2
    own = [line["trace_id"] for line in logged(pets)]
    assert own == [TRACE, *({trace for trace, _ in calls} - {TRACE})]


async def test_failures_are_marked() -> None:
    async with (
        collecting() as (collector, listening),
        FaultyServer(silent) as details,
        FaultyServer(sending(response(b"{}", status="503 No"))) as history,
        petservice(
            details,
            history,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{listening.url}/v1/traces",
            UPSTREAM_TIMEOUT_SECONDS="0.1",
            SHUTDOWN_QUIET_SECONDS="0.3",
        ) as pets,
    ):
        assert (await get(pets.port, "/pet/1", SAMPLED)).status == 504
        assert (await get(pets.port, "/nowhere", SAMPLED)).status == 404
        pets.process.terminate()
        await pets.process.wait()
    failed, unknown = collector.of("petservice", SERVER)
    assert (failed.attributes["error.type"], failed.span.status.code) == (
        "504",
        Status.STATUS_CODE_ERROR,
    )
    assert (unknown.span.name, unknown.span.status.code) == ("GET", Status.STATUS_CODE_UNSET)
    assert "http.route" not in unknown.attributes
    calls = collector.of("petservice", CLIENT)
    assert sorted(str(call.attributes["error.type"]) for call in calls) == ["503", "ETIMEDOUT"]
    assert {call.span.status.code for call in calls} == {Status.STATUS_CODE_ERROR}


async def test_a_call_that_is_given_up_is_marked() -> None:
    async with (
        collecting() as (collector, listening),
        FaultyServer(sending(response(b"{}", status="503 No"))) as details,
        FaultyServer(silent) as history,
        petservice(details, history, OTEL_EXPORTER_OTLP_ENDPOINT=listening.url) as pets,
    ):
        assert (await get(pets.port, "/pet/1", SAMPLED)).status == 502
        pets.process.terminate()
        await pets.process.wait()
    calls = collector.of("petservice", CLIENT)
    marks = sorted(str(call.attributes["error.type"]) for call in calls)
    assert marks == ["503", "cancelled"]


async def test_what_is_shed_is_traced_too() -> None:
    async with (
        collecting() as (collector, listening),
        FaultyServer(silent) as back_end,
        petservice(
            back_end,
            back_end,
            OTEL_EXPORTER_OTLP_ENDPOINT=listening.url,
            MAX_REQUESTS_IN_FLIGHT="1",
            UPSTREAM_TIMEOUT_SECONDS="0.3",
        ) as pets,
    ):
        replies = await asyncio.gather(*(get(pets.port, "/pet/1", SAMPLED) for _ in range(3)))
        assert sorted(reply.status for reply in replies) == [503, 503, 504]
    served = collector.of("petservice", SERVER)
    statuses = sorted(int(span.attributes["http.response.status_code"]) for span in served)
    assert statuses == [503, 503, 504]
