"""Traces by OpenTelemetry, joined with the mesh's: imported only where the environment asks for it.

The SDK reads its own variables: sampler, resource, batches, limits, exporter, proxies. Spans are
named and described as the semantic conventions for HTTP have it
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import copy_context
from logging.handlers import MemoryHandler
from typing import Any

from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from httpservice.log import LEVELS, Log
from httpservice.message import Request, Response
from httpservice.server import Handler
from httpservice.service import Service
from httpservice.upstream import Answer, Failure, Upstream

FLUSH_SECONDS = 2.0
_MAX_SAID = 100
_PROPAGATOR = TraceContextTextMapPropagator()
_METHODS = frozenset(
    (b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE")
)
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class Traces:
    """Makes a span of each request to a service, and of each of its requests to an upstream.

    Args:
        name: of the service, where OTEL_SERVICE_NAME says no other.
        version: of the service.

    Raises:
        ValueError: a variable of OpenTelemetry's can't be used.
    """

    def __init__(self, name: str, version: str) -> None:
        # Kept until there is a log.
        self._said = MemoryHandler(_MAX_SAID, flushLevel=logging.WARNING)
        logging.getLogger().addHandler(self._said)
        attributes: dict[str, AttributeValue] = {"service.name": name, "service.version": version}
        attributes |= OTELResourceDetector().detect().attributes
        self._provider = TracerProvider(
            resource=Resource.create(attributes), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("httpservice")

    def attach(self, service: Service, log: Log) -> Handler:
        """Trace the service's upstreams, and give the handler that traces the service.

        What OpenTelemetry has to say, such as that spans can't be exported, goes to the log.
        """
        self._said.setTarget(_ToLog(log))
        self._said.flush()
        for upstream in service.upstreams:
            upstream.observe = self._observer(upstream)

        def handle(request: Request) -> Response | Coroutine[Any, Any, Response]:
            route = service.route(request.path)
            if route is not None and route.startswith("/healthz/"):
                return service.handle(request)
            span = self._begin(request, route)
            if not span.is_recording():
                return service.handle(request)
            request.headers[b"traceparent"] = _traceparent(span)
            request.context = copy_context()
            request.context.run(attach, trace.set_span_in_context(span))
            request.ended = lambda response: _end(span, response.status, _SERVER_ERROR)
            return service.handle(request)

        return handle

    def close(self) -> None:
        """Export what is left, for at most FLUSH_SECONDS."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)

    def _begin(self, request: Request, route: str | None) -> Span:
        headers = request.headers
        carrier = {
            name: headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in headers
        }
        method = request.method.decode() if request.method in _METHODS else "_OTHER"
        attributes: dict[str, AttributeValue] = {
            "http.request.method": method,
            "url.path": request.path.decode("latin-1"),
            "url.scheme": "http",
        }
        if route is not None:
            attributes["http.route"] = route
        shown = "HTTP" if method == "_OTHER" else method
        return self._tracer.start_span(
            shown if route is None else f"{shown} {route}",
            context=_PROPAGATOR.extract(carrier),
            kind=SpanKind.SERVER,
            attributes=attributes,
        )

    def _observer(
        self, upstream: Upstream
    ) -> Callable[[bytes, bytes, "asyncio.Future[Answer | Failure]"], bytes]:
        url = upstream.url
        always: Mapping[str, AttributeValue] = {
            "http.request.method": "GET",
            "server.address": url.host,
            "server.port": url.port,
        }

        def observe(
            path: bytes, headers: bytes, outcome: "asyncio.Future[Answer | Failure]"
        ) -> bytes:
            parent = trace.get_current_span()
            if not parent.is_recording():
                return headers
            attributes = {**always, "url.full": f"{url}{path.decode('latin-1')}"}
            span = self._tracer.start_span("GET", kind=SpanKind.CLIENT, attributes=attributes)

            def end(ended: "asyncio.Future[Answer | Failure]") -> None:
                if ended.cancelled():
                    span.end()
                elif isinstance(result := ended.result(), Failure):
                    span.set_attribute("error.type", result.code)
                    span.set_status(StatusCode.ERROR, result.reason)
                    span.end()
                else:
                    _end(span, result.status, _CLIENT_ERROR)

            outcome.add_done_callback(end)
            return headers.replace(_traceparent(parent), _traceparent(span), 1)

        return observe


class _ToLog(logging.Handler):
    """Hands records of any thread to the service's log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        known = level if level in LEVELS else "error"
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._log.event, known, record.getMessage())


def _end(span: Span, status: int, errors_from: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= errors_from:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
    span.end()


def _traceparent(span: Span) -> bytes:
    """Give the header's value, by https://www.w3.org/TR/trace-context/#traceparent-header."""
    context = span.get_span_context()
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)
