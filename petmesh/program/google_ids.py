"""The ids of resources in Google Cloud, by which the engine imports them."""

from collections.abc import Mapping
from typing import Any, Final

# Of each kind that can't be created where it is already: its id, by the names of its inputs.
# "Import" in https://github.com/hashicorp/terraform-provider-google/tree/main/website/docs/r
_LOCATED: Final = "projects/{project}/locations/{location}"
_GLOBAL: Final = "projects/{project}/locations/global"
_TEMPLATES: Final[Mapping[str, str]] = {
    "artifactregistry/repository:Repository": _LOCATED + "/repositories/{repositoryId}",
    "certificatemanager/certificate:Certificate": _GLOBAL + "/certificates/{name}",
    "certificatemanager/certificateMap:CertificateMap": _GLOBAL + "/certificateMaps/{name}",
    "certificatemanager/certificateMapEntry:CertificateMapEntry": _GLOBAL
    + "/certificateMaps/{map}/certificateMapEntries/{name}",
    "certificatemanager/dnsAuthorization:DnsAuthorization": _GLOBAL + "/dnsAuthorizations/{name}",
    "compute/address:Address": "projects/{project}/regions/{region}/addresses/{name}",
    "compute/firewall:Firewall": "projects/{project}/global/firewalls/{name}",
    "compute/globalAddress:GlobalAddress": "projects/{project}/global/addresses/{name}",
    "compute/network:Network": "projects/{project}/global/networks/{name}",
    "compute/router:Router": "projects/{project}/regions/{region}/routers/{name}",
    "compute/routerNat:RouterNat": "projects/{project}/regions/{region}/routers/{router}/{name}",
    "compute/sSLPolicy:SSLPolicy": "projects/{project}/global/sslPolicies/{name}",
    "compute/securityPolicy:SecurityPolicy": "projects/{project}/global/securityPolicies/{name}",
    "compute/subnetwork:Subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
    "container/cluster:Cluster": _LOCATED + "/clusters/{name}",
    "container/nodePool:NodePool": "{cluster}/nodePools/{name}",
    "gkebackup/backupPlan:BackupPlan": _LOCATED + "/backupPlans/{name}",
    "gkebackup/restorePlan:RestorePlan": _LOCATED + "/restorePlans/{name}",
    "projects/iAMCustomRole:IAMCustomRole": "projects/{project}/roles/{roleId}",
    "pubsub/topic:Topic": "projects/{project}/topics/{name}",
}


def google_id(type_: str, inputs: Mapping[str, Any], project: str) -> str | None:
    """The id of a resource in Google Cloud; None where it needs none, or a name isn't declared.

    Args:
        type_: The resource's type token, such as `gcp:container/cluster:Cluster`.
        inputs: Its inputs as plain data.
        project: The project of a resource that names none.
    """
    template = _TEMPLATES.get(type_.removeprefix("gcp:"))
    if template is None or not type_.startswith("gcp:"):
        return None
    try:
        return template.format_map({"project": project, **inputs})
    except KeyError:
        return None
