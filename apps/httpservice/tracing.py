"""Traces by OpenTelemetry, joined with the mesh's: imported only if the environment has it.

The SDK reads its own variables: sampler, resource, batches, limits, exporter, proxies. Spans are
named and described as the semantic conventions for HTTP have it
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
"""

import threading
from collections.abc import Mapping
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from yarl import URL

from httpservice.log import clean
from httpservice.service import HEALTH, TRACEPARENT
from httpservice.upstream import Answer, Ended, Failure, Upstream

FLUSH_SECONDS = 2.0
_PROPAGATOR = TraceContextTextMapPropagator()
_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
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
        attributes: dict[str, AttributeValue] = {"service.name": name, "service.version": version}
        attributes |= OTELResourceDetector().detect().attributes
        self._provider = TracerProvider(
            resource=Resource.create(attributes), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("httpservice")

    def observe(self, upstream: Upstream) -> None:
        """Have an upstream's requests make spans."""
        always: Mapping[str, AttributeValue] = {
            "http.request.method": "GET",
            "server.address": upstream.url.host or "",
            "server.port": upstream.url.port or 0,
        }

        def begin(url: URL, headers: dict[str, str]) -> Ended:
            parent = trace.get_current_span()
            if not parent.is_recording():
                return _pass
            attributes = {**always, "url.full": str(url.with_query(None))}
            span = self._tracer.start_span("GET", kind=SpanKind.CLIENT, attributes=attributes)
            if "traceparent" in headers:
                headers["traceparent"] = _traceparent(span)
            return partial(_end_call, span)

        upstream.observe = begin

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Make a span of each request but health checks."""
        resource = request.match_info.route.resource
        route = None if resource is None else resource.canonical
        if request.path in HEALTH:
            return await handler(request)
        span = self._begin(request, route)
        if not span.is_recording():
            return await handler(request)
        request[TRACEPARENT] = _traceparent(span)
        with trace.use_span(span):
            response = await handler(request)
        _end(span, response.status, _SERVER_ERROR)
        return response

    def close(self) -> None:
        """Export what is left, for at most FLUSH_SECONDS."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)

    def _begin(self, request: web.Request, route: str | None) -> Span:
        method = request.method if request.method in _METHODS else "_OTHER"
        attributes: dict[str, AttributeValue] = {
            "http.request.method": method,
            "url.path": clean(request.rel_url.raw_path),
            "url.scheme": "http",
        }
        if route is not None:
            attributes["http.route"] = route
        shown = "HTTP" if method == "_OTHER" else method
        return self._tracer.start_span(
            shown if route is None else f"{shown} {route}",
            context=_PROPAGATOR.extract(request.headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
        )


def _pass(_outcome: Answer | Failure | None) -> None:
    """Make nothing of it."""


def _end_call(span: Span, outcome: Answer | Failure | None) -> None:
    if isinstance(outcome, Answer):
        _end(span, outcome.status, _CLIENT_ERROR)
        return
    if outcome is None:
        span.set_attribute("error.type", "cancelled")
    else:
        span.set_attribute("error.type", outcome.code)
        span.set_status(StatusCode.ERROR, outcome.reason)
    span.end()


def _end(span: Span, status: int, errors_from: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= errors_from:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
    span.end()


def _traceparent(span: Span) -> str:
    """Give the header's value, by https://www.w3.org/TR/trace-context/#traceparent-header."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
