"""Routes of the Gateway API as Istio's, in the order of the API's precedence.

Source:
    pilot/pkg/config/kube/gateway/conversion.go, and
    https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from petmesh.mesh.fields import Fields, Metadata
from petmesh.mesh.gateway_api import models
from petmesh.mesh.gateway_api.filters import apply, backend_headers
from petmesh.mesh.gateway_api.gateway_models import Gateway, ListenerSet
from petmesh.mesh.gateway_api.listeners import OwnedListener, attached
from petmesh.mesh.gateway_names import GATEWAY_LABEL
from petmesh.mesh.istio.common import PathPrefix, PortNumber, StringMatch
from petmesh.mesh.istio.replies import HttpDirectResponse
from petmesh.mesh.istio.virtual_service import (
    Destination,
    HttpMatchRequest,
    HttpRetry,
    HttpRoute,
    HttpRouteDestination,
    L4MatchAttributes,
    RouteDestination,
    RouteObject,
    TcpRoute,
    TlsMatchAttributes,
    TlsRoute,
    VirtualServiceSpec,
)
from petmesh.mesh.kubernetes import Namespace
from petmesh.mesh.mesh import GatewayProxy

CLASS = "istio"
_MESH = "mesh"
T = TypeVar("T", bound=Fields)


class _Objects(Protocol):
    """Returns the declared objects of a kind."""

    def __call__(self, model: type[T], /) -> tuple[T, ...]: ...


@dataclass(frozen=True)
class Declared:
    """The objects of the Gateway API.

    Attributes:
        listeners: those that have a place.
        left_out: the others, each with the reason.
    """

    gateways: tuple[Gateway, ...]
    listeners: tuple[OwnedListener, ...]
    left_out: tuple[tuple[str, str, str], ...]
    http: tuple[models.HttpRoute, ...]
    grpc: tuple[models.GrpcRoute, ...]
    tls: tuple[models.TlsRoute, ...]
    tcp: tuple[models.TcpRoute, ...]
    grants: tuple[models.ReferenceGrant, ...]
    namespaces: tuple[Namespace, ...]

    @classmethod
    def of(cls, objects: _Objects) -> Self:
        """Return the declared ones."""
        gateways, namespaces = objects(Gateway), objects(Namespace)
        placed = attached(gateways, objects(ListenerSet), namespaces)
        return cls(
            gateways,
            placed.listeners,
            placed.left_out,
            objects(models.HttpRoute),
            objects(models.GrpcRoute),
            objects(models.TlsRoute),
            objects(models.TcpRoute),
            objects(models.ReferenceGrant),
            namespaces,
        )


def gateway_proxies(declared: Declared) -> Iterator[GatewayProxy]:
    """Yield the pod that istiod starts for each Gateway."""
    for gateway in declared.gateways:
        name = f"{gateway.metadata.name}-{CLASS}"
        yield GatewayProxy(
            name=name,
            namespace=gateway.metadata.namespace,
            labels={GATEWAY_LABEL: gateway.metadata.name},
            service_account=name,
            takes_http10=False,
            most_connections=None,
        )


def routes(declared: Declared) -> Iterator[RouteObject]:
    """Yield a VirtualService for each route and the kind of its parents."""
    for route in declared.http:
        parts = [
            (f"rules[{i}]" + (f".matches[{j}]" if rule.matches else ""), rule, match)
            for i, rule in enumerate(route.spec.rules)
            for j, match in enumerate(rule.matches or (models.HttpRouteMatch(),))
        ]
        parts.sort(key=lambda part: _precedence(part[2]))
        made = [
            _http(declared, route.metadata, rule, _match(match), "HTTPRoute")
            for _, rule, match in parts
        ]
        yield from _attached(declared, "HTTPRoute", route, [part for part, _, _ in parts], made)
    for route in declared.grpc:
        rules = [
            (f"rules[{i}]" + (f".matches[{j}]" if rule.matches else ""), rule, match)
            for i, rule in enumerate(route.spec.rules)
            for j, match in enumerate(rule.matches or (models.GrpcRouteMatch(),))
        ]
        made = [
            _http(declared, route.metadata, rule, _grpc_match(match), "GRPCRoute")
            for _, rule, match in rules
        ]
        yield from _attached(declared, "GRPCRoute", route, [part for part, _, _ in rules], made)
    for kind, several in (("TLSRoute", declared.tls), ("TCPRoute", declared.tcp)):
        for each in several:
            yield from _connections(declared, kind, each)


AnyRoute = models.HttpRoute | models.GrpcRoute | models.TcpRoute | models.TlsRoute


def _attached(
    declared: Declared, kind: str, route: AnyRoute, parts: list[str], made: list[HttpRoute]
) -> Iterator[RouteObject]:
    """Yield routes of requests for the Gateways that a route is attached to, and for Services."""
    if not made:
        return
    bound = list(_gateways_of(declared, route, kind))
    if bound:
        spec = VirtualServiceSpec(
            hosts=route.spec.hostnames or ("*",), gateways=tuple(bound), http=tuple(made)
        )
        yield RouteObject(
            metadata=route.metadata, spec=spec, declared_kind=kind, parts=tuple(parts)
        )
    for parent in _services(route):
        namespace = parent.namespace or route.metadata.namespace
        host = f"{parent.name}.{namespace}.svc.cluster.local"
        limited = [_at_port(each, parent.port) for each in made]
        spec = VirtualServiceSpec(hosts=(host,), gateways=(_MESH,), http=tuple(limited))
        yield RouteObject(
            metadata=route.metadata, spec=spec, declared_kind=kind, parts=tuple(parts)
        )


def _at_port(route: HttpRoute, port: int | None) -> HttpRoute:
    match = tuple(each.model_copy(update={"port": port}) for each in route.match)
    return route.model_copy(update={"match": match})


def _services(route: AnyRoute) -> list[models.ParentReference]:
    return [each for each in route.spec.parent_refs if each.kind == "Service"]


def _gateways_of(declared: Declared, route: AnyRoute, kind: str) -> Iterator[str]:
    """Yield the listeners that take a route, as namespace/name of Istio's Gateways."""
    for parent in route.spec.parent_refs:
        namespace = parent.namespace or route.metadata.namespace
        for each in declared.listeners:
            owner, listener = each.owner, each.listener
            of = (parent.kind or "Gateway", namespace, parent.name)
            if (each.kind, owner.namespace, owner.name) != of:
                continue
            kinds = {each.kind for each in listener.allowed_routes.kinds}
            taken = not kinds or kind in kinds
            named = parent.section_name in (None, listener.name)
            if taken and named and parent.port in (None, listener.port):
                yield f"{namespace}/{each.name}"


def _http(
    declared: Declared,
    metadata: Metadata,
    rule: models.HttpRouteRule | models.GrpcRouteRule,
    match: HttpMatchRequest,
    kind: str,
) -> HttpRoute:
    fields: dict[str, object] = {"name": rule.name, "match": (match,)}
    destinations = [
        HttpRouteDestination(
            destination=_destination(each, metadata.namespace),
            weight=each.weight,
            headers=backend_headers(each.filters),
        )
        for each in rule.backend_refs
        if each.weight and _granted(declared, metadata.namespace, each, kind)
    ]
    fields |= apply(rule.filters, match, metadata.namespace, _destination)
    if isinstance(rule, models.HttpRouteRule):
        fields |= _limits(rule)
    if "redirect" in fields:
        for name in ("retries", "rewrite"):
            fields.pop(name, None)
    elif destinations:
        fields["route"] = tuple(destinations)
    else:
        # A rule without a backend that may be called answers 500.
        kept = {name: fields[name] for name in ("name", "match")}
        fields = {**kept, "direct_response": HttpDirectResponse(status=500)}
    return HttpRoute.model_validate(fields)


def _limits(rule: models.HttpRouteRule) -> dict[str, object]:
    fields: dict[str, object] = {}
    if rule.timeouts.request is not None:
        fields["timeout"] = f"{rule.timeouts.request}s"
    retry, each_try = rule.retry, rule.timeouts.backend_request
    if retry:
        codes = ",".join(map(str, retry.codes))
        fields["retries"] = HttpRetry(
            attempts=1 if retry.attempts is None else retry.attempts,
            retry_on=codes,
            backoff=None if retry.backoff is None else f"{retry.backoff}s",  # type: ignore[arg-type]
            per_try_timeout=None if each_try is None else f"{each_try}s",  # type: ignore[arg-type]
        )
    elif each_try is not None:
        fields["timeout"] = f"{each_try}s"
    return fields


def _destination(backend: models.BackendReference, namespace: str) -> Destination:
    port = PortNumber(number=backend.port) if backend.port else None
    if backend.kind == "Hostname":
        return Destination(host=backend.name, port=port)
    own = backend.namespace or namespace
    return Destination(host=f"{backend.name}.{own}.svc.cluster.local", port=port)


def _granted(
    declared: Declared, namespace: str, backend: models.BackendReference, kind: str
) -> bool:
    if backend.namespace in (None, namespace):
        return True
    return any(
        grant.metadata.namespace == backend.namespace
        and any(each.kind == kind and each.namespace == namespace for each in grant.spec.from_)
        and any(
            each.kind == "Service" and each.name in (None, backend.name) for each in grant.spec.to
        )
        for grant in declared.grants
    )


def _match(match: models.HttpRouteMatch) -> HttpMatchRequest:
    path = match.path
    uri = {
        "Exact": lambda: StringMatch(exact=path.value),
        "PathPrefix": lambda: PathPrefix(prefix=path.value),
        "RegularExpression": lambda: StringMatch(regex=path.value),
    }[path.type]()
    return HttpMatchRequest(
        uri=uri,
        method=StringMatch(exact=match.method) if match.method else None,
        headers=_named(match.headers),
        query_params=_named(match.query_params),
    )


def _grpc_match(match: models.GrpcRouteMatch) -> HttpMatchRequest:
    method = match.method or models.GrpcMethodMatch()
    uri = PathPrefix(prefix="/")
    if method.type == "RegularExpression" or (method.method and not method.service):
        uri = StringMatch(regex=f"/{method.service or '[^/]+'}/{method.method or '.+'}")
    elif method.service and method.method:
        uri = StringMatch(exact=f"/{method.service}/{method.method}")
    elif method.service:
        uri = StringMatch(prefix=f"/{method.service}/")
    return HttpMatchRequest(uri=uri, headers=_named(match.headers))


def _named(matches: Iterable[models.NamedMatch]) -> dict[str, StringMatch]:
    """Return conditions by name; of several for one name the first holds."""
    found: dict[str, StringMatch] = {}
    for each in matches:
        exact = each.type == "Exact"
        held = StringMatch(exact=each.value) if exact else StringMatch(regex=each.value)
        found.setdefault(each.name, held)
    return found


def _precedence(match: models.HttpRouteMatch) -> tuple[int, int, bool, int, int]:
    """Return what sorts the most specific match first."""
    kinds = {"Exact": 0, "PathPrefix": 1, "RegularExpression": 2}
    return (
        kinds[match.path.type],
        -len(match.path.value),
        match.method is None,
        -len(match.headers),
        -len(match.query_params),
    )


def _connections(
    declared: Declared, kind: str, route: models.TcpRoute | models.TlsRoute
) -> Iterator[RouteObject]:
    bound = tuple(_gateways_of(declared, route, kind))
    hosts = route.spec.hostnames or ("*",)
    targets = [(hosts, bound)] if bound else []
    targets += [
        (
            (f"{each.name}.{each.namespace or route.metadata.namespace}.svc.cluster.local",),
            (_MESH,),
        )
        for each in _services(route)
    ]
    for names, gateways_ in targets:
        made = [_l4(kind, rule, names, route.metadata.namespace) for rule in route.spec.rules]
        spec = VirtualServiceSpec(
            hosts=names,
            gateways=gateways_,
            tls=tuple(each for each in made if isinstance(each, TlsRoute)),
            tcp=tuple(each for each in made if isinstance(each, TcpRoute)),
        )
        parts = tuple(f"rules[{index}]" for index in range(len(made)))
        yield RouteObject(metadata=route.metadata, spec=spec, declared_kind=kind, parts=parts)


def _l4(
    kind: str, rule: models.ConnectionRule, hosts: Sequence[str], namespace: str
) -> TcpRoute | TlsRoute:
    destinations = tuple(
        RouteDestination(destination=_destination(each, namespace), weight=each.weight)
        for each in rule.backend_refs
    )
    if kind == "TLSRoute":
        match = TlsMatchAttributes(sni_hosts=tuple(hosts))
        return TlsRoute(match=(match,), route=destinations)
    return TcpRoute(match=(L4MatchAttributes(),), route=destinations)
