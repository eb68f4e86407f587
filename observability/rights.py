"""Rights of the observability stack's accounts with the API server."""

import pulumi_kubernetes as kubernetes

from observability.place import Place

_GROUP = "rbac.authorization.k8s.io"


def role_ref(kind: str, name: str) -> kubernetes.rbac.v1.RoleRefArgsDict:
    """A Role or a ClusterRole as a binding names it."""
    return {"api_group": _GROUP, "kind": kind, "name": name}


def account(name: str, place: Place) -> kubernetes.rbac.v1.SubjectArgsDict:
    """A ServiceAccount of a place as a binding names it."""
    return {"kind": "ServiceAccount", "name": name, "namespace": place.namespace}
