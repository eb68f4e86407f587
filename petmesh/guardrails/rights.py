"""Roles and ClusterRoles: permissions by which a holder escalates its privileges.

Source:
    https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from collections.abc import Iterator
from typing import Final

from petmesh.guardrails.rules import check, read
from petmesh.guardrails.subject import Subject, Violation
from petmesh.guardrails.values import at, found

_RBAC: Final = "rbac.authorization.k8s.io"
_WRITES: Final = {"create", "update", "patch", "delete", "deletecollection"}
_CHANGES: Final = {"update", "patch"}
_POWERS: Final = {
    name: {*text.split()} for name, text in read("kubernetes.yaml")["$powers"].items()
}


@check("rights-are-named", f"{_RBAC}/Role", f"{_RBAC}/ClusterRole")
def _powers(role: Subject) -> Iterator[Violation]:
    for path, rule in found(role.properties, "rules[]"):
        verbs = {str(verb) for _, verb in found(rule, "verbs[]")}
        resources = {str(resource) for _, resource in found(rule, "resources[]")}
        powers = resources & (_POWERS["used"] | (_POWERS["written"] if verbs & _WRITES else set()))
        if not verbs & {"create", "update", "patch"}:
            powers -= {"pods"}
        named = bool(at(rule, "resourceNames"))
        if role.kind == "ClusterRole" and ("create" in verbs or (verbs & _CHANGES and not named)):
            powers |= resources & _POWERS["makesPods"]
        if role.kind == "ClusterRole" and verbs & _WRITES and not named:
            powers |= resources & _POWERS["directs"]
        # A Secret that is named may be read and changed.
        if not named:
            powers |= resources & {"secrets"}
        elif "create" not in verbs:
            powers -= {"secrets"}
        for resource in sorted(powers):
            fix = "remove it, or name its objects in resourceNames"
            yield Violation(f"{path}.resources[{resource}]", sorted(verbs), fix)
