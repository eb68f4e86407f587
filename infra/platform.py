"""The platform that the mesh stands on: a new GKE cluster, or a cluster that exists."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.address import IngressAddress, IngressAddressArgs
from infra.cluster import CONTROL_PLANE, GkeCluster, GkeClusterArgs
from infra.iam import ClusterAdmins, ClusterAdminsArgs, NodeIdentity, NodeIdentityArgs
from infra.kubernetes_version import refuse_older_kubernetes
from infra.load_balancer import CERTIFICATE_MANAGER
from infra.network import Network, NetworkArgs
from infra.project_services import ProjectServices, ProjectServicesArgs
from infra.registry import ImageRepository, ImageRepositoryArgs

# Where nearly every cluster has its API server.
USUAL_API_SERVER_RANGES = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")

# What the Kubernetes provider goes by: while it stays, another server, CA or context in the
# kubeconfig updates the provider; without it that replaces the provider, and with it every object
# in the cluster. A cluster that this program didn't make has no identity that a kubeconfig tells,
# and a stack stays with its cluster: another one gets a stack of its own.
# https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/#clusteridentifier_python
THE_CLUSTER = "existing"


@dataclass(frozen=True)
class Platform:
    """What the rest of the program needs to know of a platform.

    Attributes:
        provider: The Kubernetes provider of its cluster.
        image_registry: Where images are pushed to.
        ingress_address: The address reserved for the ingress gateway's load balancer; None where
            it gets one of its own.
        api_server_ranges: The IPv4 CIDR ranges in which its pods find the API server.
        helm_platform: What Istio's charts call it (their value `global.platform`); empty for none.
        cluster_name: The cluster's name, or the kube context's.
        kubeconfig: A kubeconfig, marked secret; none where the cluster existed before.
    """

    provider: kubernetes.Provider
    image_registry: pulumi.Input[str]
    ingress_address: pulumi.Input[str] | None
    api_server_ranges: Sequence[str]
    helm_platform: str
    cluster_name: pulumi.Input[str]
    kubeconfig: pulumi.Output[str] | None


@dataclass(frozen=True)
class GkePlatformArgs:
    """What a GKE platform is made of.

    Attributes:
        project: The Google Cloud project.
        cluster_name: The name of the cluster, its network and its image repository.
        location: A zone or a region.
        region: The region of the location.
        deployers: IAM members that administer the cluster; none means the running account.
        authorized_networks: CIDR ranges that may reach the control plane by its address.
        machine_type: The nodes' machine type.
        min_nodes: Fewest nodes in each zone.
        max_nodes: Most nodes in each zone.
        deletion_protection: Whether the cluster, the image repository and the address can't be
            deleted.
        ingress_address: Whether an address is reserved for the ingress gateway.
        load_balancer: Whether Google's load balancer is to stand before the ingress gateway.
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


class GkePlatform(pulumi.ComponentResource):
    """A hardened GKE cluster with all that it needs around it.

    Attributes:
        platform: What the rest of the program needs to know of it.
    """

    def __init__(
        self, name: str, args: GkePlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:GkePlatform", name, None, opts)
        services = ProjectServices(
            "apis",
            ProjectServicesArgs([CERTIFICATE_MANAGER] if args.load_balancer else []),
            opts=pulumi.ResourceOptions(parent=self),
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=services.enabled)
        network = Network("network", NetworkArgs(args.cluster_name, args.region), opts=child)
        nodes = NodeIdentity("nodes", NodeIdentityArgs(f"{args.cluster_name}-nodes"), opts=child)
        admins = ClusterAdmins(
            "deployers", ClusterAdminsArgs(args.project, args.deployers), opts=child
        )
        repository = ImageRepository(
            "images",
            ImageRepositoryArgs(
                args.cluster_name, args.region, nodes.member, args.deletion_protection
            ),
            opts=child,
        )
        cluster = GkeCluster(
            "gke",
            GkeClusterArgs(
                project=args.project,
                cluster_name=args.cluster_name,
                location=args.location,
                network_id=network.network_id,
                subnet_id=network.subnet_id,
                node_email=nodes.email,
                authorized_networks=args.authorized_networks,
                machine_type=args.machine_type,
                min_nodes=args.min_nodes,
                max_nodes=args.max_nodes,
                deletion_protection=args.deletion_protection,
                load_balancer=args.load_balancer,
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*services.enabled, network.ready, *nodes.grants]
            ),
        )
        address = None
        if args.ingress_address:
            address = IngressAddress(
                "ingress",
                IngressAddressArgs(args.cluster_name, args.region, args.deletion_protection),
                opts=child,
            ).address
        provider = kubernetes.Provider(
            "kubernetes",
            cluster_identifier=cluster.cluster_id,
            kubeconfig=cluster.kubeconfig,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*cluster.ready, *admins.grants, repository.grant]
            ),
        )
        self.platform = Platform(
            provider=provider,
            image_registry=repository.address,
            ingress_address=address,
            api_server_ranges=[CONTROL_PLANE],
            helm_platform="gke",
            cluster_name=cluster.cluster_name,
            kubeconfig=cluster.kubeconfig,
        )
        self.register_outputs({})


def existing_platform(context: str, image_registry: str, helm_platform: str) -> Platform:
    """The platform of a cluster that exists, reached with the ambient kubeconfig.

    Args:
        context: The kube context; empty means the current one.
        image_registry: Where images are pushed to; empty where none is built.
        helm_platform: What Istio's charts call it; empty for none.

    Raises:
        pulumi.RunError: Its Kubernetes is too old.
    """
    refuse_older_kubernetes(context)
    provider = kubernetes.Provider(
        "kubernetes",
        cluster_identifier=THE_CLUSTER,
        context=context or None,
        # Without it the SDK puts the path in KUBECONFIG into the state, and a shell with another
        # path finds a change. With it the provider asks that variable, or ~/.kube/config.
        kubeconfig="",
    )
    return Platform(
        provider=provider,
        image_registry=image_registry,
        ingress_address=None,
        api_server_ranges=USUAL_API_SERVER_RANGES,
        helm_platform=helm_platform,
        cluster_name=context or "current kube context",
        kubeconfig=None,
    )
