"""Which types of Google Cloud resources are known; any other is refused by name."""

import re
from typing import Final

# Each module's, as `Kind` in `gcp:module/kind:Kind`.
_KNOWN: Final = {
    "artifactregistry": "Repository",
    "bigquery": "Dataset Table Routine",
    "bigtable": "Instance Table",
    "billing": "Budget",
    "certificatemanager": "Certificate CertificateMap CertificateMapEntry DnsAuthorization",
    "cloudscheduler": "Job",
    "cloudtasks": "Queue",
    "compute": (
        "Address GlobalAddress Network Subnetwork Router RouterNat RouterInterface RouterPeer "
        "Route Firewall NetworkFirewallPolicy NetworkFirewallPolicyRule NetworkPeering "
        "NetworkPeeringRoutesConfig Instance InstanceTemplate RegionInstanceTemplate "
        "InstanceGroupManager RegionInstanceGroupManager Autoscaler RegionAutoscaler Disk "
        "RegionDisk Snapshot ResourcePolicy Image HealthCheck RegionHealthCheck BackendService "
        "RegionBackendService BackendBucket URLMap RegionUrlMap TargetHttpProxy TargetHttpsProxy "
        "RegionTargetHttpProxy RegionTargetHttpsProxy ForwardingRule "
        "GlobalForwardingRule "
        "SSLPolicy ManagedSslCertificate SecurityPolicy NetworkEndpointGroup "
        "RegionNetworkEndpointGroup "
        "HaVpnGateway SharedVPCHostProject SharedVPCServiceProject"
    ),
    "container": "Cluster NodePool",
    "dns": "ManagedZone RecordSet Policy ResponsePolicy",
    "filestore": "Instance",
    "firestore": "Database Index",
    "gkebackup": "BackupPlan",
    "gkehub": "Membership Feature Fleet",
    "iam": "WorkloadIdentityPool WorkloadIdentityPoolProvider",
    "kms": "KeyRing CryptoKey",
    "logging": "ProjectSink ProjectBucketConfig Metric",
    "memorystore": "Instance",
    "monitoring": "AlertPolicy NotificationChannel Dashboard UptimeCheckConfig Slo CustomService",
    "networkconnectivity": "ServiceConnectionPolicy",
    "organizations": "IAMCustomRole Project Folder",
    "orgpolicy": "Policy",
    "projects": "Service IAMCustomRole IAMAuditConfig ServiceIdentity",
    "pubsub": "Topic Subscription Schema",
    "redis": "Instance Cluster",
    "secretmanager": "Secret SecretVersion RegionalSecret RegionalSecretVersion",
    "serviceaccount": "Account",
    "servicenetworking": "Connection",
    "spanner": "Instance Database",
    "sql": "DatabaseInstance Database User",
    "storage": "Bucket BucketObject Notification",
    "vpcaccess": "Connector",
}
TYPES: Final = re.compile(
    "|".join(rf"gcp:{module}/\w+:(?:{'|'.join(kinds.split())})" for module, kinds in _KNOWN.items())
    # A rule judges every grant by its kind.
    + r"|gcp:\w+/\w+:\w*(?i:iam(?:member|binding|policy)|acl|accesscontrol)"
)
