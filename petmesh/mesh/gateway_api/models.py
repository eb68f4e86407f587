"""Objects of gateway.networking.k8s.io: routes of requests and connections, and grants."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds, Whole, not_empty, only
from petmesh.mesh.istio.common import PortValue, Regex


class Reference(Fields):
    """A reference to an object, by default in the referring one's namespace."""

    group: str | None = None
    kind: str | None = None
    name: str
    namespace: str | None = None


class ParentReference(Reference):
    """A ParentReference: the Gateway or Service that a route is attached to."""

    section_name: str | None = None
    port: PortValue | None = None


class HeaderValue(Fields):
    """An HTTPHeader."""

    name: str
    value: str


class HeaderFilter(Fields):
    """An HTTPHeaderFilter: headers that are set, added and removed."""

    set: tuple[HeaderValue, ...] = ()
    add: tuple[HeaderValue, ...] = ()
    remove: tuple[str, ...] = ()


class PathModifier(Fields):
    """An HTTPPathModifier: another path, or another prefix in the place of the matched one."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class RequestRedirect(Fields):
    """An HTTPRequestRedirectFilter."""

    scheme: Literal["http", "https"] | None = None
    hostname: str | None = None
    path: PathModifier | None = None
    port: PortValue | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class UrlRewrite(Fields):
    """An HTTPURLRewriteFilter."""

    hostname: str | None = None
    path: PathModifier | None = None


class Fraction(Fields):
    """A Fraction of requests."""

    numerator: Annotated[Whole, Field(ge=0)]
    denominator: Annotated[Whole, Field(ge=1)] = 100


class BackendReference(Reference):
    """A BackendObjectReference with its weight."""

    port: PortValue | None = None
    weight: Annotated[Whole, Field(ge=0)] = 1


class RequestMirror(Fields):
    """An HTTPRequestMirrorFilter."""

    backend_ref: BackendReference
    percent: Annotated[Whole, Field(ge=0, le=100)] | None = None
    fraction: Fraction | None = None


class Cors(Fields):
    """An HTTPCORSFilter."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: Annotated[bool, Field(strict=True)] | None = None
    max_age: Whole | None = None


class RouteFilter(Fields):
    """A filter of a rule or of a backend: its type names the field that it has."""

    type: Annotated[
        str,
        only(
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "RequestRedirect",
            "URLRewrite",
            "RequestMirror",
            "CORS",
            because="an extension is another controller's",
        ),
    ]
    request_header_modifier: HeaderFilter | None = None
    response_header_modifier: HeaderFilter | None = None
    request_redirect: RequestRedirect | None = None
    url_rewrite: UrlRewrite | None = None
    request_mirror: RequestMirror | None = None
    cors: Cors | None = None


class Backend(BackendReference):
    """An HTTPBackendRef or GRPCBackendRef."""

    filters: tuple[RouteFilter, ...] = ()


class PathMatch(Fields):
    """An HTTPPathMatch; a prefix is one of whole segments."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: str = "/"

    @model_validator(mode="after")
    def _absolute(self) -> "PathMatch":
        if self.type != "RegularExpression" and not self.value.startswith("/"):
            raise ValueError(f"value = {self.value}: must start with /")
        return self


class NamedMatch(Fields):
    """An HTTPHeaderMatch, HTTPQueryParamMatch or GRPCHeaderMatch."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    name: str
    value: Regex


class HttpRouteMatch(Fields):
    """An HTTPRouteMatch: all of it must be met."""

    path: PathMatch = PathMatch()
    headers: tuple[NamedMatch, ...] = ()
    query_params: tuple[NamedMatch, ...] = ()
    method: str | None = None


class GrpcMethodMatch(Fields):
    """A GRPCMethodMatch."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: str | None = None
    method: str | None = None


class GrpcRouteMatch(Fields):
    """A GRPCRouteMatch."""

    method: GrpcMethodMatch | None = None
    headers: tuple[NamedMatch, ...] = ()


class Timeouts(Fields):
    """HTTPRouteTimeouts of the whole request, and of each try."""

    request: Seconds | None = None
    backend_request: Seconds | None = None


class Retry(Fields):
    """An HTTPRouteRetry."""

    codes: tuple[Whole, ...] = ()
    attempts: Whole | None = None
    backoff: Seconds | None = None


class HttpRouteRule(Fields):
    """An HTTPRouteRule."""

    name: str = ""
    matches: tuple[HttpRouteMatch, ...] = ()
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[Backend, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry | None = None
    session_persistence: Annotated[Any, only(None, because="no session is kept here")] = None


class GrpcRouteRule(Fields):
    """A GRPCRouteRule."""

    name: str = ""
    matches: tuple[GrpcRouteMatch, ...] = ()
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[Backend, ...] = ()
    session_persistence: Annotated[Any, only(None, because="no session is kept here")] = None


class RouteSpec(Fields):
    """What the spec of every route has."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    use_default_gateways: Annotated[Any, LeftOut("no Gateway is a default one")] = None


class HttpRouteSpec(RouteSpec):
    """An HTTPRouteSpec."""

    rules: tuple[HttpRouteRule, ...] = (HttpRouteRule(),)


class HttpRoute(Fields):
    """An HTTPRoute."""

    metadata: Metadata
    spec: HttpRouteSpec


class GrpcRouteSpec(RouteSpec):
    """A GRPCRouteSpec."""

    rules: tuple[GrpcRouteRule, ...] = (GrpcRouteRule(),)


class GrpcRoute(Fields):
    """A GRPCRoute."""

    metadata: Metadata
    spec: GrpcRouteSpec


class ConnectionRule(Fields):
    """A TCPRouteRule or TLSRouteRule."""

    name: str = ""
    backend_refs: Annotated[tuple[BackendReference, ...], not_empty()]


class ConnectionRouteSpec(RouteSpec):
    """A TCPRouteSpec or TLSRouteSpec."""

    rules: Annotated[tuple[ConnectionRule, ...], not_empty()]


class TcpRoute(Fields):
    """A TCPRoute."""

    metadata: Metadata
    spec: ConnectionRouteSpec


class TlsRouteSpec(ConnectionRouteSpec):
    """A TLSRouteSpec."""

    @model_validator(mode="after")
    def _named(self) -> "TlsRouteSpec":
        if not self.hostnames:
            raise ValueError("must have hostnames")
        return self


class TlsRoute(Fields):
    """A TLSRoute."""

    metadata: Metadata
    spec: TlsRouteSpec


class Grantee(Fields):
    """A ReferenceGrantFrom."""

    group: str
    kind: str
    namespace: str


class Granted(Fields):
    """A ReferenceGrantTo."""

    group: str
    kind: str
    name: str | None = None


class ReferenceGrantSpec(Fields):
    """A ReferenceGrantSpec: who of other namespaces may refer to what of this one."""

    from_: Annotated[tuple[Grantee, ...], Field(alias="from")]
    to: tuple[Granted, ...]


class ReferenceGrant(Fields):
    """A ReferenceGrant."""

    metadata: Metadata
    spec: ReferenceGrantSpec
