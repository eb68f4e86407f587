"""Namespaces: default-deny NetworkPolicies and AuthorizationPolicies, and strict mutual TLS.

Source:
    https://istio.io/latest/docs/concepts/security/#peer-authentication
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from petmesh.guardrails.mesh import is_istiod
from petmesh.guardrails.network import every_pod
from petmesh.guardrails.rules import check_stack
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, entries, joined, may_be, members

# Istio looks at the second where there is no first; the third is without sidecars: the node's
# ztunnel takes what is sent to the namespace's pods.
_MESH: Final = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode")
_ROOT: Final = "istio-system"


@check_stack("namespaces-closed")
def _closed(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
    for each in subjects:
        if each.of != "core/Namespace" or at(each.properties, "metadata.name") is UNKNOWN:
            continue
        for field, value, fix, closes, namespaces in (*_networks(each), *_mesh(each)):
            if not any(
                closes(policy, at(policy.properties, "spec"))
                and any(map(policy.may_be_in, namespaces))
                for policy in subjects
            ):
                yield each, Violation(field, value, fix)
    yield from _revisions(subjects)


def _revisions(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
    """Namespaces and pods of a revision that no istiod has, of a stack that declares one."""
    known: set[Any] = set()
    for istiod in filter(is_istiod, subjects):
        values = at(istiod.properties, "values")
        tags = at(values, "revisionTags")
        if UNKNOWN in (values, tags):
            return
        known |= {at(values, "revision") or "default", *members(tags)}
    for each in subjects if known else ():
        path, holder = each.template or ("", each.properties)
        revision = entries(holder, "metadata.labels").get(_MESH[1])
        if revision and not may_be(revision, *known) and UNKNOWN not in known:
            fix = "name a revision or tag of istiod: no proxy is injected otherwise"
            yield each, Violation(f"{joined(path, 'metadata')}.labels[{_MESH[1]}]", revision, fix)


_Asked = tuple[str, str, str, Callable[[Subject, Any], bool], tuple[str, ...]]


def _networks(namespace: Subject) -> Iterator[_Asked]:
    """That a policy closes every pod each way, but for what others open."""
    for direction in ("Ingress", "Egress"):
        fix = f"add a NetworkPolicy with podSelector {{}} and policyTypes [{direction}]"
        field, closes = f"{direction} of every pod", partial(_closes, direction)
        yield field, "open", fix, closes, (namespace.name,)


def _closes(direction: str, policy: Subject, spec: Any) -> bool:  # noqa: ANN401 (data)
    types = at(spec, "policyTypes")
    return (
        policy.of == "networking.k8s.io/NetworkPolicy"
        and every_pod(spec)
        and (types is UNKNOWN or any(may_be(each, direction) for each in members(types)))
    )


def _mesh(namespace: Subject) -> Iterator[_Asked]:
    """That what the mesh does is said, for a namespace whose pods are of it."""
    labels = entries(namespace.properties, "metadata.labels")
    label = next((each for each in _MESH[:2] if each in labels), _MESH[2])
    value = labels.get(label)
    if label == _MESH[1] and not value:
        label, value = _MESH[2], labels.get(_MESH[2])
    if value is UNKNOWN or (label != _MESH[1] and value not in ("enabled", "ambient")):
        return
    for closes, fix in _OF_MESH.items():
        within = (namespace.name, _ROOT)
        yield joined("metadata.labels", label), str(value), fix, closes, within


def _allows_nothing(policy: Subject, spec: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a policy is for every workload of its namespace and allows none of their requests."""
    return (
        policy.of == "security.istio.io/AuthorizationPolicy"
        and may_be(at(spec, "action"), None, "ALLOW")
        and all(may_be(at(spec, field), *_NONE) for field in ("rules", "selector", "targetRefs"))
    )


def _is_strict(policy: Subject, spec: Any) -> bool:  # noqa: ANN401 (data)
    return (
        policy.of == "security.istio.io/PeerAuthentication"
        and may_be(at(spec, "selector"), *_NONE)
        and may_be(at(spec, "mtls.mode"), "STRICT")
    )


_NONE: tuple[Any, ...] = (None, [], {})
_OF_MESH: Final = {
    _allows_nothing: f"add an AuthorizationPolicy with an empty spec to it, or to {_ROOT} for the "
    "whole mesh: what none allows is refused then",
    _is_strict: "add a PeerAuthentication without a selector and with mtls.mode STRICT to it, or "
    f"to {_ROOT} for the whole mesh: without one plaintext is taken too",
}
