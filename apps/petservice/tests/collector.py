"""A collector that keeps the spans it gets over OTLP/HTTP, and a petservice that traces."""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from httpservice.testing import Process, service
from petmesh.rehearsal.faulty import Connection, FaultyServer, response

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

    async def converse(self, connection: Connection) -> None:
        while True:
            head = await connection.request()
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            body = await connection.reader.readexactly(int(length[1]))
            self.heads.append(head)
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = values(group.resource.attributes)
                for scope in group.scope_spans:
                    self.spans += [Found(span, resource) for span in scope.spans]
            await connection.send(response(b"", status=self.status.decode()))

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
async def collecting(status: bytes = b"200 OK") -> AsyncGenerator[tuple[Collector, FaultyServer]]:
    collector = Collector(status=status)
    async with FaultyServer(collector.converse) as listening:
        yield collector, listening


@asynccontextmanager
async def petservice(
    details: FaultyServer, history: FaultyServer, errors: Path | None = None, /, **variables: str
) -> AsyncGenerator[Process]:
    addresses = {"PETDETAILS_URL": details.url, "PETMEDICALHISTORY_URL": history.url}
    async with service("petservice", errors, **(addresses | variables)) as running:
        yield running


def logged(process: Process) -> list[dict[str, str]]:
    return [line for line in process.log if line["message"] == "request"]
