"""Conditions: Istio's string, header and path matches in Envoy's form."""

import re

from petmesh.envoy.names import Json
from petmesh.mesh.istio.networking import HttpMatch, StringMatch


def string_match(match: StringMatch) -> Json:
    """An Istio string match; a regular expression must match the whole value, as RE2 does here."""
    if match.exact is not None:
        return {"exact": match.exact}
    if match.prefix is not None:
        return {"prefix": match.prefix}
    return {"safe_regex": {"regex": match.regex or ""}}


def header_match(name: str, match: StringMatch) -> Json:
    """A header's condition; the regular expression `*` means that the header is present."""
    if match.regex == "*":
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string_match(match)}


def route_match(match: HttpMatch | None) -> Json:
    """A route's condition; none matches everything."""
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
    condition: Json = {**_path(match.uri), "case_sensitive": not match.ignore_uri_case}
    if headers:
        condition["headers"] = headers
    return condition


def is_catch_all(condition: Json) -> bool:
    """Whether nothing after a route with this condition can be reached."""
    everything = condition.get("prefix") == "/" or (
        condition.get("safe_regex", {}).get("regex") == ".*"
    )
    return everything and not condition.get("headers")


def _path(uri: StringMatch | None) -> Json:
    if uri is None:
        return {"prefix": "/"}
    if uri.exact is not None:
        return {"path": uri.exact}
    if uri.prefix is not None:
        return {"prefix": uri.prefix}
    return {"safe_regex": {"regex": uri.regex or ""}}


def pattern_match(value: str, prefix: str = "") -> Json:
    """An authorization policy's pattern: exact, `abc*`, `*abc`, or `*` for anything not empty."""
    if value == "*":
        return {"safe_regex": {"regex": ".+"}}
    if value.startswith("*"):
        if not prefix:
            return {"suffix": value.removeprefix("*")}
        return {"safe_regex": {"regex": f"{prefix}.*{re.escape(value.removeprefix('*'))}"}}
    if value.endswith("*"):
        return {"prefix": prefix + value.removesuffix("*")}
    return {"exact": prefix + value}
