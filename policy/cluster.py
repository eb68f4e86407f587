"""The cluster: what is public, and who may do what with its API."""

from collections.abc import Iterator, Mapping

from policy.rules import Subject, Trouble, resource_rule
from policy.values import UNKNOWN, at, entries, items

INGRESS_NAMESPACE = "istio-ingress"
# What may have a public address: the ingress gateway, or the load balancer before it.
_INGRESS = (INGRESS_NAMESPACE, "istio-ingressgateway")
_LOAD_BALANCER = (INGRESS_NAMESPACE, "public")
# Who can reach these is in the network already: Google's, Amazon's and Azure's annotations.
# https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer
_INTERNAL_SERVICE = {
    "networking.gke.io/load-balancer-type": "Internal",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
# https://cloud.google.com/kubernetes-engine/docs/concepts/ingress-ilb
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
# https://learn.microsoft.com/azure/application-gateway/ingress-controller-private-ip
_INTERNAL_INGRESS = {
    "kubernetes.io/ingress.class": "gce-internal",
    "alb.ingress.kubernetes.io/scheme": "internal",
    "appgw.ingress.kubernetes.io/use-private-ip": "true",
}
_INTERNAL_GATEWAYS = ("gke-l7-rilb", "istio-waypoint")
_BY_GATEWAY = "route to it from the ingress gateway"
_RBAC = "rbac.authorization.k8s.io"
_EVERYBODY = ("system:anonymous", "system:unauthenticated", "system:authenticated")


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
        case _:
            pass


def _service(subject: Subject) -> Iterator[Trouble]:
    spec = at(subject.properties, "spec")
    if at(spec, "type") == "NodePort" or at(spec, "externalIPs"):
        field = "type" if at(spec, "type") == "NodePort" else "externalIPs"
        mend = "make it a ClusterIP: the ingress gateway is the way in"
        yield Trouble(f"spec.{field}", at(spec, field), mend)
    elif (
        at(spec, "type") == "LoadBalancer"
        and (subject.namespace, subject.name) != _INGRESS
        and not _is_internal(subject, _INTERNAL_SERVICE)
    ):
        mend = f"make it a ClusterIP, and {_BY_GATEWAY}, or {_within(_INTERNAL_SERVICE)}"
        yield Trouble("spec.type", "LoadBalancer", mend)


def _is_internal(subject: Subject, annotations: Mapping[str, str]) -> bool:
    given = entries(subject.properties, "metadata.annotations")
    return any(given.get(key) in (value, UNKNOWN) for key, value in annotations.items())


def _within(annotations: Mapping[str, str]) -> str:
    listed = ", ".join(f"{key}: {value}" for key, value in annotations.items())
    return f"keep it within the network by its cloud's annotation, one of {listed}"


def _lists(subject: Subject) -> Iterator[Trouble]:
    if subject.api and subject.kind.endswith("List") and "items" in subject.properties:
        yield Trouble("kind", subject.kind, "declare each of its objects as a resource of its own")


def _rights(subject: Subject) -> Iterator[Trouble]:
    if subject.api != _RBAC:
        return
    for path, rule in items(subject.properties, "rules"):
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            value = at(rule, field)
            if value is not UNKNOWN and "*" in (value or ()):
                yield Trouble(f"{path}.{field}", value, "name what is needed")
    if at(subject.properties, "roleRef.name") == "cluster-admin":
        mend = "bind a role that holds what is needed alone"
        yield Trouble("roleRef.name", "cluster-admin", mend)
    for path, who in items(subject.properties, "subjects"):
        name = at(who, "name")
        default = at(who, "kind") == "ServiceAccount" and name == "default"
        if default or name in _EVERYBODY:
            yield Trouble(f"{path}.name", name, "name a ServiceAccount or group made for it")


RULES = (
    resource_rule(
        "one-way-in",
        "Nothing but the ingress gateway, or the load balancer before it, has a public address.",
        _public,
    ),
    resource_rule(
        "rights-are-named",
        "No role holds a wildcard, and nobody is bound to cluster-admin.",
        _rights,
    ),
    resource_rule(
        "objects-stand-alone",
        "Each object is a resource of its own: no rule looks into a list.",
        _lists,
    ),
)
