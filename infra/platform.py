"""The platform that the mesh runs on: a new GKE cluster, or a cluster that exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes

from infra.admission import BINARY_AUTHORIZATION, ISTIO_IMAGES, binary_authorization_policy
from infra.arguments import GkeArgs
from infra.backup import BACKUP, backup_plans
from infra.cluster import GkeCluster
from infra.cluster_settings import CONTROL_PLANE
from infra.encryption import CREATE, KMS, encryption
from infra.iam import ClusterAdmins, ClusterUsers, NodeIdentity
from infra.kubernetes_version import refuse_older_kubernetes
from infra.load_balancer import CERTIFICATE_MANAGER
from infra.network import Network
from infra.project_services import ProjectServices
from infra.registry import ImageRepository

PUBSUB, SECRET_MANAGER = "pubsub.googleapis.com", "secretmanager.googleapis.com"

# The addresses of nearly every cluster's API server.
USUAL_API_SERVER_RANGES = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")

# The Kubernetes provider's identity: while it stays, another server, CA or context in a kubeconfig
# updates the provider; without it that replaces the provider, and with it every object in the
# cluster. A kubeconfig doesn't identify a cluster that this program didn't create, and a stack
# stays with its cluster: another one gets a stack of its own.
# https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/#clusteridentifier_python
THE_CLUSTER = "existing"


@dataclass(frozen=True)
class Platform:
    """What the rest of the program needs of a platform.

    Attributes:
        provider: The Kubernetes provider of its cluster.
        image_registry: The registry that images are pushed to.
        ingress_address: The IP address reserved for the ingress gateway's load balancer; None where
            it gets one of its own.
        api_server_ranges: The IPv4 CIDR ranges in which its pods reach the API server.
        helm_platform: The value `global.platform` of Istio's charts; empty for none.
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

    def after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        """The options of a resource in the cluster that is created after others."""
        return pulumi.ResourceOptions(provider=self.provider, depends_on=[*resources])


class GkePlatform(pulumi.ComponentResource):
    """A hardened GKE cluster with its network, service accounts, image repository and address.

    Attributes:
        platform: What the rest of the program needs of it.
    """

    def __init__(
        self, name: str, args: GkeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:GkePlatform", name, None, opts)
        services = ProjectServices("apis", _apis(args), pulumi.ResourceOptions(parent=self))
        child = pulumi.ResourceOptions(parent=self, depends_on=services.enabled)
        network = Network("network", args.cluster_name, args.region, opts=child)
        nodes = NodeIdentity("nodes", f"{args.cluster_name}-nodes", opts=child)
        admins = ClusterAdmins("deployers", args.project, args.deployers, opts=child)
        if args.users:
            ClusterUsers("users", args.cluster_name, args.users, opts=child)
        key = encryption(args, child)
        repository = ImageRepository(args, nodes.member, key, opts=child)
        cluster = GkeCluster(
            args,
            network,
            nodes.email,
            key,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*services.enabled, network.ready, *nodes.grants]
            ),
        )
        admitted = _admit(args, repository, child)
        if args.backup_schedule:
            backup_plans(args, cluster.cluster_id, key.key, child)
        address = None
        if args.ingress_address:
            # It outlives the Service that has it, which may be replaced, and DNS records name it.
            # https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
            address = gcp.compute.Address(
                "ingress-address",
                name=args.cluster_name,
                region=args.region,
                labels=args.labels,
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=services.enabled, protect=args.deletion_protection
                ),
            ).address
        provider = kubernetes.Provider(
            "kubernetes",
            cluster_identifier=cluster.cluster_id,
            kubeconfig=cluster.kubeconfig,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*cluster.ready, *admins.grants, repository.grant, *admitted],
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


def _apis(args: GkeArgs) -> list[str]:
    used = {
        CERTIFICATE_MANAGER: args.load_balancer,
        KMS: args.encryption_key == CREATE,
        BINARY_AUTHORIZATION: args.admitted_images is not None,
        PUBSUB: args.upgrade_notifications,
        BACKUP: bool(args.backup_schedule),
        SECRET_MANAGER: args.secret_manager,
    }
    return [api for api, is_used in used.items() if is_used]


def _admit(
    args: GkeArgs, repository: ImageRepository, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Declare Binary Authorization's policy, where it is on, for pods to depend on."""
    if args.admitted_images is None:
        return []
    own = pulumi.Output.concat(repository.address, "/*")
    patterns = [own, *ISTIO_IMAGES, *args.admitted_images]
    return [binary_authorization_policy(patterns, args.attestors, opts)]


def referenced_platform(
    cluster: pulumi.Output[str], kubeconfig: pulumi.Output[str], image_registry: pulumi.Output[str]
) -> Platform:
    """Return the platform of a cluster that another stack has created.

    Args:
        cluster: The cluster's id.
        kubeconfig: Its kubeconfig, without a credential.
        image_registry: The registry that images are pushed to.
    """
    secret = pulumi.Output.secret(kubeconfig)
    return Platform(
        provider=kubernetes.Provider("kubernetes", cluster_identifier=cluster, kubeconfig=secret),
        image_registry=image_registry,
        ingress_address=None,
        api_server_ranges=(),
        helm_platform="gke",
        cluster_name=cluster,
        kubeconfig=secret,
    )


def existing_platform(
    context: str, image_registry: str, helm_platform: str, istio: Sequence[str]
) -> Platform:
    """Return the platform of a cluster that exists, reached with the shell's kubeconfig.

    Args:
        context: The kube context; empty means the current one.
        image_registry: The registry that images are pushed to; empty where none is built.
        helm_platform: The value `global.platform` of Istio's charts; empty for none.
        istio: The versions of Istio that are to run in it.

    Raises:
        pulumi.RunError: Its Kubernetes is too old.
    """
    refuse_older_kubernetes(context, istio)
    provider = kubernetes.Provider(
        "kubernetes",
        cluster_identifier=THE_CLUSTER,
        context=context or None,
        # Without it the SDK writes the path in KUBECONFIG into the state, and a shell with another
        # path finds a change. With it the provider reads that variable, or ~/.kube/config.
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
