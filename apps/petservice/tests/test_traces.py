"""The services' own traces, as a collector gets them over OTLP/HTTP."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from httpservice.testing import (
    Process,
    StandIn,
    answering,
    environment,
    get,
    ok,
    refusal,
    run,
    service,
    silent,
    stand_in,
    unused_port,
)

TRACE, PARENT = "a" * 32, "b" * 16
SAMPLED = f"traceparent: 00-{TRACE}-{PARENT}-01"
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


@dataclass
class Found:
    """A span and what made it."""

    span: Span
    resource: dict[str, str | int]

    @property
    def attributes(self) -> dict[str, str | int]:
        return values(self.span.attributes)

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def trace(self) -> str:
        return self.span.trace_id.hex()


@dataclass
class Collector:
    """A stand-in for the OpenTelemetry Collector."""

    heads: list[bytes] = field(default_factory=list[bytes])
    spans: list[Found] = field(default_factory=list[Found])
    status: bytes = b"200 OK"

    async def converse(
        self, _itself: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            body = await reader.readexactly(int(length[1]))
            self.heads.append(head)
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = values(group.resource.attributes)
                for scope in group.scope_spans:
                    self.spans += [Found(span, resource) for span in scope.spans]
            writer.write(ok(b"", status=self.status.decode()))

    def of(self, name: str, kind: int) -> list[Found]:
        return [
            each
            for each in self.spans
            if each.resource["service.name"] == name and each.span.kind == kind
        ]


def values(attributes: Iterable[KeyValue]) -> dict[str, str | int]:
    return {
        each.key: each.value.int_value
        if each.value.HasField("int_value")
        else each.value.string_value
        for each in attributes
    }


@asynccontextmanager
async def collecting(status: bytes = b"200 OK") -> AsyncGenerator[tuple[Collector, StandIn]]:
    collector = Collector(status=status)
    async with stand_in(collector.converse) as listening:
        yield collector, listening


@asynccontextmanager
async def petservice(
    details: StandIn, history: StandIn, errors: Path | None = None, /, **variables: str
) -> AsyncGenerator[Process]:
    addresses = {"PETDETAILS_URL": details.url, "PETMEDICALHISTORY_URL": history.url}
    async with service("petservice", errors, **(addresses | variables)) as running:
        yield running


def logged(process: Process) -> list[dict[str, str]]:
    return [line for line in process.log if line["message"] == "request"]


def test_one_trace_holds_the_mesh_the_service_its_calls_and_its_back_ends() -> None:
    async def test() -> None:
        async with collecting() as (collector, listening), AsyncExitStack() as stack:
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": listening.url}
            details, history = await asyncio.gather(
                stack.enter_async_context(service("petdetailsservice", **variables)),
                stack.enter_async_context(service("petmedicalhistoryservice", **variables)),
            )
            dog = await stack.enter_async_context(stand_in(answering(ok(b"[]"))))
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
        calls = {
            str(call.attributes["url.full"]): call for call in collector.of("petservice", CLIENT)
        }
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

    run(test())


def test_headers_go_on_with_the_calls_span_in_place_of_the_callers() -> None:
    async def test() -> None:
        async with (
            collecting() as (collector, listening),
            stand_in(answering(ok(b"{}"))) as back_end,
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

    run(test())


def test_failures_are_marked() -> None:
    async def test() -> None:
        async with (
            collecting() as (collector, listening),
            stand_in(silent) as details,
            stand_in(answering(ok(b"{}", status="503 No"))) as history,
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

    run(test())


def test_a_call_that_is_given_up_is_marked() -> None:
    async def test() -> None:
        async with (
            collecting() as (collector, listening),
            stand_in(answering(ok(b"{}", status="503 No"))) as details,
            stand_in(silent) as history,
            petservice(details, history, OTEL_EXPORTER_OTLP_ENDPOINT=listening.url) as pets,
        ):
            assert (await get(pets.port, "/pet/1", SAMPLED)).status == 502
            pets.process.terminate()
            await pets.process.wait()
        calls = collector.of("petservice", CLIENT)
        marks = sorted(str(call.attributes["error.type"]) for call in calls)
        assert marks == ["503", "cancelled"]

    run(test())


def test_what_is_shed_is_traced_too() -> None:
    async def test() -> None:
        async with (
            collecting() as (collector, listening),
            stand_in(silent) as back_end,
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

    run(test())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, 0),
        ({"OTEL_TRACES_EXPORTER": "none"}, 0),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 1),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 1),
        ({"OTEL_SERVICE_NAME": "other"}, 3),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=other"}, 3),
        # What is empty is as good as unset.
        ({"OTEL_TRACES_EXPORTER": "", "OTEL_EXPORTER_OTLP_PROTOCOL": ""}, 3),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "", "OTEL_BSP_SCHEDULE_DELAY": ""}, 3),
    ],
)
def test_the_sdks_own_variables_decide(variables: dict[str, str], expected: int) -> None:
    async def test() -> None:
        async with (
            collecting() as (collector, listening),
            service(
                "petmedicalhistoryservice",
                OTEL_EXPORTER_OTLP_ENDPOINT=listening.url,
                **variables,
            ) as running,
        ):
            not_sampled = f"traceparent: 00-{TRACE}-{PARENT}-00"
            path = "/pet/1/medicalhistory"
            assert (await get(running.port, path, SAMPLED)).status == 200
            for _ in range(2):
                assert (await get(running.port, path)).status == 200
            assert (await get(running.port, path, not_sampled)).status == 200
            running.process.terminate()
            await running.process.wait()
            name = "other" if "other" in "".join(variables.values()) else "petmedicalhistoryservice"
            assert len(collector.of(name, SERVER)) == len(collector.spans) == expected

    run(test())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "abc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "abc"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "nope"),
    ],
)
def test_what_the_sdk_says_of_its_variables_is_in_the_log_alone(
    variable: str, value: str, tmp_path: Path
) -> None:
    async def test() -> None:
        errors = tmp_path / "stderr"
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
        variables = endpoint | {variable: value}
        async with service("petmedicalhistoryservice", errors, **variables) as running:
            assert (await get(running.port, "/pet/1/medicalhistory")).status == 200
        assert errors.read_text() == ""
        said = "".join(line["message"] for line in running.log if line["level"] != "info")
        assert variable in said or value in said

    run(test())


def test_spans_go_through_the_proxy_unless_its_exceptions_name_the_collector() -> None:
    async def test() -> None:
        async with collecting() as (collector, proxy), collecting() as (direct, listening):
            path = "/pet/1/medicalhistory"
            for endpoint, exceptions in (
                ("http://collector.example:4318", "other.example"),
                (listening.url, "127.0.0.1"),
            ):
                async with service(
                    "petmedicalhistoryservice",
                    OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                    HTTP_PROXY=proxy.url,
                    NO_PROXY=exceptions,
                ) as running:
                    assert (await get(running.port, path)).status == 200
        [through] = collector.heads
        assert through.startswith(b"POST http://collector.example:4318/v1/traces HTTP/1.1\r\n")
        [straight] = direct.heads
        assert straight.startswith(b"POST /v1/traces HTTP/1.1\r\n")
        assert len(collector.spans) == len(direct.spans) == 1

    run(test())


@pytest.mark.parametrize("fault", ["refusing", "failing", "hanging"])
def test_a_collector_that_fails_harms_no_request_and_no_stop(fault: str, tmp_path: Path) -> None:
    errors = tmp_path / "stderr"

    async def test() -> None:
        async with (
            collecting(b"500 Oh") as (_, failing),
            stand_in(silent) as hanging,
            stand_in(answering(ok(b"{}"))) as back_end,
        ):
            urls = {"failing": failing.url, "hanging": hanging.url}
            endpoint = urls.get(fault) or f"http://127.0.0.1:{await unused_port()}"
            variables = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "10",
                "OTEL_BSP_MAX_QUEUE_SIZE": "20",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
            }
            async with petservice(back_end, back_end, errors, **variables) as pets:
                for _ in range(50):
                    assert (await get(pets.port, "/pet/1", SAMPLED)).status == 200
        assert pets.process.returncode == 0
        assert {line["level"] for line in logged(pets)} == {"info"}
        assert errors.read_text() == ""
        said = {line["message"] for line in pets.log} - {"request"}
        assert any("span" in message.lower() for message in said)

    run(test())


def test_services_that_trace_nothing_load_nothing_for_it() -> None:
    code = "import sys, httpservice.run, petservice.__main__; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, env=environment(), capture_output=True, check=True).stdout
    assert b"httpservice.upstream" in loaded
    assert b"opentelemetry" not in loaded
    assert b"requests" not in loaded


def test_variables_that_cannot_be_used_are_refused_in_one_line() -> None:
    cases = [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL = 'grpc': must be"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER = 'zipkin': must be one of"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OpenTelemetry: "),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"}, "OpenTelemetry: "),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, "OTEL_EXPORTER_OTLP_ENDPOINT = 'x': must be an"),
    ]

    async def test() -> None:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
        for variables, expected in cases:
            status, said = await refusal("petmedicalhistoryservice", **endpoint | variables)
            assert (status, said.count("\n")) == (2, 1), said
            assert said.startswith(f"petmedicalhistoryservice: {expected}")

    run(test())
