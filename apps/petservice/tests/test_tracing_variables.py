"""OpenTelemetry's own variables decide over traces, and no collector harms a request."""

import subprocess
import sys
from pathlib import Path

import pytest

from httpservice.testing import environment, get, refusal, service, unused_port
from petmesh.rehearsal.faulty import FaultyServer, response, sending, silent
from petservice.tests.collector import (
    PARENT,
    SAMPLED,
    SERVER,
    TRACE,
    collecting,
    logged,
    petservice,
)


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
async def test_the_sdks_own_variables_decide(variables: dict[str, str], expected: int) -> None:
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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "abc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "abc"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "nope"),
    ],
)
async def test_what_the_sdk_says_of_its_variables_is_in_the_log_alone(
    variable: str, value: str, tmp_path: Path
) -> None:
    errors = tmp_path / "stderr"
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    variables = endpoint | {variable: value}
    async with service("petmedicalhistoryservice", errors, **variables) as running:
        assert (await get(running.port, "/pet/1/medicalhistory")).status == 200
    assert errors.read_text() == ""
    said = "".join(line["message"] for line in running.log if line["level"] != "info")
    assert variable in said or value in said


async def test_spans_go_through_the_proxy_unless_its_exceptions_name_the_collector() -> None:
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


@pytest.mark.parametrize("fault", ["refusing", "failing", "hanging"])
async def test_a_collector_that_fails_harms_no_request_and_no_stop(
    fault: str, tmp_path: Path
) -> None:
    errors = tmp_path / "stderr"

    async with (
        collecting(b"500 Oh") as (_, failing),
        FaultyServer(silent) as hanging,
        FaultyServer(sending(response(b"{}"))) as back_end,
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


def test_services_that_trace_nothing_load_nothing_for_it() -> None:
    code = "import sys, httpservice.run, petservice.__main__; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, env=environment(), capture_output=True, check=True).stdout
    assert b"httpservice.upstream" in loaded
    assert b"opentelemetry" not in loaded
    assert b"requests" not in loaded


async def test_variables_that_cannot_be_used_are_refused_in_one_line() -> None:
    cases = [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL = 'grpc': must be"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER = 'zipkin': must be one of"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OpenTelemetry: "),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"}, "OpenTelemetry: "),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, "OTEL_EXPORTER_OTLP_ENDPOINT = 'x': must be an"),
    ]

    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    for variables, expected in cases:
        status, said = await refusal("petmedicalhistoryservice", **endpoint | variables)
        assert (status, said.count("\n")) == (2, 1), said
        assert said.startswith(f"petmedicalhistoryservice: {expected}")
