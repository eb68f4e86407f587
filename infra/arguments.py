"""The arguments that the parts of a GKE platform share."""

from collections.abc import Sequence
from dataclasses import dataclass


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
            it has no public address: its DNS endpoint, guarded by IAM, is the way in.
        machine_type: The nodes' machine type.
        min_nodes: Minimum nodes in each zone.
        max_nodes: Maximum nodes in each zone.
        deletion_protection: Whether Google Cloud and the engine refuse to delete the cluster, the
            image repository and the address.
        ingress_address: Whether an address is reserved for the ingress gateway.
        load_balancer: Whether GKE runs Google's load balancer in front of the ingress gateway, by
            the Kubernetes Gateway API.
    """

    project: str
    cluster_name: str
    location: str
    region: str
    deployers: Sequence[str]
    authorized_networks: Sequence[str]
    machine_type: str
    min_nodes: int
    max_nodes: int
    deletion_protection: bool
    ingress_address: bool
    load_balancer: bool
