"""Filters of the Gateway API's routes as fields of Istio's."""

import re
from collections.abc import Callable, Iterable

from petmesh.mesh.gateway_api.models import (
    BackendReference,
    Cors,
    HeaderFilter,
    PathModifier,
    RequestMirror,
    RequestRedirect,
    RouteFilter,
)
from petmesh.mesh.istio.common import Percent, StringMatch
from petmesh.mesh.istio.replies import HttpRedirect
from petmesh.mesh.istio.virtual_service import (
    CorsPolicy,
    Destination,
    HeaderOperations,
    Headers,
    HttpMatchRequest,
    HttpMirrorPolicy,
    HttpRewrite,
    RegexRewrite,
)

Destine = Callable[[BackendReference, str], Destination]


def apply(
    filters: Iterable[RouteFilter], match: HttpMatchRequest, namespace: str, destine: Destine
) -> dict[str, object]:
    """Return the fields of an Istio route that a rule's filters set.

    Args:
        filters: of the rule.
        match: of the route, whose prefix a filter may replace.
        namespace: of the route.
        destine: returns a backend's destination.
    """
    fields: dict[str, object] = {}
    mirrors: list[HttpMirrorPolicy] = []
    every = list(filters)
    headers = backend_headers(every)
    if headers:
        fields["headers"] = headers
    for each in every:
        if each.request_redirect:
            fields["redirect"] = _redirect(each.request_redirect)
        if each.url_rewrite and (each.url_rewrite.hostname or each.url_rewrite.path):
            path = each.url_rewrite.path
            rewritten = _rewritten(path, match) if path else {}
            fields["rewrite"] = HttpRewrite.model_validate(
                {"authority": each.url_rewrite.hostname or "", **rewritten}
            )
        if each.request_mirror:
            mirrors.append(_mirror(each.request_mirror, namespace, destine))
        if each.cors:
            fields["cors_policy"] = _cors(each.cors)
    if mirrors:
        fields["mirrors"] = tuple(mirrors)
    return fields


def backend_headers(filters: Iterable[RouteFilter]) -> Headers | None:
    """Return the changes of headers of a rule or a backend."""
    request = response = None
    for each in filters:
        request = _operations(each.request_header_modifier) or request
        response = _operations(each.response_header_modifier) or response
    return Headers(request=request, response=response) if request or response else None


def _operations(changes: HeaderFilter | None) -> HeaderOperations | None:
    if changes is None:
        return None
    return HeaderOperations(
        set={each.name: each.value for each in changes.set},
        add={each.name: each.value for each in changes.add},
        remove=changes.remove,
    )


def _redirect(redirect: RequestRedirect) -> HttpRedirect:
    fields: dict[str, object] = {"redirect_code": redirect.status_code}
    if redirect.hostname:
        fields["authority"] = redirect.hostname
    if redirect.scheme:
        fields["scheme"] = redirect.scheme
    if redirect.port:
        fields["port"] = redirect.port
    else:
        by_scheme = redirect.scheme is not None
        fields["derive_port"] = "FROM_PROTOCOL_DEFAULT" if by_scheme else "FROM_REQUEST_PORT"
    path = redirect.path
    if path and path.type == "ReplaceFullPath":
        fields["uri"] = path.replace_full_path or "/"
    elif path:
        fields["prefix_rewrite"] = path.replace_prefix_match or "/"
    return HttpRedirect.model_validate(fields)


def _rewritten(path: PathModifier, match: HttpMatchRequest) -> dict[str, object]:
    if path.type == "ReplaceFullPath":
        whole = RegexRewrite(match="/.*", rewrite=path.replace_full_path or "/")
        return {"uri_regex_rewrite": whole}
    replaced = (path.replace_prefix_match or "").rstrip("/")
    prefix = (match.uri.prefix if match.uri else None) or "/"
    if replaced and prefix != "/":
        return {"uri": replaced}
    # Of a prefix of whole segments nothing is left but the slash after it.
    segments = re.escape(prefix.rstrip("/"))
    rewrite = RegexRewrite(match=rf"^{segments}(/?)(.*)", rewrite=rf"{replaced}/\2")
    return {"uri_regex_rewrite": rewrite}


def _mirror(mirror: RequestMirror, namespace: str, destine: Destine) -> HttpMirrorPolicy:
    percentage = None
    if mirror.percent is not None:
        percentage = Percent(value=mirror.percent)
    elif mirror.fraction:
        percentage = Percent(value=100 * mirror.fraction.numerator / mirror.fraction.denominator)
    return HttpMirrorPolicy(
        destination=destine(mirror.backend_ref, namespace), percentage=percentage
    )


def _cors(cors: Cors) -> CorsPolicy:
    return CorsPolicy.model_validate(
        {
            "allow_origins": [_origin(each) for each in cors.allow_origins],
            "allow_methods": cors.allow_methods,
            "allow_headers": cors.allow_headers,
            "expose_headers": cors.expose_headers,
            "allow_credentials": cors.allow_credentials,
            "max_age": None if cors.max_age is None else f"{cors.max_age}s",
            "unmatched_preflights": "IGNORE",
        }
    )


def _origin(origin: str) -> StringMatch:
    if "*" not in origin:
        return StringMatch(exact=origin)
    return StringMatch(regex=".*".join(re.escape(part) for part in origin.split("*")))
