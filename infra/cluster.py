"""The hardened GKE cluster and its node pool."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra import cluster_settings as settings
from infra.admission import ENFORCED
from infra.arguments import GkeArgs
from infra.cluster_settings import CONTROL_PLANE
from infra.encryption import Encryption
from infra.kubeconfig import kubeconfig
from infra.network import PODS, SERVICES, Network
from infra.nodes import node_pool

ISTIOD_WEBHOOK_PORT = 15017

# The addresses from which Google's load balancers send requests and health checks, and the ingress
# gateway's ports for both. GKE itself opens the first port alone.
# https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges
LOAD_BALANCERS = ("35.191.0.0/16", "130.211.0.0/22")
GATEWAY_PORTS = (80, 15021)


class GkeCluster(pulumi.ComponentResource):
    """A private, VPC-native GKE cluster with one autoscaled node pool.

    Attributes:
        cluster_id: Project, location and name: unchanged while the way to its API server changes,
            and different once the cluster is created anew elsewhere.
        cluster_name: The cluster's name.
        kubeconfig: A kubeconfig without a credential in it, marked secret.
        ready: The resources that a pod needs to run and to be injected.
    """

    def __init__(
        self,
        args: GkeArgs,
        network: Network,
        node_email: pulumi.Input[str],
        encryption: Encryption,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the cluster.

        Args:
            args: The platform's arguments.
            network: The network, with the secondary ranges `pods` and `services`.
            node_email: The email address of the nodes' service account.
            encryption: The key of Secrets and boot disks.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:GkeCluster", "gke", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = _cluster(args, network, node_email, encryption, child)
        pool = node_pool(args, cluster, node_email, encryption.key, child)
        self.cluster_id = cluster.id
        self.cluster_name = cluster.name
        self.kubeconfig = pulumi.Output.secret(
            pulumi.Output.all(
                name=cluster.name,
                address=cluster.endpoint,
                dns=cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint,
                ca=cluster.master_auth.cluster_ca_certificate,
            ).apply(
                lambda known: (
                    kubeconfig(known["name"], known["address"], known["ca"])
                    if args.authorized_networks
                    else kubeconfig(known["name"], known["dns"], None)
                )
            )
        )
        self.ready: list[pulumi.Resource] = [pool, _webhook(args, network, node_email, child)]
        if args.load_balancer:
            _load_balancer(args, network, node_email, child)
        self.register_outputs({"cluster_name": self.cluster_name, "kubeconfig": self.kubeconfig})


def _notifications(
    args: GkeArgs, opts: pulumi.ResourceOptions
) -> gcp.container.ClusterNotificationConfigPubsubArgsDict:
    # What isn't declared stays as it was: off has to be said.
    if not args.upgrade_notifications:
        return {"enabled": False}
    topic = gcp.pubsub.Topic(
        "gke-upgrades",
        name=f"{args.cluster_name}-upgrades",
        labels=args.labels,
        message_storage_policy={"allowed_persistence_regions": [args.region]},
        opts=opts,
    )
    return {"enabled": True, "topic": topic.id}


def _cluster(
    args: GkeArgs,
    network: Network,
    node_email: pulumi.Input[str],
    encryption: Encryption,
    opts: pulumi.ResourceOptions,
) -> gcp.container.Cluster:
    return gcp.container.Cluster(
        "gke-cluster",
        name=args.cluster_name,
        location=args.location,
        resource_labels=args.labels,
        network=network.network_id,
        subnetwork=network.subnet_id,
        networking_mode="VPC_NATIVE",
        ip_allocation_policy={
            "cluster_secondary_range_name": PODS[0],
            "services_secondary_range_name": SERVICES[0],
        },
        datapath_provider="ADVANCED_DATAPATH",
        private_cluster_config=settings.private_cluster(args),
        master_authorized_networks_config=settings.authorized_networks(args),
        control_plane_endpoints_config=settings.endpoints(args),
        master_auth={"client_certificate_config": {"issue_client_certificate": False}},
        anonymous_authentication_config={"mode": "LIMITED"},
        rbac_binding_config=settings.RBAC_BINDINGS,
        authenticator_groups_config=(
            {"security_group": args.rbac_group} if args.rbac_group else None
        ),
        enable_legacy_abac=False,
        workload_identity_config={"workload_pool": f"{args.project}.svc.id.goog"},
        binary_authorization=(
            {"evaluation_mode": ENFORCED} if args.admitted_images is not None else None
        ),
        database_encryption=(
            {"state": "ENCRYPTED", "key_name": encryption.key}
            if encryption.key is not None
            else None
        ),
        enable_shielded_nodes=True,
        enable_intranode_visibility=True,
        security_posture_config={"mode": "BASIC"},
        release_channel={"channel": "REGULAR"},
        min_master_version=args.kubernetes_version or None,
        rollback_safe_upgrade={"control_plane_soak_duration": settings.SOAK},
        maintenance_policy=settings.maintenance(args),
        notification_config={"pubsub": _notifications(args, opts)},
        logging_config={"enable_components": ["SYSTEM_COMPONENTS", "WORKLOADS"]},
        monitoring_config=settings.MONITORING,
        cost_management_config={"enabled": True},
        addons_config=settings.addons(args),
        secret_manager_config=settings.secret_manager(args),
        vertical_pod_autoscaling={"enabled": args.vertical_pod_autoscaling},
        cluster_autoscaling={"autoscaling_profile": "OPTIMIZE_UTILIZATION"},
        # Once on it stays: its controller has to delete what it created for the Gateway.
        gateway_api_config={"channel": "CHANNEL_STANDARD"} if args.load_balancer else None,
        deletion_protection=args.deletion_protection,
        # A GKE cluster can't be created without a pool: this one is deleted right away, but
        # until then it must not run as the project's default service account either, nor take
        # a new project's whole quota of SSD: three disks of 100 GB in a regional cluster.
        initial_node_count=1,
        remove_default_node_pool=True,
        node_config=_temporary_nodes(node_email, encryption),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                protect=args.deletion_protection,
                depends_on=encryption.usable,
                # Another value for the pool that is gone would replace the cluster.
                ignore_changes=["nodeConfig", "initialNodeCount"],
                custom_timeouts=pulumi.CustomTimeouts(create="40m", update="60m", delete="40m"),
            ),
        ),
    )


def _temporary_nodes(
    node_email: pulumi.Input[str], encryption: Encryption
) -> gcp.container.ClusterNodeConfigArgsDict:
    nodes: gcp.container.ClusterNodeConfigArgsDict = {
        "disk_type": "pd-standard",
        "disk_size_gb": 20,
        "service_account": node_email,
        "shielded_instance_config": {"enable_secure_boot": True},
        "kubelet_config": {"insecure_kubelet_readonly_port_enabled": "FALSE"},
    }
    if encryption.key is not None:
        nodes["boot_disk_kms_key"] = encryption.key
    return nodes


def _webhook(
    args: GkeArgs, network: Network, node_email: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> gcp.compute.Firewall:
    return gcp.compute.Firewall(
        "gke-injection-webhook",
        name=f"{args.cluster_name}-injection-webhook",
        description="GKE's control plane calls istiod's injection webhook on the nodes",
        network=network.network_id,
        direction="INGRESS",
        source_ranges=[CONTROL_PLANE],
        target_service_accounts=[node_email],
        allows=[{"protocol": "tcp", "ports": [str(ISTIOD_WEBHOOK_PORT)]}],
        opts=opts,
    )


def _load_balancer(
    args: GkeArgs, network: Network, node_email: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> None:
    gcp.compute.Firewall(
        "gke-load-balancer",
        name=f"{args.cluster_name}-load-balancer",
        description="Google's load balancer asks the ingress gateway, and for its health",
        network=network.network_id,
        direction="INGRESS",
        source_ranges=LOAD_BALANCERS,
        target_service_accounts=[node_email],
        allows=[{"protocol": "tcp", "ports": [str(port) for port in GATEWAY_PORTS]}],
        opts=opts,
    )
