"""The ways in: what has a public address."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy.rules import resource_rule, stack_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries, items

INGRESS_NAMESPACE = "istio-ingress"
# What may have a public address: the ingress gateway, or the load balancer before it.
_INGRESS = (INGRESS_NAMESPACE, "istio-ingressgateway")
_LOAD_BALANCER = (INGRESS_NAMESPACE, "public")
# Who can reach these is in the network already: Google's, Amazon's and Azure's annotations.
# https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer
_GOOGLE_SERVICE: Final = {
    "networking.gke.io/load-balancer-type": "Internal",
    "cloud.google.com/load-balancer-type": "Internal",
}
_INTERNAL_SERVICE: Final = {
    **_GOOGLE_SERVICE,
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
# https://cloud.google.com/kubernetes-engine/docs/concepts/ingress-ilb
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
# https://learn.microsoft.com/azure/application-gateway/ingress-controller-private-ip
_GOOGLE_INGRESS: Final = {"kubernetes.io/ingress.class": "gce-internal"}
_INTERNAL_INGRESS: Final = {
    **_GOOGLE_INGRESS,
    "alb.ingress.kubernetes.io/scheme": "internal",
    "appgw.ingress.kubernetes.io/use-private-ip": "true",
}
_INTERNAL_GATEWAYS = ("gke-l7-rilb", "istio-waypoint")
_BY_GATEWAY = "route to it from the ingress gateway"


def _public(subject: Subject) -> Iterator[Trouble]:
    match subject.api, subject.kind:
        case "core", "Service":
            yield from _service(subject)
        case "networking.k8s.io", "Ingress":
            if not _is_internal(subject, _INTERNAL_INGRESS):
                mend = f"remove it, and {_BY_GATEWAY}, or {_within(_INTERNAL_INGRESS)}"
                yield Trouble("kind", "Ingress", mend)
        case "gateway.networking.k8s.io", "Gateway":
            gateway_class = at(subject.properties, "spec.gatewayClassName")
            known = gateway_class in (UNKNOWN, *_INTERNAL_GATEWAYS)
            if not known and (subject.namespace, subject.name) != _LOAD_BALANCER:
                mend = (
                    f"remove it, and {_BY_GATEWAY}, or use one of {', '.join(_INTERNAL_GATEWAYS)}"
                )
                yield Trouble("spec.gatewayClassName", gateway_class, mend)
        case "helm.sh", _:
            yield from _values(at(subject.properties, "values"), "values")
        case _:
            pass


def _service(subject: Subject) -> Iterator[Trouble]:
    spec = at(subject.properties, "spec")
    for field, refused, mend in (
        ("type", at(spec, "type") == "NodePort", "the ingress gateway is the way in"),
        ("externalIPs", at(spec, "externalIPs"), "the ingress gateway is the way in"),
        ("type", at(spec, "type") == "ExternalName", "a ServiceEntry is the way out"),
    ):
        if refused:
            yield Trouble(f"spec.{field}", at(spec, field), f"make it a ClusterIP: {mend}")
    if (
        at(spec, "type") == "LoadBalancer"
        and (subject.namespace, subject.name) != _INGRESS
        and not _is_internal(subject, _INTERNAL_SERVICE)
    ):
        mend = f"make it a ClusterIP, and {_BY_GATEWAY}, or {_within(_INTERNAL_SERVICE)}"
        yield Trouble("spec.type", "LoadBalancer", mend)


def _values(data: Any, path: str) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """A chart's values that give one of its Services an address, or declare an Ingress."""
    if isinstance(data, list):
        for index, member in enumerate(data):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from _values(member, f"{path}[{index}]")
    for key, value in entries({"": data}, "").items():
        inner = f"{path}.{key}"
        if key.lower().endswith("type") and value in ("LoadBalancer", "NodePort"):
            yield Trouble(inner, value, "make it ClusterIP: the ingress gateway is the way in")
        elif key.lower() == "ingress" and at(value, "enabled") is True:
            mend = "set it to false, and route to it from the ingress gateway"
            yield Trouble(f"{inner}.enabled", value=True, mend=mend)
        else:
            yield from _values(value, inner)


def _on_google(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Trouble]]:
    """Load balancers of a GKE cluster that only another cloud's annotation calls internal."""
    if not any(each.type.startswith("gcp:container/") for each in subjects):
        return
    for each in subjects:
        kind = (each.api, each.kind)
        if kind == ("core", "Service") and at(each.properties, "spec.type") == "LoadBalancer":
            known, google = _INTERNAL_SERVICE, _GOOGLE_SERVICE
        elif kind == ("networking.k8s.io", "Ingress"):
            known, google = _INTERNAL_INGRESS, _GOOGLE_INGRESS
        else:
            continue
        ingress = (each.namespace, each.name) == _INGRESS
        if not ingress and _is_internal(each, known) and not _is_internal(each, google):
            given = sorted({*entries(each.properties, "metadata.annotations")} & {*known})
            yield each, Trouble("metadata.annotations", given, _within(google))


def _is_internal(subject: Subject, annotations: Mapping[str, str]) -> bool:
    given = entries(subject.properties, "metadata.annotations")
    return at(subject.properties, "metadata.annotations") is UNKNOWN or any(
        given.get(key) in (value, UNKNOWN) for key, value in annotations.items()
    )


def _within(annotations: Mapping[str, str]) -> str:
    listed = ", ".join(f"{key}: {value}" for key, value in annotations.items())
    return f"keep it within the network by its cloud's annotation, one of {listed}"


def _gateway_api(subject: Subject) -> Iterator[Trouble]:
    if subject.api != "gateway.networking.k8s.io":
        return
    waypoint = at(subject.properties, "spec.gatewayClassName") == "istio-waypoint"
    for path, listener in items(subject.properties, "spec.listeners"):
        host = at(listener, "hostname")
        if not waypoint and host is not UNKNOWN and (not host or "*" in host):
            mend = "name the host: without one it takes every route's"
            yield Trouble(f"{path}.hostname", host, mend, whole=True)
        if at(listener, "allowedRoutes.namespaces.from") == "All":
            mend = "set it to Same, or to Selector with a selector"
            yield Trouble(f"{path}.allowedRoutes.namespaces.from", "All", mend)
    if subject.kind in ("HTTPRoute", "GRPCRoute"):
        yield from _route(subject.properties)
    for path, target in items(subject.properties, "spec.to"):
        if at(target, "kind") == "Secret" and not at(target, "name"):
            yield Trouble(f"{path}.name", None, "name the Secret that others may use", whole=True)


def _route(route: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    parents = {at(parent, "kind") for _, parent in items(route, "spec.parentRefs")}
    hosts = at(route, "spec.hostnames")
    # A route within the mesh is for the Service that it names.
    if not hosts and not (parents and parents <= {"Service", "ServiceEntry"}):
        yield Trouble("spec.hostnames", hosts, "name the hosts: it is for every host otherwise")
    for path, host in items(route, "spec.hostnames"):
        if "*" in str(host):
            yield Trouble(path, host, "name each host")


RULES = (
    resource_rule(
        "one-way-in",
        "Nothing but the ingress gateway, or the load balancer before it, has a public address.",
        "NIST SP 800-53 SC-7(3): access points",
        _public,
    ),
    stack_rule(
        "internal-on-its-own-cloud",
        "What is internal by an annotation has that of the cloud that the cluster runs on.",
        "NIST SP 800-53 SC-7(3): access points",
        _on_google,
    ),
    resource_rule(
        "gateway-api-hosts-are-named",
        "A Gateway and a route of the Gateway API name their hosts, and whose routes they take.",
        "Gateway API security model: cross-namespace routing",
        _gateway_api,
    ),
)
