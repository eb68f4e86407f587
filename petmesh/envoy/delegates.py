"""The routes of a VirtualService, with those of its delegates in their places."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from petmesh.mesh.istio.common import StringMatch
from petmesh.mesh.istio.virtual_service import HttpMatchRequest, HttpRoute, VirtualService
from petmesh.mesh.mesh import Mesh

# What a delegate's route takes from the root's where it has none of its own.
_INHERITED = (
    *("rewrite", "fault", "cors_policy", "mirror", "mirror_percentage", "mirrors"),
    *("timeout", "retries", "headers"),
)
_TEXTS = ("uri", "scheme", "method", "authority")
_VALUES = ("port", "source_namespace", "gateways")
_MAPS = ("headers", "without_headers", "query_params")
_LABELS = "source_labels"


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
    for _, group in groupby(routes_of(mesh, delegate), key=lambda routed: id(routed.route)):
        matches = list(group)
        route = matches[0].route
        missing = {k: v for k, v in inherited.items() if not getattr(route, k)}
        merged = [(each, list(_within(root.match, each.match))) for each in matches]
        # A route of which one match is outside of the root's is ignored as a whole.
        if all(found for _, found in merged):
            for each, found in merged:
                for match in found:
                    yield Routed(each.owner, route.model_copy(update=missing), match, each.part)


def _numbered(route: HttpRoute) -> Iterator[tuple[int | None, HttpMatchRequest | None]]:
    if not route.match:
        yield None, None
    yield from enumerate(route.match)


def _within(
    roots: Sequence[HttpMatchRequest], own: HttpMatchRequest | None
) -> Iterator[HttpMatchRequest | None]:
    """Yield a match with each of the root's that it is within."""
    if not roots:
        yield own
    for root in roots:
        if own is None:
            yield root
        elif not _conflict(root, own):
            yield _merged(root, own)


def _merged(root: HttpMatchRequest, own: HttpMatchRequest) -> HttpMatchRequest:
    update: dict[str, object] = {
        name: getattr(own, name) or getattr(root, name) for name in (*_TEXTS, *_VALUES)
    }
    update |= {name: {**getattr(root, name), **getattr(own, name)} for name in (*_MAPS, _LABELS)}
    update["name"] = "-".join(filter(None, (root.name, own.name)))
    return own.model_copy(update=update)


def _conflict(root: HttpMatchRequest, own: HttpMatchRequest) -> bool:
    """Return whether a delegate's match isn't within the root's: `hasConflict` of istiod."""
    labels = root.source_labels
    return (
        any(_differ(getattr(root, name), getattr(own, name)) for name in _TEXTS)
        or any(
            _differ(getattr(root, name).get(key), value)
            for name in _MAPS
            for key, value in getattr(own, name).items()
        )
        or root.ignore_uri_case != own.ignore_uri_case
        or bool(root.port and own.port and root.port != own.port)
        or bool(root.source_namespace and root.source_namespace != own.source_namespace)
        or any(labels.get(key, value) != value for key, value in own.source_labels.items())
        or bool(root.gateways and not set(own.gateways) <= set(root.gateways))
    )


def _differ(root: StringMatch | None, own: StringMatch | None) -> bool:
    """Return whether a condition isn't within the root's; one by regex stands alone."""
    if root is None or own is None:
        return False
    if root.exact:
        return own.exact != root.exact
    text = own.exact or own.prefix
    return not (root.prefix and text and text.startswith(root.prefix))
