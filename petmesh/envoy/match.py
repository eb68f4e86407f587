"""Conditions: Istio's string, header and path matches in Envoy's form."""

import re

from petmesh.envoy.names import Json
from petmesh.mesh.istio.common import PathPrefix, StringMatch
from petmesh.mesh.istio.virtual_service import HttpMatchRequest


def string_match(match: StringMatch) -> Json:
    """Return Envoy's form of a StringMatch; a regular expression (RE2) matches the whole value."""
    if match.exact is not None:
        return {"exact": match.exact}
    if match.prefix is not None:
        return {"prefix": match.prefix}
    return {"safe_regex": {"regex": match.regex or ""}}


def header_match(name: str, match: StringMatch) -> Json:
    """Return the condition of a header, or of a parameter of the query."""
    if match.is_presence:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match)}


def route_match(match: HttpMatchRequest | None) -> Json:
    """Return the condition of an HTTPMatchRequest; None matches every request."""
    if match is None:
        return {"prefix": "/"}
    headers = [header_match(name, value) for name, value in sorted(match.headers.items())]
    for name, value in sorted(match.without_headers.items()):
        absent = header_match(name, value) | {"invert_match": True}
        if "present_match" not in absent:
            absent["treat_missing_header_as_empty"] = True
        headers.append(absent)
    headers.sort(key=lambda header: str(header["name"]))
    if match.method:
        headers.append(header_match(":method", match.method))
    if match.authority:
        headers.append(header_match(":authority", match.authority))
    if match.scheme:
        headers.append(header_match(":scheme", match.scheme))
    condition: Json = {**_path(match.uri), "case_sensitive": not match.ignore_uri_case}
    if headers:
        condition["headers"] = headers
    if match.query_params:
        parameters = sorted(match.query_params.items())
        condition["query_parameters"] = [header_match(*each) for each in parameters]
    return condition


def is_catch_all(condition: Json) -> bool:
    """Return whether a condition matches every request, so that no later route is reached."""
    everything = condition.get("prefix") == "/" or (
        condition.get("safe_regex", {}).get("regex") == ".*"
    )
    return everything and not (condition.get("headers") or condition.get("query_parameters"))


def _path(uri: StringMatch | None) -> Json:
    if uri is None:
        return {"prefix": "/"}
    if uri.exact is not None:
        return {"path": uri.exact}
    if isinstance(uri, PathPrefix) and (uri.prefix or "").rstrip("/"):
        return {"path_separated_prefix": (uri.prefix or "").rstrip("/")}
    if uri.prefix is not None:
        return {"prefix": uri.prefix}
    return {"safe_regex": {"regex": uri.regex or ""}}


def pattern_match(value: str, prefix: str = "") -> Json:
    """Return an AuthorizationPolicy's pattern: exact, `abc*`, `*abc`, or `*` for not empty."""
    if value == "*":
        return {"safe_regex": {"regex": ".+"}}
    if value.startswith("*"):
        if not prefix:
            return {"suffix": value.removeprefix("*")}
        return {"safe_regex": {"regex": f"{prefix}.*{re.escape(value.removeprefix('*'))}"}}
    if value.endswith("*"):
        return {"prefix": prefix + value.removesuffix("*")}
    return {"exact": prefix + value}
