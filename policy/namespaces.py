"""Namespaces: closed networks, and in the mesh nobody let in who isn't named."""

from collections.abc import Iterator, Sequence

from policy.network import every_pod, is_policy
from policy.rules import stack_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries, may_be

# Istio looks at the second where there is no first.
_INJECTION, _REVISION = "istio-injection", "istio.io/rev"
# Without a sidecar: the node's ztunnel takes what is sent to the namespace's pods.
_DATAPLANE, _AMBIENT = "istio.io/dataplane-mode", "ambient"
_ROOT_NAMESPACE = "istio-system"


def _is_namespace(subject: Subject) -> bool:
    return (subject.api, subject.kind) == ("core", "Namespace")


def _is_known_namespace(subject: Subject) -> bool:
    return _is_namespace(subject) and subject.properties is not UNKNOWN


def _in_mesh(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, str, str]]:
    """Each namespace whose pods are of the mesh, with the label that says so and its value."""
    for each in filter(_is_known_namespace, subjects):
        labels = entries(each.properties, "metadata.labels")
        label = _INJECTION if _INJECTION in labels else _REVISION
        value = labels.get(label, "")
        if value is UNKNOWN:
            continue
        if value == "enabled" or (label == _REVISION and value):
            yield each, label, value
        elif labels.get(_DATAPLANE) == _AMBIENT:
            yield each, _DATAPLANE, _AMBIENT


def _allow_nothing(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    closed = [
        each
        for each in subjects
        if (each.api, each.kind) == ("security.istio.io", "AuthorizationPolicy")
        and _allows_nothing(each)
    ]
    mend = (
        f"add an AuthorizationPolicy with an empty spec to it, or to {_ROOT_NAMESPACE} for the "
        "whole mesh: what none allows is refused then"
    )
    for each, label, value in _in_mesh(subjects):
        if not _in_force(closed, each.name):
            yield each, Trouble(f"metadata.labels.{label}", value, mend)


def _allows_nothing(policy: Subject) -> bool:
    """Whether a policy is for every workload of its namespace and allows none of their requests."""
    spec = at(policy.properties, "spec")
    return may_be(at(spec, "action"), None, "ALLOW") and all(
        may_be(at(spec, field), None, [], {}) for field in ("rules", "selector", "targetRefs")
    )


def _in_force(policies: Sequence[Subject], namespace: str) -> bool:
    """Whether one of some policies is in a namespace, or in the one that speaks for the mesh."""
    return any(
        policy.may_be_in(each) for policy in policies for each in (namespace, _ROOT_NAMESPACE)
    )


def _strict(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    """Each namespace of the mesh that takes plaintext, as Istio has it where nothing says no.

    Source:
        https://istio.io/latest/docs/concepts/security/#peer-authentication
    """
    strict = [
        each
        for each in subjects
        if (each.api, each.kind) == ("security.istio.io", "PeerAuthentication")
        and may_be(at(each.properties, "spec.selector"), None, {})
        and may_be(at(each.properties, "spec.mtls.mode"), "STRICT")
    ]
    mend = (
        "add a PeerAuthentication without a selector and with mtls.mode STRICT to it, or to "
        f"{_ROOT_NAMESPACE} for the whole mesh: without one plaintext is taken too"
    )
    for each, label, value in _in_mesh(subjects):
        if not _in_force(strict, each.name):
            yield each, Trouble(f"metadata.labels.{label}", value, mend)


def _closed(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    policies = [each for each in subjects if is_policy(each)]
    for each in filter(_is_known_namespace, subjects):
        for direction in ("Ingress", "Egress"):
            if not any(_closes(policy, each.name, direction) for policy in policies):
                mend = f"add a NetworkPolicy with podSelector {{}} and policyTypes [{direction}]"
                yield each, Trouble(f"{direction} of every pod", "open", mend)


def _closes(policy: Subject, namespace: str, direction: str) -> bool:
    """Whether a policy closes every pod of a namespace one way, but for what policies open."""
    spec = at(policy.properties, "spec")
    types = at(spec, "policyTypes")
    return (
        policy.may_be_in(namespace)
        and every_pod(spec)
        and (types is UNKNOWN or any(may_be(each, direction) for each in types or ()))
    )


RULES = (
    stack_rule(
        "namespaces-allow-nothing",
        "A namespace of the mesh refuses what none allows, by its own word or the whole mesh's.",
        "Istio security best practices: default-deny patterns",
        _allow_nothing,
    ),
    stack_rule(
        "namespaces-take-mutual-tls",
        "A namespace of the mesh takes mutual TLS alone, by its own word or the whole mesh's.",
        "Istio security best practices: mutual TLS",
        _strict,
    ),
    stack_rule(
        "namespaces-closed",
        "A namespace's pods reach nobody and are reached by nobody but where a policy opens it.",
        "CIS GKE 4.3.2",
        _closed,
    ),
)
