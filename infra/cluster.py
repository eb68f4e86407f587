"""The hardened GKE cluster and its node pool."""

import pulumi
import pulumi_gcp as gcp

from infra.arguments import GkeArgs
from infra.kubeconfig import kubeconfig
from infra.machines import boot_disk, is_arm
from infra.network import PODS, SERVICES, Network

CONTROL_PLANE = "172.16.0.0/28"
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
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the cluster.

        Args:
            args: The platform's arguments.
            network: The network, with the secondary ranges `pods` and `services`.
            node_email: The email address of the nodes' service account.
            opts: The component's options.
        """
        super().__init__("petmesh:infra:GkeCluster", "gke", None, opts)
        by_address = bool(args.authorized_networks)
        cluster = gcp.container.Cluster(
            "gke-cluster",
            name=args.cluster_name,
            location=args.location,
            network=network.network_id,
            subnetwork=network.subnet_id,
            networking_mode="VPC_NATIVE",
            ip_allocation_policy={
                "cluster_secondary_range_name": PODS[0],
                "services_secondary_range_name": SERVICES[0],
            },
            datapath_provider="ADVANCED_DATAPATH",
            private_cluster_config={
                "enable_private_nodes": True,
                "enable_private_endpoint": not by_address,
                "master_ipv4_cidr_block": CONTROL_PLANE,
            },
            master_authorized_networks_config={
                "cidr_blocks": [{"cidr_block": cidr} for cidr in args.authorized_networks],
                "gcp_public_cidrs_access_enabled": False,
            },
            control_plane_endpoints_config={
                "dns_endpoint_config": {"allow_external_traffic": not by_address},
            },
            master_auth={"client_certificate_config": {"issue_client_certificate": False}},
            anonymous_authentication_config={"mode": "LIMITED"},
            enable_legacy_abac=False,
            workload_identity_config={"workload_pool": f"{args.project}.svc.id.goog"},
            enable_shielded_nodes=True,
            enable_intranode_visibility=True,
            security_posture_config={"mode": "BASIC"},
            release_channel={"channel": "REGULAR"},
            maintenance_policy={
                "recurring_window": {
                    "start_time": "2026-01-03T02:00:00Z",
                    "end_time": "2026-01-03T10:00:00Z",
                    "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
                }
            },
            logging_config={"enable_components": ["SYSTEM_COMPONENTS", "WORKLOADS"]},
            monitoring_config={
                "enable_components": ["SYSTEM_COMPONENTS"],
                "managed_prometheus": {"enabled": True},
            },
            # Once on it stays: its controller has to delete what it created for the Gateway.
            gateway_api_config={"channel": "CHANNEL_STANDARD"} if args.load_balancer else None,
            deletion_protection=args.deletion_protection,
            # A GKE cluster can't be created without a pool: this one is deleted right away, but
            # until then it must not run as the project's default service account either, nor take
            # a new project's whole quota of SSD: three disks of 100 GB in a regional cluster.
            initial_node_count=1,
            remove_default_node_pool=True,
            node_config={
                "disk_type": "pd-standard",
                "disk_size_gb": 20,
                "service_account": node_email,
                "shielded_instance_config": {"enable_secure_boot": True},
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.deletion_protection,
                # Another value for the pool that is gone would replace the cluster.
                ignore_changes=["nodeConfig", "initialNodeCount"],
                custom_timeouts=pulumi.CustomTimeouts(create="40m", update="60m", delete="40m"),
            ),
        )
        pool = gcp.container.NodePool(
            "gke-nodes",
            name="nodes",
            cluster=cluster.id,
            location=args.location,
            initial_node_count=args.min_nodes,
            autoscaling={"min_node_count": args.min_nodes, "max_node_count": args.max_nodes},
            management={"auto_repair": True, "auto_upgrade": True},
            upgrade_settings={"max_surge": 1, "max_unavailable": 0},
            node_config=_nodes(args, node_email),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["initialNodeCount"]),
        )
        webhook = gcp.compute.Firewall(
            "gke-injection-webhook",
            name=f"{args.cluster_name}-injection-webhook",
            description="GKE's control plane calls istiod's injection webhook on the nodes",
            network=network.network_id,
            direction="INGRESS",
            source_ranges=[CONTROL_PLANE],
            target_service_accounts=[node_email],
            allows=[{"protocol": "tcp", "ports": [str(ISTIOD_WEBHOOK_PORT)]}],
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.load_balancer:
            gcp.compute.Firewall(
                "gke-load-balancer",
                name=f"{args.cluster_name}-load-balancer",
                description="Google's load balancer asks the ingress gateway, and for its health",
                network=network.network_id,
                direction="INGRESS",
                source_ranges=LOAD_BALANCERS,
                target_service_accounts=[node_email],
                allows=[{"protocol": "tcp", "ports": [str(port) for port in GATEWAY_PORTS]}],
                opts=pulumi.ResourceOptions(parent=self),
            )
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
                    if by_address
                    else kubeconfig(known["name"], known["dns"], None)
                )
            )
        )
        self.ready: list[pulumi.Resource] = [pool, webhook]
        self.register_outputs({"cluster_name": self.cluster_name, "kubeconfig": self.kubeconfig})


def _nodes(
    args: GkeArgs, node_email: pulumi.Input[str]
) -> gcp.container.NodePoolNodeConfigArgsDict:
    nodes: gcp.container.NodePoolNodeConfigArgsDict = {
        "machine_type": args.machine_type,
        "image_type": "COS_CONTAINERD",
        "disk_type": boot_disk(args.machine_type),
        "disk_size_gb": 50,
        "service_account": node_email,
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "shielded_instance_config": {
            "enable_secure_boot": True,
            "enable_integrity_monitoring": True,
        },
        "workload_metadata_config": {"mode": "GKE_METADATA"},
        "metadata": {"disable-legacy-endpoints": "true"},
    }
    if is_arm(args.machine_type):
        # GKE taints Arm nodes, so that no pod without a toleration runs there; here every node is
        # one, and every image is built for it.
        # https://cloud.google.com/kubernetes-engine/docs/how-to/prepare-arm-workloads-for-deployment
        nodes["taint_config"] = {"architecture_taint_behavior": "NONE"}
    return nodes
