"""Network paths: whom pods reach, and who reaches them."""

from collections.abc import Iterator
from typing import Any

from policy.ranges import names_nobody
from policy.rules import resource_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, items, may_be

# By which each namespace can be named: all have it.
_NAMESPACE = "kubernetes.io/metadata.name"
_PEERS = (("ingress", "from"), ("egress", "to"))


def is_policy(subject: Subject) -> bool:
    """Whether it is a NetworkPolicy."""
    return (subject.api, subject.kind) == ("networking.k8s.io", "NetworkPolicy")


def every_pod(spec: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a NetworkPolicy is for every pod of its namespace, or may well be."""
    return _everything(at(spec, "podSelector"))


def _everything(selector: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a label selector says nothing, or may well."""
    return all(may_be(each, None, {}, []) for each in _said(selector))


def _said(selector: Any) -> tuple[Any, Any]:  # noqa: ANN401 (data)
    return at(selector, "matchLabels"), at(selector, "matchExpressions")


def _anywhere(selector: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a selector names no namespace, but says what label they have or haven't at most."""
    return _everything({"matchLabels": at(selector, "matchLabels")}) and not any(
        at(each, "operator") in ("In", UNKNOWN)
        or (at(each, "operator") == "Exists" and at(each, "key") != _NAMESPACE)
        for _, each in items(selector, "matchExpressions")
    )


def _paths(subject: Subject) -> Iterator[Trouble]:
    if not is_policy(subject):
        return
    spec = at(subject.properties, "spec")
    for direction, peers in _PEERS:
        for path, rule in items(spec, direction):
            given = at(rule, peers)
            # A pod may serve the public at its ports; what it calls is always somebody.
            public = direction == "ingress" and not every_pod(spec) and at(rule, "ports")
            if not given and not public:
                mend = "say for whom it is: without, it is for the whole internet"
                yield Trouble(f"spec.{path}.{peers}", given, mend, whole=True)
            for inner, peer in items(rule, peers):
                yield from _peer(f"spec.{path}.{inner}", peer, spec)


def _peer(path: str, peer: Any, spec: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    cidr = at(peer, "ipBlock.cidr")
    if cidr is not None and every_pod(spec) and names_nobody(cidr):
        mend = "open it for the pods that need it: name them in podSelector"
        yield Trouble(f"{path}.ipBlock.cidr", cidr, mend)
    if peer == {}:
        yield Trouble(path, peer, "say who it is: nothing stands for every pod", whole=True)
    namespaces = at(peer, "namespaceSelector")
    if (
        namespaces not in (None, UNKNOWN)
        and _anywhere(namespaces)
        and _everything(at(peer, "podSelector"))
        and UNKNOWN not in (at(peer, "podSelector"), *_said(namespaces))
    ):
        mend = f"name them by their label {_NAMESPACE}"
        yield Trouble(f"{path}.namespaceSelector", namespaces, mend, whole=True)


RULES = (
    resource_rule(
        "paths-are-named",
        "A NetworkPolicy says whom pods reach, and opens the outside for pods that it selects.",
        "CIS GKE 4.3.2; NIST SP 800-53 SC-7",
        _paths,
    ),
)
