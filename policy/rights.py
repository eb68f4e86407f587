"""Who may do what with the cluster's API: rights that are named, and make nobody anything else.

Source:
    https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from policy.rules import resource_rule
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, entries, items

_RBAC: Final = "rbac.authorization.k8s.io"
_READS: Final = {"get", "list", "watch"}
_WRITES: Final = {"create", "update", "patch", "delete", "deletecollection"}
# By which whoever may write them, or read them, makes itself anything else.
_WRITTEN: Final = {
    *("pods", "pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"),
    *("serviceaccounts/token", "certificatesigningrequests", "persistentvolumes", "namespaces"),
    *("certificatesigningrequests/approval", "roles", "rolebindings", "clusterroles"),
    *("clusterrolebindings", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    *("nodes", "nodes/proxy", "pods/proxy", "services/proxy", "envoyfilters", "wasmplugins"),
    *("authorizationpolicies", "peerauthentications", "networkpolicies", "apiservices"),
    *("customresourcedefinitions", "secrets", "requestauthentications"),
    *("externalsecrets", "clusterexternalsecrets", "secretstores", "clustersecretstores"),
}
_READ: Final = {
    *("pods/exec", "pods/attach", "pods/portforward", "nodes/proxy", "pods/proxy"),
    "services/proxy",
}
# By which whoever makes them in every namespace has pods in all.
_MAKES_PODS: Final = {
    *("deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers"),
    *("jobs", "cronjobs"),
}
_PATHS: Final = re.compile(r"/(?:healthz|livez|readyz|version|metrics)(?:/[\w-]+)*")
# What Kubernetes brings, and is no more than its name says.
_BUILT_IN: Final = {"view", "system:auth-delegator", "extension-apiserver-authentication-reader"}
_REFUSED_ROLE: Final = re.compile(r"cluster-admin|admin|edit|system:.*")


def _rights(subject: Subject) -> Iterator[Trouble]:
    if subject.api != _RBAC:
        return
    for path, rule in items(subject.properties, "rules"):
        yield from _rule(path, rule, everywhere=subject.kind == "ClusterRole")
    for path, selector in items(subject.properties, "aggregationRule.clusterRoleSelectors"):
        if not entries(selector, "matchLabels"):
            mend = "name labels: an empty selector takes every role's rights in"
            yield Trouble(f"aggregationRule.{path.partition('.')[2]}", selector, mend, whole=True)
    role = at(subject.properties, "roleRef.name")
    if role not in _BUILT_IN and _REFUSED_ROLE.fullmatch(str(role)):
        yield Trouble("roleRef.name", role, "bind a role that holds what is needed alone")
    for path, who in items(subject.properties, "subjects"):
        name = at(who, "name")
        default = at(who, "kind") == "ServiceAccount" and name == "default"
        if default or (at(who, "kind") != "ServiceAccount" and str(name).startswith("system:")):
            yield Trouble(f"{path}.name", name, "name a ServiceAccount or group made for it")


def _rule(path: str, rule: Any, *, everywhere: bool) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
        value = at(rule, field)
        if value is not UNKNOWN and any("*" in str(each) for each in value or ()):
            yield Trouble(f"{path}.{field}", value, "name what is needed")
    verbs = {str(verb) for _, verb in items(rule, "verbs")}
    for verb in sorted(verbs - _READS - _WRITES - {"*"}):
        mend = "remove it: it lets its holder become another, or anything"
        yield Trouble(f"{path}.verbs", verb, mend)
    for inner, url in items(rule, "nonResourceURLs"):
        if "*" not in str(url) and not _PATHS.fullmatch(str(url)):
            yield Trouble(f"{path}.{inner}", url, "name /metrics or a probe's path at the most")
    yield from _powers(path, rule, verbs, everywhere=everywhere)


def _powers(path: str, rule: Any, verbs: set[str], *, everywhere: bool) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    resources = {str(resource) for _, resource in items(rule, "resources")}
    powers = resources & (_WRITTEN if verbs & _WRITES else _READ)
    if not verbs & {"create", "update", "patch"}:
        powers -= {"pods"}
    if everywhere and "create" in verbs:
        powers |= resources & _MAKES_PODS
    named = bool(at(rule, "resourceNames"))
    if "secrets" in resources and not named:
        powers |= {"secrets"}
    if named and not verbs & {"create"}:
        powers -= {"secrets"}
    for resource in sorted(powers):
        mend = "remove it, or name its objects in resourceNames"
        yield Trouble(f"{path}.resources[{resource}]", sorted(verbs), mend)


RULES = (
    resource_rule(
        "rights-are-named",
        "No role holds a wildcard or what makes its holder another, and nobody has a built-in one.",
        "CIS GKE 4.1.1 to 4.1.3, 4.1.6, 4.1.7, 4.1.9, 4.1.10",
        _rights,
    ),
)
