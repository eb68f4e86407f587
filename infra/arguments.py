"""The arguments that the parts of a GKE platform share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NodeArgs:
    """The nodes of a GKE cluster.

    Attributes:
        machine_type: Their machine type.
        minimum: Minimum nodes in each zone.
        maximum: Maximum nodes in each zone.
        spot: Whether they are Spot VMs, which Compute Engine may take away.
        confidential: The Confidential Computing technology of their memory, one of
            `infra.machines.CONFIDENTIAL`; empty for none.
        blue_green: Whether an upgrade creates all new nodes before it drains the old ones, rather
            than one node after the other.
    """

    machine_type: str
    minimum: int
    maximum: int
    spot: bool = False
    confidential: str = ""
    blue_green: bool = False


@dataclass(frozen=True)
class GkeArgs:
    """A GKE platform.

    Attributes:
        project: The Google Cloud project.
        cluster_name: The name of the cluster, its network, image repository and address.
        location: A zone (one control plane) or a region (three).
        region: The region of the location.
        deployers: IAM members that administer the cluster; none means the running account.
        authorized_networks: CIDR ranges that may reach the control plane by its address. With none
            it has no IP endpoint: its DNS endpoint, guarded by IAM, is the way in.
        nodes: Its nodes.
        deletion_protection: Whether Google Cloud and the engine refuse to delete the cluster, the
            image repository, the address and the encryption key.
        ingress_address: Whether an address is reserved for the ingress gateway.
        load_balancer: Whether GKE runs Google's load balancer in front of the ingress gateway, by
            the Kubernetes Gateway API.
        labels: Labels of every resource that takes them.
        kubernetes_version: The control plane's minimum version; empty leaves it to the release
            channel.
        maintenance_exclusions: Pairs of dates, as 2026-11-20, between which GKE upgrades to no
            other minor version by itself.
        rbac_group: The Google group whose member groups RBAC may name; empty for none.
        admitted_images: Image name patterns that Binary Authorization admits besides the image
            repository and Google's own images; None means that it is off.
        attestors: Binary Authorization's attestors, all of whom any other image needs; with none it
            is denied.
        encryption_key: A key of Cloud KMS for Kubernetes Secrets, boot disks and images: its full
            name, `create` for a new one, or empty for Google's keys.
        upgrade_notifications: Whether GKE publishes upgrades and security bulletins to a Pub/Sub
            topic.
        backup_schedule: When Backup for GKE runs, in cron's notation, in UTC; empty for never.
        backup_retention_days: The days after which a backup is deleted.
        secret_manager: Whether pods may mount secrets of Secret Manager.
        vertical_pod_autoscaling: Whether VerticalPodAutoscalers are acted on.
        users: IAM members that reach the cluster, in which RBAC says what they may do, and that
            push images.
    """

    project: str
    cluster_name: str
    location: str
    region: str
    deployers: Sequence[str]
    authorized_networks: Sequence[str]
    nodes: NodeArgs
    deletion_protection: bool
    ingress_address: bool
    load_balancer: bool
    labels: Mapping[str, str]
    kubernetes_version: str = ""
    maintenance_exclusions: Sequence[tuple[str, str]] = ()
    rbac_group: str = ""
    admitted_images: Sequence[str] | None = None
    attestors: Sequence[str] = ()
    encryption_key: str = ""
    upgrade_notifications: bool = False
    backup_schedule: str = ""
    backup_retention_days: int = 30
    secret_manager: bool = False
    vertical_pod_autoscaling: bool = False
    users: Sequence[str] = ()
