"""The routes of a VirtualService, with those of its delegates in their places."""

from collections.abc import Iterator
from dataclasses import dataclass

from petmesh.mesh.istio.common import StringMatch
from petmesh.mesh.istio.virtual_service import HttpMatchRequest, HttpRoute, VirtualService
from petmesh.mesh.mesh import Mesh

# What a delegate's route takes from the root's where it has none of its own.
_INHERITED = (
    *("rewrite", "fault", "cors_policy", "mirror", "mirror_percentage", "mirrors"),
    *("timeout", "retries", "headers"),
)
_ONE = ("scheme", "method", "authority", "port", "source_namespace")
_MAPS = ("headers", "without_headers", "query_params", "source_labels")


class _ConflictError(Exception):
    """No request meets both matches."""


@dataclass(frozen=True)
class Routed:
    """A route and one of its matches, and where the object that declares it has them."""

    owner: VirtualService
    route: HttpRoute
    match: HttpMatchRequest | None
    part: str


def routes_of(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Routed]:
    """Yield each match of each route; a delegate's routes must meet the root's match too.

    `mergeHTTPRoutes` in pilot/pkg/model/virtualservice.go.
    """
    for index, route in enumerate(virtual_service.spec.http):
        if route.delegate is None:
            for number, match in _numbered(route):
                part = virtual_service.part(index, number)
                yield Routed(virtual_service, route, match, part)
            continue
        namespace = route.delegate.namespace or virtual_service.metadata.namespace
        for delegate in mesh.virtual_services:
            found = (delegate.metadata.namespace, delegate.metadata.name)
            if found == (namespace, route.delegate.name) and not delegate.spec.hosts:
                yield from _delegated(mesh, route, delegate)


def _delegated(mesh: Mesh, root: HttpRoute, delegate: VirtualService) -> Iterator[Routed]:
    inherited = {name: getattr(root, name) for name in _INHERITED if getattr(root, name)}
    for routed in routes_of(mesh, delegate):
        missing = {k: v for k, v in inherited.items() if not getattr(routed.route, k)}
        route = routed.route.model_copy(update=missing)
        for match in root.match or (None,):
            try:
                merged = _merged(match, routed.match)
            except _ConflictError:
                continue
            yield Routed(routed.owner, route, merged, routed.part)


def _numbered(route: HttpRoute) -> Iterator[tuple[int | None, HttpMatchRequest | None]]:
    if not route.match:
        yield None, None
    yield from enumerate(route.match)


def _merged(root: HttpMatchRequest | None, own: HttpMatchRequest | None) -> HttpMatchRequest | None:
    """Return a match that meets both.

    Raises:
        _ConflictError: none can.
    """
    if root is None or own is None:
        return root or own
    update: dict[str, object] = {}
    for name in _ONE:
        if getattr(root, name) and getattr(own, name) not in (None, "", getattr(root, name)):
            raise _ConflictError
        update[name] = getattr(own, name) or getattr(root, name)
    for name in _MAPS:
        if set(getattr(root, name)) & set(getattr(own, name)):
            raise _ConflictError
        update[name] = {**getattr(root, name), **getattr(own, name)}
    update |= {
        "uri": _uri(root.uri, own.uri),
        "name": "-".join(filter(None, (root.name, own.name))),
        "ignore_uri_case": root.ignore_uri_case or own.ignore_uri_case,
        "gateways": own.gateways or root.gateways,
    }
    return own.model_copy(update=update)


def _uri(root: StringMatch | None, own: StringMatch | None) -> StringMatch | None:
    if root is None or own is None or root == own:
        return own or root
    text = own.exact or own.prefix or ""
    if root.prefix is None or own.regex is not None or not text.startswith(root.prefix):
        raise _ConflictError
    return own
