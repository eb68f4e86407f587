"""What all services have: health checks, path variables, JSON errors, shedding, an access log."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from httpservice.log import Log, described
from httpservice.upstream import Upstream

_VARIABLE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SERVER_ERROR, _CLIENT_ERROR = 500, 400
_MAX_PATH = 256
_MAX_ID = 128
_TRACEPARENT_FIELDS = 4
_LIVE, _READY, _DRAINING = (
    b'{"status":"%b"}' % state for state in (b"live", b"ready", b"draining")
)


HEALTH = ("/healthz/live", "/healthz/ready")

TRACEPARENT = web.RequestKey("traceparent", str)
"""Where spans are made: the header's value that goes on in place of the caller's."""

UPSTREAM_MS = web.ResponseKey("upstream_ms", dict[str, float])
"""How long each upstream took, in milliseconds, for the access log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service's routes beside its health checks.

    Attributes:
        routes: such as `web.get("/pet/{id}", answer)`. A handler finds a path's variables in the
            request's `match_info`: each is 1 to 64 ASCII letters, digits, `_` or `-`, once decoded,
            so that it can be put into another path as it is.
        upstreams: the services and hosts that it calls.
    """

    routes: Sequence[web.AbstractRouteDef]
    upstreams: Sequence[Upstream] = ()


def reply(body: bytes, status: int = 200) -> web.Response:
    """Return a response of encoded JSON."""
    return web.Response(body=body, status=status, content_type="application/json")


def error(status: int, message: str, **details: object) -> web.Response:
    """Return an error as `{"status": …, "error": …, "message": …}` with the given details."""
    name = HTTPStatus(status).phrase
    return reply(
        orjson.dumps({"status": status, "error": name, "message": message, **details}), status
    )


class Front:
    """The application around a service: health checks, shedding, counts, access log.

    Args:
        service: the routes.
        log: the access log.
        most_in_flight: requests at a time; one more is answered 503.

    Attributes:
        draining: whether readiness is 503 and each response ends its connection.
        in_flight: requests that are being answered, health checks left out.
        last_request: `time.monotonic()` of the latest response, health checks left out.
    """

    def __init__(self, service: Service, log: Log, most_in_flight: int) -> None:
        self.draining = False
        self.in_flight = 0
        self.last_request = time.monotonic()
        self._service = service
        self._log = log
        self._most = most_in_flight

    def application(self, *outer: Callable[..., Awaitable[web.StreamResponse]]) -> web.Application:
        """Return the application, within further middlewares."""
        app = web.Application(middlewares=[*outer, self._middleware])
        for path, answer in zip(HEALTH, (self._live, self._ready), strict=True):
            app.router.add_get(path, answer)
        app.router.add_routes(self._service.routes)
        return app

    async def drain(self, quiet_seconds: float, grace_seconds: float) -> None:
        """Serve on, ending each connection with its next response, until no request comes.

        Args:
            quiet_seconds: how long none may have come, and none be in flight.
            grace_seconds: after which it is over in any case.
        """
        self.draining = True
        begun = time.monotonic()
        end = begun + grace_seconds
        while (now := time.monotonic()) < end:
            quiet_until = max(begun, self.last_request) + quiet_seconds
            if now >= quiet_until and not self.in_flight:
                break
            await asyncio.sleep(min(max(quiet_until - now, 0.02), end - now))

    async def _live(self, _request: web.Request) -> web.Response:
        return reply(_LIVE)

    async def _ready(self, _request: web.Request) -> web.Response:
        return reply(_DRAINING, 503) if self.draining else reply(_READY)

    async def _shed(self, _request: web.Request) -> web.Response:
        shed = error(503, "too many requests in flight")
        shed.headers["Retry-After"] = "1"
        return shed

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.perf_counter()
        is_health = request.path in HEALTH
        if not is_health and self.in_flight >= self._most:
            handler = self._shed
        elif not all(map(_VARIABLE.fullmatch, request.match_info.values())):
            handler = _refuse_variables
        self.in_flight += not is_health
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            response = _refused(refusal)
        except Exception as failure:  # noqa: BLE001 - a fault of ours is answered, too
            self._log.event("error", "handler failed", **described(failure))
            response = error(500, "internal error")
        finally:
            self.in_flight -= not is_health
        if not is_health:
            self.last_request = time.monotonic()
        if self.draining:
            response.force_close()
        self._access(request, response, begun, is_health=is_health)
        return response

    def _access(
        self, request: web.Request, response: web.StreamResponse, begun: float, *, is_health: bool
    ) -> None:
        status = response.status
        if status >= _CLIENT_ERROR:
            level = "error" if status >= _SERVER_ERROR else "warning"
        else:
            level = "debug" if is_health else "info"
        further: dict[str, object] = {}
        if (request_id := request.headers.get("x-request-id")) is not None:
            further["request_id"] = request_id[:_MAX_ID]
        if (trace := trace_id(request)) is not None:
            further["trace_id"] = trace
        if (upstream_ms := response.get(UPSTREAM_MS)) is not None:
            further["upstream_ms"] = upstream_ms
        self._log.event(
            level,
            "request",
            method=request.method,
            path=request.rel_url.raw_path[:_MAX_PATH],
            status=status,
            duration_ms=round((time.perf_counter() - begun) * 1e3, 3),
            **further,
        )


async def _refuse_variables(request: web.Request) -> web.Response:
    named = (name for name, text in request.match_info.items() if not _VARIABLE.fullmatch(text))
    return error(400, f"{next(named)} is 1 to 64 letters, digits, '_' or '-'")


def _refused(refusal: web.HTTPException) -> web.Response:
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        allowed = sorted(refusal.allowed_methods)
        verb = "is" if len(allowed) == 1 else "are"
        response = error(405, f"only {' and '.join(allowed)} {verb} allowed")
        response.headers["Allow"] = ", ".join(allowed)
        return response
    if isinstance(refusal, web.HTTPNotFound):
        return error(404, "no such path")
    return error(refusal.status, refusal.reason)


def trace_id(request: web.Request) -> str | None:
    """Return the ID of a request's trace, from its W3C or B3 headers.

    See https://www.w3.org/TR/trace-context/#traceparent-header and
    https://github.com/openzipkin/b3-propagation.
    """
    headers = request.headers
    traceparent = request.get(TRACEPARENT) or headers.get("traceparent")
    if traceparent is not None:
        fields = traceparent.split("-")
        if len(fields) >= _TRACEPARENT_FIELDS:
            return fields[1][:_MAX_ID]
    if (b3 := headers.get("x-b3-traceid")) is not None:
        return b3[:_MAX_ID]
    if (b3 := headers.get("b3")) is not None and "-" in b3:
        return b3.partition("-")[0][:_MAX_ID]
    return None
