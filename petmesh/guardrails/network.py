"""NetworkPolicies: each names the peers of the pods that it selects."""

import re
from collections.abc import Iterator
from typing import Any

from petmesh.guardrails.public_addresses import INGRESS_NAMESPACE
from petmesh.guardrails.ranges import names_nobody, of_node
from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, entries, found, held, may_be

# By which each namespace can be named: all have it.
_NAMESPACE = "kubernetes.io/metadata.name"
# What every namespace has that holds to the other rules.
_COMMON = re.compile(
    r"istio-injection|istio\.io/(?:rev|dataplane-mode)|pod-security\.kubernetes\.io/.*"
)
_DNS = "podSelector.matchLabels.k8s-app"
_SELECTORS = ("podSelector.matchLabels", "podSelector.matchExpressions")
_BOTH = ("Ingress", "Egress")


def every_pod(spec: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a NetworkPolicy is for every pod of its namespace, or may well be."""
    return all(may_be(at(spec, selector), None, {}, []) for selector in _SELECTORS)


@check("paths-are-named", "networking.k8s.io/NetworkPolicy")
def _paths(policy: Subject) -> Iterator[Violation]:
    spec = at(policy.properties, "spec")
    types = held(spec, "policyTypes")
    unknown = UNKNOWN in (at(spec, selector) for selector in _SELECTORS)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        rules = at(spec, direction)
        if rules and not any(may_be(each, direction.title()) for each in types or _BOTH):
            fix = f"add {direction.title()}: its rules for it count for nothing otherwise"
            yield Violation("spec.policyTypes", types, fix)
        # The ingress gateway serves the public; what a pod calls is always somebody.
        public = direction == "ingress" and policy.may_be_in(INGRESS_NAMESPACE)
        outside = (unknown or not every_pod(spec)) and (public or direction == "egress")
        for where, rule in found(rules, "[]", f"spec.{direction}"):
            named = at(rule, peers)
            if not named and not (public and outside and at(rule, "ports")):
                fix = "say for whom it is: without, it is for the whole internet"
                yield Violation(f"{where}.{peers}", named, fix, whole=True)
            for inner, peer in found(rule, f"{peers}[]", where):
                dns = direction == "egress" and may_be(at(peer, _DNS), "kube-dns")
                yield from _peer(inner, peer, outside=outside, anywhere=dns)


def _peer(path: str, peer: Any, *, outside: bool, anywhere: bool) -> Iterator[Violation]:  # noqa: ANN401 (data)
    cidr = at(peer, "ipBlock.cidr")
    if cidr is not None and not outside and (names_nobody(cidr) or of_node(cidr)):
        fix = "name whose range it is, or for a way out the pods that need it, in podSelector"
        yield Violation(f"{path}.ipBlock.cidr", cidr, fix)
    if peer == {}:
        yield Violation(path, peer, "say who it is: nothing stands for every pod", whole=True)
    namespaces, pods = at(peer, "namespaceSelector"), at(peer, "podSelector")
    given = (namespaces, at(namespaces, "matchLabels"), at(namespaces, "matchExpressions"), pods)
    if namespaces is None or UNKNOWN in given:
        return
    # It says what label they have or haven't at most.
    if not anywhere and not _names(namespaces):
        fix = f"name them by their label {_NAMESPACE}"
        yield Violation(f"{path}.namespaceSelector", namespaces, fix, whole=True)


def _names(namespaces: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a selector asks for a label that not every namespace of the mesh has."""
    asked = [*entries(namespaces, "matchLabels")]
    for _, each in found(namespaces, "matchExpressions[]"):
        operator, key = at(each, "operator"), at(each, "key")
        if operator in ("In", UNKNOWN) or (operator == "Exists" and key != _NAMESPACE):
            asked.append(str(key))
    return any(not _COMMON.fullmatch(key) for key in asked)
