"""AuthorizationPolicies: each names its callers; at the ingress gateway, what anybody may request.

Source:
    https://istio.io/latest/docs/reference/config/security/conditions/
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from petmesh.guardrails.public_addresses import INGRESS_NAMESPACE
from petmesh.guardrails.ranges import names_nobody
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, found, held

# By which a source is named, and the condition that looks at the same. What it is not, such as
# notPrincipals, names nobody.
_SOURCES: Final = {
    "principals": "source.principal",
    "serviceAccounts": "source.serviceAccount",
    "namespaces": "source.namespace",
    "ipBlocks": "source.ip",
    "remoteIpBlocks": "remote.ip",
    "requestPrincipals": "request.auth.principal",
}
_FIELDS: Final = {condition: field for field, condition in _SOURCES.items()}
_WHOLE: Final = re.compile(r"\*|/?\*+|/?\{\*+\}(?:/\{\*+\})*|/?\{\*+\}/?")
# Of the seven methods that HTTP's servers know, so many are no limit.
_METHODS: Final = 5
# A host right below a top-level domain, or anything that begins alike.
_ANY_HOST: Final = re.compile(r"\*\.?[^.]*|[^.]*\*")
_CLAIM: Final = re.compile(r"request\.auth\.(?:claims\[.+\]|audiences|presenter)")
_MEND: Final = "name the callers' service accounts"


@check("callers-are-named", "security.istio.io/AuthorizationPolicy")
def _callers(subject: Subject) -> Iterator[Violation]:
    if at(subject.properties, "spec.action") not in (None, "ALLOW"):
        return
    for path, rule in found(subject.properties, "spec.rules[]"):
        unnamed = [*_unnamed(path, rule)]
        if subject.may_be_in(INGRESS_NAMESPACE) and (
            unnamed or (subject.namespace and _any_token(rule))
        ):
            unnamed = [*_anybody(path, rule)]
        yield from unnamed


def _unnamed(path: str, rule: Any) -> Iterator[Violation]:  # noqa: ANN401 (data)
    """Whom a rule leaves open; any one of its conditions may name the callers for all of it."""
    if any(_names_somebody(condition) for condition in held(rule, "when")):
        return
    if at(rule, "from") in (None, []):
        yield Violation(f"{path}.from", at(rule, "from"), _MEND, whole=True)
    for where, source in found(rule, "from[].source", path):
        if source is not UNKNOWN and not any(at(source, field) for field in _SOURCES):
            yield Violation(where, source, _MEND, whole=True)
        for field in _SOURCES:
            for inner, value in found(source, f"{field}[]", where):
                if _everybody(field, value):
                    yield Violation(inner, value, _MEND)


def _names_somebody(condition: Any) -> bool:  # noqa: ANN401 (data)
    key, values = at(condition, "key"), at(condition, "values")
    field = "principals" if _CLAIM.fullmatch(str(key)) else _FIELDS.get(key)
    if UNKNOWN in (key, values):
        return key is UNKNOWN or field is not None
    return field is not None and bool(values) and not any(_everybody(field, v) for v in values)


def _everybody(field: str, value: Any) -> bool:  # noqa: ANN401 (data)
    if field.lower().endswith("ipblocks"):
        return names_nobody(value)
    # A valid token, even of any issuer that a RequestAuthentication names, is somebody's.
    return field != "requestPrincipals" and "*" in str(value)


def _any_token(rule: Any) -> bool:  # noqa: ANN401 (data)
    return "*" in (each for _, each in found(rule, "from[].source.requestPrincipals[]"))


def _anybody(path: str, rule: Any) -> Iterator[Violation]:  # noqa: ANN401 (data)
    """Anybody may ask the ingress gateway, but not for everything."""
    targets = [at(each, "operation") for each in held(rule, "to")]
    if not targets or not all(map(_limited, targets)):
        fix = "name the methods, hosts or paths that anybody may ask the ingress gateway for"
        yield Violation(f"{path}.to", at(rule, "to"), fix, whole=True)


def _limited(operation: Any) -> bool:  # noqa: ANN401 (data)
    """Whether it names methods, hosts or paths, and none of them by what stands for all."""
    given = {field: at(operation, field) for field in ("hosts", "methods", "paths")}
    if UNKNOWN in given.values():
        return True
    return any(given.values()) and not any(map(_wide, given, given.values()))


def _wide(field: str, values: Any) -> bool:  # noqa: ANN401 (data)
    texts = {str(value) for value in values or ()}
    if field == "methods":
        return len(texts) >= _METHODS or "*" in "".join(texts)
    any_host = field == "hosts" and any(map(_ANY_HOST.fullmatch, texts))
    return any_host or any(map(_WHOLE.fullmatch, texts))
