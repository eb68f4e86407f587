"""Namespaces: restricted pods, closed networks, and in the mesh nobody let in who isn't named."""

from collections.abc import Iterator, Sequence

from policy.rules import Subject, Trouble, resource_rule, stack_rule
from policy.values import UNKNOWN, at, entries, items

_INJECTION = "istio-injection"
_ENFORCE = "pod-security.kubernetes.io/enforce"


def _is_namespace(subject: Subject) -> bool:
    return (subject.api, subject.kind) == ("core", "Namespace")


def _restricted(subject: Subject) -> Iterator[Trouble]:
    if not _is_namespace(subject):
        return
    # A label's name has dots of its own: no path leads to it.
    labels = entries(subject.properties, "metadata.labels")
    if labels.get(_ENFORCE) not in ("restricted", UNKNOWN):
        mend = "set it to restricted: the API server then holds to it whatever makes a pod"
        yield Trouble(f"metadata.labels[{_ENFORCE}]", labels.get(_ENFORCE), mend)


def _allow_nothing(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    closed = {
        each.namespace
        for each in subjects
        if (each.api, each.kind) == ("security.istio.io", "AuthorizationPolicy")
        and _allows_nothing(each)
    }
    mend = "add an AuthorizationPolicy with an empty spec to it: what none allows is refused then"
    for each in filter(_is_namespace, subjects):
        injected = at(each.properties, f"metadata.labels.{_INJECTION}") == "enabled"
        if injected and each.name not in closed:
            yield each, Trouble(f"metadata.labels.{_INJECTION}", "enabled", mend)


def _allows_nothing(policy: Subject) -> bool:
    """Whether a policy is for every workload of its namespace and allows none of their requests."""
    spec = at(policy.properties, "spec")
    return spec is UNKNOWN or (
        at(spec, "action") in (None, "ALLOW")
        and not any(at(spec, field) for field in ("rules", "selector", "targetRefs"))
    )


def _closed(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    closed = {
        each.namespace
        for each in subjects
        if (each.api, each.kind) == ("networking.k8s.io", "NetworkPolicy") and _closes(each)
    }
    mend = "add a NetworkPolicy to it with podSelector {} and policyTypes [Ingress, Egress]"
    for each in filter(_is_namespace, subjects):
        if each.name not in closed:
            yield each, Trouble("metadata.name", each.name, mend)


def _closes(policy: Subject) -> bool:
    """Whether a policy closes every pod of its namespace, both ways, and lets no caller in."""
    spec = at(policy.properties, "spec")
    return spec is UNKNOWN or (
        not at(spec, "podSelector")
        and {"Ingress", "Egress"} <= {*(at(spec, "policyTypes") or ())}
        and not at(spec, "ingress")
        and all(at(rule, "to") or at(rule, "ports") for _, rule in items(spec, "egress"))
    )


RULES = (
    resource_rule(
        "namespaces-restricted",
        "A namespace enforces the restricted Pod Security Standard, for charts' pods too.",
        _restricted,
    ),
    stack_rule(
        "namespaces-allow-nothing",
        "A namespace of the mesh refuses what no AuthorizationPolicy allows.",
        _allow_nothing,
    ),
    stack_rule(
        "namespaces-closed",
        "A namespace's pods reach nobody and are reached by nobody but where a policy opens it.",
        _closed,
    ),
)
