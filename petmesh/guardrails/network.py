"""Network paths: whom pods reach, and who reaches them."""

import re
from collections.abc import Iterator
from typing import Any

from petmesh.guardrails.ranges import names_nobody, of_node
from petmesh.guardrails.rules import check_field
from petmesh.guardrails.subject import Trouble
from petmesh.guardrails.values import UNKNOWN, at, entries, found, may_be

# By which each namespace can be named: all have it.
_NAMESPACE = "kubernetes.io/metadata.name"
# What every namespace has that holds to the other rules.
_COMMON = re.compile(
    r"istio-injection|istio\.io/(?:rev|dataplane-mode)|pod-security\.kubernetes\.io/.*"
)
_DNS = {"matchLabels": {"k8s-app": "kube-dns"}}


def every_pod(spec: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a NetworkPolicy is for every pod of its namespace, or may well be."""
    return _everything(at(spec, "podSelector"))


def _everything(selector: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a label selector says nothing, or may well."""
    return all(
        may_be(at(selector, field), None, {}, []) for field in ("matchLabels", "matchExpressions")
    )


@check_field("paths-are-named", "networking.k8s.io/NetworkPolicy", "spec")
def _paths(path: str, spec: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for where, rule in found(spec, f"{direction}[]", path):
            given = at(rule, peers)
            # A pod may serve the public at its ports; what it calls is always somebody.
            public = direction == "ingress" and not every_pod(spec) and at(rule, "ports")
            if not given and not public:
                mend = "say for whom it is: without, it is for the whole internet"
                yield Trouble(f"{where}.{peers}", given, mend, whole=True)
            for inner, peer in found(rule, f"{peers}[]", where):
                dns = direction == "egress" and at(peer, "podSelector") == _DNS
                yield from _peer(inner, peer, every=every_pod(spec), anywhere=dns)


def _peer(path: str, peer: Any, *, every: bool, anywhere: bool) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    cidr = at(peer, "ipBlock.cidr")
    if cidr is not None and every and (names_nobody(cidr) or of_node(cidr)):
        mend = "open it for the pods that need it: name them in podSelector"
        yield Trouble(f"{path}.ipBlock.cidr", cidr, mend)
    if peer == {}:
        yield Trouble(path, peer, "say who it is: nothing stands for every pod", whole=True)
    namespaces, pods = at(peer, "namespaceSelector"), at(peer, "podSelector")
    given = (namespaces, at(namespaces, "matchLabels"), at(namespaces, "matchExpressions"), pods)
    if namespaces is None or UNKNOWN in given:
        return
    # It says what label they have or haven't at most.
    if not anywhere and not _names(namespaces):
        mend = f"name them by their label {_NAMESPACE}"
        yield Trouble(f"{path}.namespaceSelector", namespaces, mend, whole=True)


def _names(namespaces: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a selector asks for a label that not every namespace of the mesh has."""
    asked = [*entries(namespaces, "matchLabels")]
    for _, each in found(namespaces, "matchExpressions[]"):
        operator, key = at(each, "operator"), at(each, "key")
        if operator in ("In", UNKNOWN) or (operator == "Exists" and key != _NAMESPACE):
            asked.append(str(key))
    return any(not _COMMON.fullmatch(key) for key in asked)
