"""The VirtualService of networking.istio.io: where requests to hosts go."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds, not_empty, unique
from petmesh.mesh.istio.common import (
    ExportTo,
    GatewayName,
    Locality,
    Percent,
    PortNumber,
    PortValue,
    Regex,
    StringMatch,
)
from petmesh.mesh.istio.replies import HttpDirectResponse, HttpRedirect

# https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry
_RETRY_ON = frozenset(
    (
        *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure"),
        *("envoy-ratelimited", "retriable-4xx", "refused-stream", "retriable-status-codes"),
        *("retriable-headers", "http3-post-connect-failure", "cancelled", "deadline-exceeded"),
        *("internal", "resource-exhausted", "unavailable"),
    )
)
_LEAST_SECONDS = 0.001


def _milliseconds(value: float) -> float:
    if value < _LEAST_SECONDS:
        raise ValueError("must be at least 1ms")
    return value


def _none_or_milliseconds(value: float) -> float:
    return value and _milliseconds(value)


# Durations that Istio's webhook takes.
Timeout = Annotated[Seconds, AfterValidator(_milliseconds)]
TimeoutOrNone = Annotated[Seconds, AfterValidator(_none_or_milliseconds)]


class HttpMatchRequest(Fields):
    """An HTTPMatchRequest: the condition of a route."""

    name: str = ""
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])
    without_headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])
    query_params: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])
    port: PortValue | None = None
    source_labels: dict[str, str] = Field(default_factory=dict[str, str])
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()
    stat_prefix: Annotated[Any, LeftOut("Envoy's statistics of clusters are read alone")] = None


class Destination(Fields):
    """A Destination of a route: host, subset and port."""

    host: Annotated[str, Field(min_length=1)]
    subset: str = ""
    port: PortNumber | None = None


class HeaderOperations(Fields):
    """A HeaderOperations: headers that are set, added and removed."""

    set: dict[str, str] = Field(default_factory=dict[str, str])
    add: dict[str, str] = Field(default_factory=dict[str, str])
    remove: tuple[str, ...] = ()


class Headers(Fields):
    """A Headers: changes of the request's and the response's headers."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HttpRouteDestination(Fields):
    """An HTTPRouteDestination: a destination, its weight, and changes of headers."""

    destination: Destination
    weight: Annotated[int, Field(ge=0)] = 0
    headers: Headers | None = None


class HttpRetry(Fields):
    """An HTTPRetry: number, timeout and conditions of retries."""

    attempts: Annotated[int, Field(ge=0)] = 0
    per_try_timeout: Timeout | None = None
    retry_on: str = ""
    retry_ignore_previous_hosts: bool | None = None
    retry_remote_localities: Locality = None
    backoff: Timeout | None = None

    @field_validator("retry_on")
    @classmethod
    def _known(cls, value: str) -> str:
        for part in filter(None, (each.strip() for each in value.split(","))):
            if part not in _RETRY_ON and not (part.isdigit() and 100 <= int(part) < 600):  # noqa: PLR2004
                raise ValueError(
                    f"{part}: must be a status or one of {', '.join(sorted(_RETRY_ON))}"
                )
        return value

    @model_validator(mode="after")
    def _off(self) -> "HttpRetry":
        if self.attempts == 0 and (self.retry_on or self.per_try_timeout or self.backoff):
            raise ValueError("with attempts 0 there must be no retryOn, perTryTimeout or backoff")
        return self


class RegexRewrite(Fields):
    r"""A RegexRewrite of a path, by RE2; `\1` in the rewrite is the first group."""

    match: Regex
    rewrite: str


class HttpRewrite(Fields):
    """An HTTPRewrite: another path or host of the request."""

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None

    @model_validator(mode="after")
    def _one(self) -> "HttpRewrite":
        if self.uri and self.uri_regex_rewrite:
            raise ValueError("must have uri or uriRegexRewrite, not both")
        if not (self.uri or self.uri_regex_rewrite or self.authority):
            raise ValueError("must have uri, authority or uriRegexRewrite")
        return self


class FaultDelay(Fields):
    """A Delay that is injected into a percentage of the requests."""

    fixed_delay: Timeout
    percentage: Percent | None = None
    percent: Annotated[int, Field(ge=0, le=100)] | None = None


class FaultAbort(Fields):
    """An Abort: the status that a percentage of the requests gets instead of an answer."""

    http_status: Annotated[int, Field(ge=200, le=599)] | None = None
    grpc_status: str = ""
    percentage: Percent | None = None

    @model_validator(mode="after")
    def _one(self) -> "FaultAbort":
        if (self.http_status is None) == (not self.grpc_status):
            raise ValueError("must have httpStatus or grpcStatus")
        return self


class HttpFault(Fields):
    """An HTTPFaultInjection: delays and aborts."""

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None

    @model_validator(mode="after")
    def _some(self) -> "HttpFault":
        if self.delay is None and self.abort is None:
            raise ValueError("must have delay or abort")
        return self


class CorsPolicy(Fields):
    """A CorsPolicy: which other origins a browser lets read the answers."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Seconds | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: Literal["UNSPECIFIED", "FORWARD", "IGNORE"] = "UNSPECIFIED"


class HttpMirrorPolicy(Fields):
    """An HTTPMirrorPolicy: who gets a copy of which percentage of the requests."""

    destination: Destination
    percentage: Percent | None = None


class Delegate(Fields):
    """A Delegate: the VirtualService whose routes stand in a route's place."""

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""


def _some_weight(route: tuple[HttpRouteDestination, ...]) -> tuple[HttpRouteDestination, ...]:
    if len(route) > 1 and not any(each.weight for each in route):
        raise ValueError("must not all have the weight 0")
    return route


class HttpRoute(Fields):
    """An HTTPRoute: one route of a VirtualService."""

    name: str = ""
    match: tuple[HttpMatchRequest, ...] = ()
    route: Annotated[tuple[HttpRouteDestination, ...], AfterValidator(_some_weight)] = ()
    redirect: HttpRedirect | None = None
    direct_response: HttpDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HttpRewrite | None = None
    fault: HttpFault | None = None
    cors_policy: CorsPolicy | None = None
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None
    mirror_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    mirrors: tuple[HttpMirrorPolicy, ...] = ()
    timeout: TimeoutOrNone | None = None
    retries: HttpRetry | None = None
    headers: Headers | None = None

    @model_validator(mode="after")
    def _one_action(self) -> "HttpRoute":
        actions = {
            "route": bool(self.route),
            "redirect": self.redirect is not None,
            "directResponse": self.direct_response is not None,
            "delegate": self.delegate is not None,
        }
        if sum(actions.values()) != 1:
            raise ValueError(f"must have exactly one of {', '.join(actions)}")
        if not self.route and (self.fault or self.rewrite or self.retries or self.mirror):
            raise ValueError("fault, rewrite, retries and mirror need a route")
        paths = [each.uri for each in self.match if each.uri]
        if self.redirect and self.redirect.prefix_rewrite and not all(e.prefix for e in paths):
            raise ValueError("redirect.prefixRewrite: every uri must be matched by prefix")
        return self

    @property
    def copies(self) -> tuple[HttpMirrorPolicy, ...]:
        """Who gets copies of requests, in any of the three forms."""
        if self.mirror is None:
            return self.mirrors
        percentage = self.mirror_percentage
        if percentage is None and self.mirror_percent is not None:
            percentage = Percent(value=self.mirror_percent)
        return (HttpMirrorPolicy(destination=self.mirror, percentage=percentage), *self.mirrors)


class ConnectionMatch(Fields):
    """What the conditions of TCP and TLS routes share."""

    port: PortValue | None = None
    source_labels: dict[str, str] = Field(default_factory=dict[str, str])
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()
    destination_subnets: Annotated[Any, LeftOut("pods of this machine have one address")] = None


class L4MatchAttributes(ConnectionMatch):
    """An L4MatchAttributes: the condition of a TCP route."""

    source_subnet: Annotated[Any, LeftOut("pods of this machine have one address")] = None


class TlsMatchAttributes(ConnectionMatch):
    """A TLSMatchAttributes: the condition of a TLS route."""

    sni_hosts: Annotated[tuple[str, ...], not_empty()]


class RouteDestination(Fields):
    """A RouteDestination of connections: a destination and its weight."""

    destination: Destination
    weight: Annotated[int, Field(ge=0)] = 0


class TcpRoute(Fields):
    """A TCPRoute: one route of connections."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: Annotated[tuple[RouteDestination, ...], not_empty()]


class TlsRoute(Fields):
    """A TLSRoute: one route of TLS connections that the mesh doesn't terminate."""

    match: Annotated[tuple[TlsMatchAttributes, ...], not_empty()]
    route: Annotated[tuple[RouteDestination, ...], not_empty()]


class VirtualServiceSpec(Fields):
    """A VirtualServiceSpec: hosts, gateways and routes."""

    hosts: Annotated[tuple[str, ...], unique()] = ()
    gateways: tuple[GatewayName, ...] = ("mesh",)
    http: tuple[HttpRoute, ...] = ()
    tls: tuple[TlsRoute, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    export_to: ExportTo = ()

    @model_validator(mode="after")
    def _routes(self) -> "VirtualServiceSpec":
        if not (self.http or self.tls or self.tcp):
            raise ValueError("must have http, tls or tcp")
        return self

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Every destination of a route that gets requests or connections, and of copies."""
        routed = [
            each.destination
            for route in (*self.http, *self.tls, *self.tcp)
            for each in route.route
            if each.weight or len(route.route) == 1
        ]
        copied = (each.destination for route in self.http for each in route.copies)
        return (*routed, *copied)


class VirtualService(Fields):
    """A VirtualService; without hosts it is another's delegate."""

    metadata: Metadata
    spec: VirtualServiceSpec

    @property
    def kind(self) -> str:
        """The kind of the declared object."""
        return "VirtualService"

    def part(self, route: int, match: int | None, protocol: str = "http") -> str:
        """Return where in the object a route and its match are."""
        return f"{protocol}[{route}]" + ("" if match is None else f".match[{match}]")


class RouteObject(VirtualService):
    """A route of the Gateway API, in the form of a VirtualService.

    Attributes:
        declared_kind: such as HTTPRoute.
        parts: where in the object each of the routes is.
    """

    declared_kind: str
    parts: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of the declared object."""
        return self.declared_kind

    def part(self, route: int, match: int | None, protocol: str = "http") -> str:  # noqa: ARG002
        """Return where in the object a route is; each has one match."""
        return self.parts[route]
