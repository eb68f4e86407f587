"""Namespaces of the mesh: closed until somebody is let in by name."""

from collections.abc import Iterator, Sequence

from policy.rules import Subject, Trouble, stack_rule
from policy.values import UNKNOWN, at

_INJECTION = "istio-injection"


def _allow_nothing(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    closed = {
        each.namespace
        for each in subjects
        if (each.api, each.kind) == ("security.istio.io", "AuthorizationPolicy")
        and _allows_nothing(each)
    }
    mend = "add an AuthorizationPolicy with an empty spec to it: what none allows is refused then"
    for each in subjects:
        injected = at(each.properties, f"metadata.labels.{_INJECTION}") == "enabled"
        if each.kind == "Namespace" and injected and each.name not in closed:
            yield each, Trouble(f"metadata.labels.{_INJECTION}", "enabled", mend)


def _allows_nothing(policy: Subject) -> bool:
    """Whether a policy is for every workload of its namespace and allows none of their requests."""
    spec = at(policy.properties, "spec")
    return spec is UNKNOWN or (
        at(spec, "action") in (None, "ALLOW")
        and not any(at(spec, field) for field in ("rules", "selector", "targetRefs"))
    )


RULES = (
    stack_rule(
        "namespaces-allow-nothing",
        "A namespace of the mesh refuses what no AuthorizationPolicy allows.",
        _allow_nothing,
    ),
)
