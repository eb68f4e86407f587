"""The rights of an application's team: a Role in its namespace, for what its stack declares there.

Who may call whom is none of them: whoever may write NetworkPolicies, AuthorizationPolicies or
Sidecars can open what the platform keeps closed.
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

_RBAC = "rbac.authorization.k8s.io"
NAME = "application"
WRITTEN: dict[str, Sequence[str]] = {
    "": ["serviceaccounts", "services"],
    "apps": ["deployments"],
    "autoscaling": ["horizontalpodautoscalers"],
    "networking.istio.io": ["destinationrules", "virtualservices"],
    "policy": ["poddisruptionbudgets"],
}
# What an up waits for, and what tells why it waits.
READ: dict[str, Sequence[str]] = {
    "": ["endpoints", "events", "persistentvolumeclaims", "pods", "pods/log"],
    "apps": ["replicasets"],
    "discovery.k8s.io": ["endpointslices"],
}
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "delete", "patch", "update"]


class TeamRights(pulumi.ComponentResource):
    """A Role, and the RoleBinding that gives it to a team."""

    def __init__(
        self,
        namespace: str,
        members: Sequence[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare the rights.

        Args:
            namespace: The application's namespace.
            members: IAM members, or users and groups as `user:NAME` and `group:NAME`.
            needs: Resources that they are created after: the namespace.
            opts: The component's options.
        """
        super().__init__("petmesh:istio:TeamRights", namespace, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=needs)
        role = kubernetes.rbac.v1.Role(
            f"{namespace}-role",
            metadata={"name": NAME, "namespace": namespace},
            rules=[
                {"api_groups": [group], "resources": [*resources], "verbs": verbs}
                for held, verbs in ((WRITTEN, _WRITE), (READ, _READ))
                for group, resources in held.items()
            ],
            opts=child,
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{namespace}-team",
            metadata={"name": NAME, "namespace": namespace},
            role_ref={"api_group": _RBAC, "kind": "Role", "name": NAME},
            subjects=[_subject(member) for member in members],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        self.register_outputs({})


def _subject(member: str) -> kubernetes.rbac.v1.SubjectArgsDict:
    """A member as a RoleBinding names it: to Kubernetes a service account of IAM is a User."""
    kind, _, name = member.partition(":")
    return {"api_group": _RBAC, "kind": "Group" if kind == "group" else "User", "name": name}
