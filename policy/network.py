"""Network paths: whom pods reach, and who reaches them."""

from collections.abc import Iterator
from typing import Any

from policy.ranges import names_nobody
from policy.rules import Subject, Trouble, resource_rule
from policy.values import at, items, may_be

_PEERS = (("ingress", "from"), ("egress", "to"))


def is_policy(subject: Subject) -> bool:
    """Whether it is a NetworkPolicy."""
    return (subject.api, subject.kind) == ("networking.k8s.io", "NetworkPolicy")


def every_pod(spec: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a NetworkPolicy is for every pod of its namespace, or may well be."""
    selectors = (at(spec, f"podSelector.{by}") for by in ("matchLabels", "matchExpressions"))
    return all(may_be(each, None, {}, []) for each in selectors)


def _paths(subject: Subject) -> Iterator[Trouble]:
    if not is_policy(subject):
        return
    spec = at(subject.properties, "spec")
    for direction, peers in _PEERS:
        for path, rule in items(spec, direction):
            # A pod may serve the public; what it calls is always somebody.
            if not at(rule, peers) and (direction == "egress" or every_pod(spec)):
                mend = "say for whom it is: without, it is for the whole internet"
                yield Trouble(f"spec.{path}.{peers}", at(rule, peers), mend, whole=True)
            for inner, peer in items(rule, peers) if every_pod(spec) else ():
                cidr = at(peer, "ipBlock.cidr")
                if cidr is not None and names_nobody(cidr):
                    mend = "open it for the pods that need it: name them in podSelector"
                    yield Trouble(f"spec.{path}.{inner}.ipBlock.cidr", cidr, mend)


RULES = (
    resource_rule(
        "paths-are-named",
        "A NetworkPolicy says whom pods reach, and opens the outside for pods that it selects.",
        _paths,
    ),
)
