"""Conditions: Istio's string, header and path matches in Envoy's form."""

import re
from collections.abc import Sequence
from typing import Final

from petmesh.envoy.jwt_authn import PAYLOAD, TOKENS
from petmesh.envoy.names import Json
from petmesh.mesh.istio.common import PathPrefix, StringMatch
from petmesh.mesh.istio.virtual_service import HttpMatchRequest

_CLAIM: Final = re.compile(
    r"@request\.auth\.claims(?:\.([^\[\]]+)|((?:\[[^\[\]]+\])+))", re.IGNORECASE
)


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
    condition: Json = {**_path(match.uri), "case_sensitive": not match.ignore_uri_case}
    headers, claims = _headers(match), _claims(match)
    if headers:
        condition["headers"] = headers
    if claims:
        condition["dynamic_metadata"] = claims
    if match.query_params:
        parameters = sorted(match.query_params.items())
        condition["query_parameters"] = [header_match(*each) for each in parameters]
    return condition


def _headers(match: HttpMatchRequest) -> list[Json]:
    found = [
        header_match(name, value) for name, value in match.headers.items() if not _claim_names(name)
    ]
    for name, value in match.without_headers.items():
        if not _claim_names(name):
            absent = header_match(name, value) | {"invert_match": True}
            if "present_match" not in absent:
                absent["treat_missing_header_as_empty"] = True
            found.append(absent)
    found.sort(key=lambda header: str(header["name"]))
    named = ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme))
    return [*found, *(header_match(name, value) for name, value in named if value)]


def is_catch_all(condition: Json) -> bool:
    """Return whether a condition matches every request, so that no later route is reached."""
    everything = condition.get("prefix") == "/" or (
        condition.get("safe_regex", {}).get("regex") == ".*"
    )
    limits = ("headers", "query_parameters", "dynamic_metadata")
    return everything and not any(condition.get(name) for name in limits)


def claim_match(names: Sequence[str], text: Json) -> Json:
    """Return the condition of a verified token's claim: its text, or one of its list's."""
    value = {"string_match": text}
    return {
        "filter": TOKENS,
        "path": [{"key": PAYLOAD}, *({"key": name} for name in names)],
        "value": {"or_match": {"value_matchers": [value, {"list_match": {"one_of": value}}]}},
    }


def _claims(match: HttpMatchRequest) -> list[Json]:
    """Return the conditions on claims, which Istio writes as headers.

    https://istio.io/latest/docs/tasks/security/authentication/jwt-route/
    """
    found: list[Json] = []
    for conditions, invert in ((match.headers, False), (match.without_headers, True)):
        for name, value in sorted(conditions.items()):
            if names := _claim_names(name):
                condition = claim_match(names, string_match(value))
                found.append({**condition, "invert": True} if invert else condition)
    return found


def _claim_names(header: str) -> list[str]:
    """Return the path of a claim that a header's name stands for; empty for a header."""
    found = _CLAIM.fullmatch(header)
    if not found:
        return []
    return found[1].split(".") if found[1] else found[2].strip("[]").split("][")


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
