"""Who may do what: the deployers of the cluster, and the nodes' own service account.

Every grant is an IAMMember: it adds one member to a role. An IAMBinding would own the whole role
and take it from everybody whom this stack doesn't name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp


@dataclass(frozen=True)
class ClusterAdminsArgs:
    """Who administers the cluster.

    Attributes:
        project: The Google Cloud project.
        members: IAM members; none means the account that runs the up.
    """

    project: str
    members: Sequence[str]


class ClusterAdmins(pulumi.ComponentResource):
    """Grants roles/container.admin, with which Istio's cluster roles can be installed.

    Attributes:
        grants: The grants, for what is installed with them to depend on.
    """

    def __init__(
        self, name: str, args: ClusterAdminsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:ClusterAdmins", name, None, opts)
        members = {member: member for member in args.members}
        if not members:
            members = {"running-account": _running_account()}
        self.grants = [
            gcp.projects.IAMMember(
                f"{name}-{key}",
                project=args.project,
                role="roles/container.admin",
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for key, member in members.items()
        ]
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


@dataclass(frozen=True)
class NodeIdentityArgs:
    """Whose identity the nodes have.

    Attributes:
        account_id: The service account's name: 6 to 30 characters.
    """

    account_id: str


class NodeIdentity(pulumi.ComponentResource):
    """The nodes' service account, with nothing but what a GKE node needs to run.

    Attributes:
        email: The account's email address.
        member: The account as an IAM member.
        grants: The grants, for the cluster to depend on.
    """

    def __init__(
        self, name: str, args: NodeIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:NodeIdentity", name, None, opts)
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=args.account_id,
            display_name=f"Nodes of the GKE cluster: {args.account_id}",
            # Who may run nodes as it alone, and not as any account, was granted that beforehand.
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
