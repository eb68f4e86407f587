"""The larger settings of a GKE cluster.

Source:
    https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
"""

from __future__ import annotations

import pulumi_gcp as gcp

from infra.arguments import GkeArgs

CONTROL_PLANE = "172.16.0.0/28"
# The next minor version of the control plane imitates the present one for so long, in which it can
# be rolled back: six hours to seven days.
# https://cloud.google.com/kubernetes-engine/docs/how-to/upgrading-a-cluster
SOAK = "604800s"
# A mounted secret follows Secret Manager's after so long.
ROTATION = "120s"

# All that are of use without GPUs.
# https://cloud.google.com/kubernetes-engine/docs/how-to/configure-metrics
MONITORING: gcp.container.ClusterMonitoringConfigArgsDict = {
    "enable_components": [
        "SYSTEM_COMPONENTS",
        "APISERVER",
        "SCHEDULER",
        "CONTROLLER_MANAGER",
        "STORAGE",
        "POD",
        "DEPLOYMENT",
        "STATEFULSET",
        "DAEMONSET",
        "HPA",
        "JOBSET",
        "CADVISOR",
        "KUBELET",
    ],
    "managed_prometheus": {"enabled": True},
    "advanced_datapath_observability_config": {"enable_metrics": True, "enable_relay": False},
}
RBAC_BINDINGS: gcp.container.ClusterRbacBindingConfigArgsDict = {
    "enable_insecure_binding_system_authenticated": False,
    "enable_insecure_binding_system_unauthenticated": False,
}


def private_cluster(args: GkeArgs) -> gcp.container.ClusterPrivateClusterConfigArgsDict:
    """Nodes without public addresses, and the control plane's range."""
    return {
        "enable_private_nodes": True,
        "enable_private_endpoint": not args.authorized_networks,
        "master_ipv4_cidr_block": CONTROL_PLANE,
    }


def authorized_networks(
    args: GkeArgs,
) -> gcp.container.ClusterMasterAuthorizedNetworksConfigArgsDict | None:
    """Who reaches the control plane by its IP endpoints, the private one included.

    Without IP endpoints the provider sends none, and would find a difference in each preview.
    """
    if not args.authorized_networks:
        return None
    return {
        "cidr_blocks": [{"cidr_block": cidr} for cidr in args.authorized_networks],
        "gcp_public_cidrs_access_enabled": False,
        "private_endpoint_enforcement_enabled": True,
    }


def endpoints(args: GkeArgs) -> gcp.container.ClusterControlPlaneEndpointsConfigArgsDict:
    """The DNS endpoint, or the IP endpoints where somebody is named who may use them."""
    by_address = bool(args.authorized_networks)
    return {
        "dns_endpoint_config": {"allow_external_traffic": not by_address},
        "ip_endpoints_config": {"enabled": by_address},
    }


def maintenance(args: GkeArgs) -> gcp.container.ClusterMaintenancePolicyArgsDict:
    """When GKE upgrades by itself: on weekends, and to another minor version not always."""
    return {
        "recurring_window": {
            "start_time": "2026-01-03T02:00:00Z",
            "end_time": "2026-01-03T10:00:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
        },
        "maintenance_exclusions": [
            {
                "exclusion_name": f"no-minor-upgrades-{start}",
                "start_time": f"{start}T00:00:00Z",
                "end_time": f"{end}T00:00:00Z",
                "exclusion_options": {"scope": "NO_MINOR_UPGRADES"},
            }
            for start, end in args.maintenance_exclusions
        ],
    }


def addons(args: GkeArgs) -> gcp.container.ClusterAddonsConfigArgsDict:
    """The add-ons that Google runs in the cluster."""
    return {
        "dns_cache_config": {"enabled": True},
        "gce_persistent_disk_csi_driver_config": {"enabled": True},
        "gke_backup_agent_config": {"enabled": bool(args.backup_schedule)},
    }


def secret_manager(args: GkeArgs) -> gcp.container.ClusterSecretManagerConfigArgsDict:
    """The Secret Manager add-on, with which pods mount secrets that stay out of the cluster."""
    config: gcp.container.ClusterSecretManagerConfigArgsDict = {"enabled": args.secret_manager}
    if args.secret_manager:
        config["rotation_config"] = {"enabled": True, "rotation_interval": ROTATION}
    return config
