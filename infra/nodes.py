"""The node pool of a GKE cluster."""

from __future__ import annotations

import hashlib
import json

import pulumi
import pulumi_gcp as gcp

from infra.arguments import GkeArgs
from infra.machines import boot_disk, is_arm

# Old nodes are drained a quarter at a time, each quarter is watched for five minutes, and all of
# them stay for an hour, in which `gcloud container node-pools rollback` takes the pods back.
BLUE_GREEN: gcp.container.NodePoolUpgradeSettingsArgsDict = {
    "strategy": "BLUE_GREEN",
    "blue_green_settings": {
        "node_pool_soak_duration": "3600s",
        "standard_rollout_policy": {"batch_percentage": 0.25, "batch_soak_duration": "300s"},
    },
}
SURGE: gcp.container.NodePoolUpgradeSettingsArgsDict = {
    "strategy": "SURGE",
    "max_surge": 1,
    "max_unavailable": 0,
}


def node_pool(
    args: GkeArgs,
    cluster: gcp.container.Cluster,
    node_email: pulumi.Input[str],
    boot_disk_key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> gcp.container.NodePool:
    """Declare the autoscaled node pool.

    What Google Cloud can't change of a pool is part of its name: so a new pool is created before
    the old one is deleted, whose PodDisruptionBudgets are kept to.

    Args:
        args: The platform's arguments.
        cluster: The cluster.
        node_email: The email address of the nodes' service account.
        boot_disk_key: The key of Cloud KMS that encrypts the boot disks; None for Google's.
        opts: The pool's options.
    """
    return gcp.container.NodePool(
        "gke-nodes",
        name=f"nodes-{_digest(args)}",
        cluster=cluster.id,
        location=args.location,
        initial_node_count=args.nodes.minimum,
        autoscaling={"min_node_count": args.nodes.minimum, "max_node_count": args.nodes.maximum},
        management={"auto_repair": True, "auto_upgrade": True},
        upgrade_settings=BLUE_GREEN if args.nodes.blue_green else SURGE,
        node_drain_configs=[{"respect_pdb_during_node_pool_deletion": True}],
        node_config=_nodes(args, node_email, boot_disk_key),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                ignore_changes=["initialNodeCount"],
                # By itself the provider deletes a resource that has a name of ours first.
                delete_before_replace=False,
                custom_timeouts=pulumi.CustomTimeouts(create="40m", update="6h", delete="2h"),
            ),
        ),
    )


def _digest(args: GkeArgs) -> str:
    """What Google Cloud can't change of a pool, shortened.

    Source:
        ForceNew in https://github.com/hashicorp/terraform-provider-google/blob/main/google/services/container/node_config.go
    """
    nodes = args.nodes
    fixed = [args.encryption_key, nodes.spot, nodes.confidential, is_arm(nodes.machine_type)]
    return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()[:6]


def _nodes(
    args: GkeArgs, node_email: pulumi.Input[str], boot_disk_key: pulumi.Input[str] | None
) -> gcp.container.NodePoolNodeConfigArgsDict:
    nodes: gcp.container.NodePoolNodeConfigArgsDict = {
        "machine_type": args.nodes.machine_type,
        "image_type": "COS_CONTAINERD",
        "disk_type": boot_disk(args.nodes.machine_type),
        "disk_size_gb": 50,
        "service_account": node_email,
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "shielded_instance_config": {
            "enable_secure_boot": True,
            "enable_integrity_monitoring": True,
        },
        "workload_metadata_config": {"mode": "GKE_METADATA"},
        "metadata": {"disable-legacy-endpoints": "true"},
        "gvnic": {"enabled": True},
        "gcfs_config": {"enabled": True},
        "kubelet_config": {"insecure_kubelet_readonly_port_enabled": "FALSE"},
        "resource_labels": args.labels,
        "spot": args.nodes.spot,
    }
    if boot_disk_key is not None:
        nodes["boot_disk_kms_key"] = boot_disk_key
    if args.nodes.confidential:
        nodes["confidential_nodes"] = {
            "enabled": True,
            "confidential_instance_type": args.nodes.confidential,
        }
    if is_arm(args.nodes.machine_type):
        # GKE taints Arm nodes, so that no pod without a toleration runs there; here every node is
        # one, and every image is built for it.
        # https://cloud.google.com/kubernetes-engine/docs/how-to/prepare-arm-workloads-for-deployment
        nodes["taint_config"] = {"architecture_taint_behavior": "NONE"}
    return nodes
