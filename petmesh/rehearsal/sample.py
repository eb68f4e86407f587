"""A request that a route of Envoy matches."""

from typing import Any
from urllib.parse import quote

from petmesh.envoy.names import Json
from petmesh.rehearsal.ask import Request

_PRESENT = "sample"


def sample(host: str, match: Json) -> Request | None:
    """Return a request that a route's condition matches; None if it has a regular expression.

    Args:
        host: the request's host, with its port.
        match: the condition, in Envoy's form.
    """
    path = match.get("path") or match.get("prefix") or match.get("path_separated_prefix")
    if path is None:
        return None
    method, headers, authority = "GET", dict[str, str](), host
    for condition in match.get("headers", ()):
        value = _value(condition)
        if condition.get("invert_match"):
            continue
        if value is None:
            return None
        if condition["name"] == ":method":
            method = value
        elif condition["name"] == ":authority":
            authority = value
        elif not condition["name"].startswith(":"):
            headers[condition["name"]] = value
    query: list[str] = []
    for parameter in match.get("query_parameters", ()):
        value = _value(parameter)
        if value is None:
            return None
        query.append(f"{quote(parameter['name'])}={quote(value)}")
    asked = f"{path}?{'&'.join(query)}" if query else path
    return Request(authority, asked, method, headers)


def _value(condition: Json) -> str | None:
    if condition.get("present_match"):
        return _PRESENT
    matched: dict[str, Any] = condition.get("string_match") or {}
    return matched.get("exact") or matched.get("prefix") or matched.get("suffix")
