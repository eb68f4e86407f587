"""The cluster: what is public, and who may do what with its API."""

from collections.abc import Iterator

from policy.rules import Subject, Trouble, resource_rule
from policy.values import UNKNOWN, at, items

# The one Service that may have an address of its own.
_INGRESS = ("istio-ingress", "istio-ingressgateway")
_RBAC = "rbac.authorization.k8s.io"
_EVERYBODY = ("system:anonymous", "system:unauthenticated", "system:authenticated")


def _public(subject: Subject) -> Iterator[Trouble]:
    if (subject.api, subject.kind) != ("core", "Service"):
        return
    spec = at(subject.properties, "spec")
    if at(spec, "type") == "NodePort" or at(spec, "externalIPs"):
        field = "type" if at(spec, "type") == "NodePort" else "externalIPs"
        mend = "make it a ClusterIP: the ingress gateway is the way in"
        yield Trouble(f"spec.{field}", at(spec, field), mend)
    elif at(spec, "type") == "LoadBalancer" and (subject.namespace, subject.name) != _INGRESS:
        mend = "make it a ClusterIP, and route to it from the ingress gateway"
        yield Trouble("spec.type", "LoadBalancer", mend)


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
        "No Service but the ingress gateway's has an address outside of the cluster.",
        _public,
    ),
    resource_rule(
        "rights-are-named",
        "No role holds a wildcard, and nobody is bound to cluster-admin.",
        _rights,
    ),
)
