"""IAM: the roles of the cluster's deployers, and the nodes' own service account.

Every grant is an IAMMember: it adds one member to a role. An IAMBinding would own the whole role
and revoke it from every member that this stack doesn't list.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp


class ClusterAdmins(pulumi.ComponentResource):
    """IAM grants of roles/container.admin, with which Istio's cluster roles can be installed.

    Attributes:
        grants: The grants, which Istio's installation depends on.
    """

    def __init__(
        self,
        name: str,
        project: str,
        members: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the grants.

        Args:
            name: The component's name.
            project: The Google Cloud project.
            members: IAM members; none means the account that runs the up.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:ClusterAdmins", name, None, opts)
        named = {member: member for member in members}
        if not named:
            named = {"running-account": _running_account()}
        self.grants = [
            gcp.projects.IAMMember(
                f"{name}-{key}",
                project=project,
                role="roles/container.admin",
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for key, member in named.items()
        ]
        self.register_outputs({})


class ClusterUsers(pulumi.ComponentResource):
    """A role of this project by which its members reach a cluster, and nothing within it.

    Every predefined role that lets somebody reach a cluster lists others, or reads their objects.

    Source:
        https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based_endpoint
    """

    def __init__(
        self,
        name: str,
        cluster_name: str,
        members: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the role and its grants.

        Args:
            name: The component's name.
            cluster_name: The cluster's name, which the role's has in it.
            members: IAM members.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:ClusterUsers", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = gcp.projects.IAMCustomRole(
            f"{name}-role",
            role_id=f"{cluster_name.replace('-', '_')}_user",
            title=f"Reaches the GKE cluster: {cluster_name}",
            permissions=["container.clusters.connect", "container.clusters.get"],
            opts=child,
        )
        for member in members:
            gcp.projects.IAMMember(
                f"{name}-{member}",
                project=role.project,
                role=role.name,
                member=member,
                opts=child,
            )
        self.register_outputs({})


def _running_account() -> str:
    email = gcp.organizations.get_client_open_id_user_info().email
    if not email:
        raise pulumi.RunError(
            "deployers = []: the account that runs the up has no email address; run "
            "pulumi config set --path 'deployers[0]' MEMBER"
        )
    kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{email}"


class NodeIdentity(pulumi.ComponentResource):
    """The nodes' service account, with no role but those that a GKE node needs.

    Attributes:
        email: The account's email address.
        member: The account as an IAM member.
        grants: The grants, for the cluster to depend on.
    """

    def __init__(
        self, name: str, account_id: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare the account and its roles.

        Args:
            name: The component's name.
            account_id: The account's name: 6 to 30 characters.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:NodeIdentity", name, None, opts)
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=account_id,
            display_name=f"Nodes of the GKE cluster: {account_id}",
            # A deployer who may act as this account alone was granted that before its creation.
            create_ignore_already_exists=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.email = account.email
        self.member = account.member
        self.grants = [
            gcp.projects.IAMMember(
                f"{name}-default-node",
                project=account.project,
                role="roles/container.defaultNodeServiceAccount",
                member=account.member,
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]
        self.register_outputs({"email": self.email, "member": self.member})
