"""Services, Ingresses and Gateway API routes that have a public address."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from petmesh.guardrails.rules import check, check_stack, read
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import UNKNOWN, at, entries, held, may_be

INGRESS_NAMESPACE = "istio-ingress"
_SERVICE, _INGRESSES = "core/Service", "networking.k8s.io/Ingress"
_INTERNAL: Final = read("kubernetes.yaml")["$internal"]
_GOOGLE: Final = read("kubernetes.yaml")["$google"]
_BY_GATEWAY = "route to it from the ingress gateway"
_API = "gateway.networking.k8s.io"


@check("one-way-in", _SERVICE, _INGRESSES)
def _balanced(subject: Subject) -> Iterator[Violation]:
    """Services and Ingresses that a load balancer with a public address serves."""
    if _open(subject, _INTERNAL):
        field, value = ("kind", "Ingress")
        order = "remove it"
        if subject.of == _SERVICE:
            field, value, order = "spec.type", "LoadBalancer", "make it a ClusterIP"
        yield Violation(
            field, value, f"{order}, and {_BY_GATEWAY}, or {_within(subject, _INTERNAL)}"
        )


@check_stack("internal-on-its-own-cloud")
def _on_google(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Violation]]:
    """Load balancers of a GKE cluster that only another cloud's annotation calls internal."""
    if not any(each.type.startswith("gcp:container/") for each in subjects):
        return
    for each in subjects:
        if _open(each, _GOOGLE) and not _open(each, _INTERNAL):
            annotations = entries(each.properties, "metadata.annotations")
            given = sorted(annotations.keys() & _INTERNAL[each.of].keys())
            yield each, Violation("metadata.annotations", given, _within(each, _GOOGLE))


def _open(subject: Subject, internal: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether it has a load balancer that no annotation keeps within the network."""
    given = at(subject.properties, "metadata.annotations")
    is_one = subject.of == _INGRESSES or (
        subject.of == _SERVICE and at(subject.properties, "spec.type") == "LoadBalancer"
    )
    if not is_one or given is UNKNOWN:
        return False
    # One of another value may be what counts.
    within = [
        may_be(entries(given)[key], value)
        for key, value in internal[subject.of].items()
        if key in entries(given)
    ]
    return not within or not all(within)


def _within(subject: Subject, internal: Mapping[str, Mapping[str, str]]) -> str:
    listed = ", ".join(f"{key}: {value}" for key, value in internal[subject.of].items())
    return f"keep it within the network by its cloud's annotation, one of {listed}"


@check("gateway-api-hosts-are-named", f"{_API}/HTTPRoute", f"{_API}/GRPCRoute")
def _hosts(subject: Subject) -> Iterator[Violation]:
    hosts = at(subject.properties, "spec.hostnames")
    kinds = [at(each, "kind") for each in held(subject.properties, "spec.parentRefs")]
    # A route within the mesh is for the Service that it names.
    within = all(may_be(each, "Service", "ServiceEntry") for each in kinds)
    if not hosts and not (kinds and within):
        yield Violation("spec.hostnames", hosts, "name the hosts: it is for every host otherwise")
