"""Callers by name: who may ask for what."""

import re
from collections.abc import Iterator
from typing import Any

from policy.cluster import INGRESS_NAMESPACE
from policy.ranges import names_nobody
from policy.rules import resource_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, items

# By which a source is named. What it is not, such as notPrincipals, names nobody.
_IDENTITIES = ("principals", "serviceAccounts", "namespaces")
_ADDRESSES = ("ipBlocks", "remoteIpBlocks")
_TOKENS = ("requestPrincipals",)
# What a condition looks at, as the field of a source that does.
# https://istio.io/latest/docs/reference/config/security/conditions/
_CONDITIONS = {
    "source.principal": "principals",
    "source.serviceAccount": "serviceAccounts",
    "source.namespace": "namespaces",
    "source.ip": "ipBlocks",
    "remote.ip": "remoteIpBlocks",
    "request.auth.principal": "requestPrincipals",
}
_REQUEST = ("hosts", "methods", "paths")
_WHOLE = re.compile(r"\*|/?\*+|/?\{\*+\}(?:/\{\*+\})*|/?\{\*+\}/?")
# Whoever may ask for all of these may do everything.
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_CLAIM = re.compile(r"request\.auth\.(?:claims\[.+\]|audiences|presenter)")
_MEND = "name the callers' service accounts"


def _callers(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) != ("security.istio.io", "AuthorizationPolicy"):
        return
    if at(subject.properties, "spec.action") not in (None, "ALLOW"):
        return
    for path, rule in items(subject.properties, "spec.rules"):
        unnamed = [*_unnamed(path, rule)]
        if subject.namespace == INGRESS_NAMESPACE and (unnamed or _any_token(rule)):
            unnamed = [*_anybody(path, rule)]
        yield from unnamed


def _unnamed(path: str, rule: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """Whom a rule leaves open; any one of its conditions may name the callers for all of it."""
    if any(_names_somebody(condition) for _, condition in items(rule, "when")):
        return
    if at(rule, "from") in (None, []):
        yield Trouble(f"{path}.from", at(rule, "from"), _MEND, whole=True)
    for inner, source in items(rule, "from"):
        yield from _source(f"{path}.{inner}.source", at(source, "source"))


def _names_somebody(condition: Any) -> bool:  # noqa: ANN401 (data)
    key, values = at(condition, "key"), at(condition, "values")
    field = "principals" if _CLAIM.fullmatch(str(key)) else _CONDITIONS.get(key)
    return field is not None and (
        values is UNKNOWN or (bool(values) and not any(_everybody(field, each) for each in values))
    )


def _any_token(rule: Any) -> bool:  # noqa: ANN401 (data)
    tokens = [at(source, "source.requestPrincipals") for _, source in items(rule, "from")]
    return any("*" in (each or ()) for each in tokens if each is not UNKNOWN)


def _anybody(path: str, rule: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """Anybody may ask the ingress gateway, but not for everything."""
    targets = [at(target, "operation") for _, target in items(rule, "to")]
    if not targets or not all(map(_limited, targets)):
        mend = "name the methods, hosts or paths that anybody may ask the ingress gateway for"
        yield Trouble(f"{path}.to", at(rule, "to"), mend, whole=True)


def _limited(operation: Any) -> bool:  # noqa: ANN401 (data)
    for field in _REQUEST:
        values = at(operation, field)
        if values is UNKNOWN:
            return True
        wide = any(_WHOLE.fullmatch(str(value)) for value in values or ())
        if values and not wide and not (field == "methods" and {*values} >= _METHODS):
            return True
    return False


def _source(path: str, source: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if source is UNKNOWN:
        return
    named = (*_IDENTITIES, *_ADDRESSES, *_TOKENS)
    if not any(at(source, field) for field in named):
        yield Trouble(path, source, _MEND, whole=True)
    for field in named:
        for inner, value in items(source, field):
            if _everybody(field, value):
                yield Trouble(f"{path}.{inner}", value, _MEND)


def _everybody(field: str, value: Any) -> bool:  # noqa: ANN401 (data)
    if field in _ADDRESSES:
        return names_nobody(value)
    # A valid token, even of any issuer that a RequestAuthentication names, is somebody's.
    return field in _IDENTITIES and "*" in str(value)


RULES = (
    resource_rule(
        "callers-are-named",
        "An AuthorizationPolicy names callers; at the ingress gateway, what anybody may ask for.",
        "Istio security best practices: authorization policies",
        _callers,
    ),
)
