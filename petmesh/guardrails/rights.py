"""Which rights on the cluster's API make their holder anything else.

Source:
    https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from collections.abc import Iterator
from typing import Final

from petmesh.guardrails.rules import check
from petmesh.guardrails.subject import Subject, Trouble
from petmesh.guardrails.values import at, found

_RBAC: Final = "rbac.authorization.k8s.io"
_WRITES: Final = {"create", "update", "patch", "delete", "deletecollection"}
# Whoever may use them makes itself anything else.
_USED: Final = {
    *("pods/exec", "pods/attach", "pods/portforward", "nodes/proxy", "pods/proxy"),
    "services/proxy",
}
# The same of whoever may write them.
_WRITTEN: Final = _USED | {
    *("pods", "pods/ephemeralcontainers", "serviceaccounts/token", "certificatesigningrequests"),
    *("certificatesigningrequests/approval", "persistentvolumes", "namespaces", "nodes", "roles"),
    *("rolebindings", "clusterroles", "clusterrolebindings", "mutatingwebhookconfigurations"),
    *("validatingwebhookconfigurations", "customresourcedefinitions", "apiservices", "secrets"),
    *("networkpolicies", "envoyfilters", "wasmplugins", "authorizationpolicies"),
    *("peerauthentications", "requestauthentications", "externalsecrets", "secretstores"),
    *("gateways", "sidecars", "serviceentries", "adminnetworkpolicies"),
    *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *("clusterexternalsecrets", "clustersecretstores"),
}
# By which whoever makes them in every namespace has pods in all.
_MAKES_PODS: Final = {
    *("deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers"),
    *("jobs", "cronjobs", "rollouts", "scaledjobs"),
}
_CHANGES: Final = {"update", "patch"}
# By which whoever writes them in every namespace has requests, or what reads its settings.
_DIRECTS: Final = {
    *("configmaps", "virtualservices", "destinationrules", "endpoints", "endpointslices"),
}


@check("rights-are-named", f"{_RBAC}/Role", f"{_RBAC}/ClusterRole")
def _powers(role: Subject) -> Iterator[Trouble]:
    for path, rule in found(role.properties, "rules[]"):
        verbs = {str(verb) for _, verb in found(rule, "verbs[]")}
        resources = {str(resource) for _, resource in found(rule, "resources[]")}
        powers = resources & (_WRITTEN if verbs & _WRITES else _USED)
        if not verbs & {"create", "update", "patch"}:
            powers -= {"pods"}
        named = bool(at(rule, "resourceNames"))
        if role.kind == "ClusterRole" and ("create" in verbs or (verbs & _CHANGES and not named)):
            powers |= resources & _MAKES_PODS
        if role.kind == "ClusterRole" and verbs & _WRITES and not named:
            powers |= resources & _DIRECTS
        # A Secret that is named may be read and changed.
        if not named:
            powers |= resources & {"secrets"}
        elif "create" not in verbs:
            powers -= {"secrets"}
        for resource in sorted(powers):
            mend = "remove it, or name its objects in resourceNames"
            yield Trouble(f"{path}.resources[{resource}]", sorted(verbs), mend)
