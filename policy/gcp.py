"""Google Cloud: who is granted what, whose identity nodes have, and who reaches a control plane."""

import ipaddress
import re
from collections.abc import Iterator

from policy.rules import Subject, Trouble, resource_rule, unless
from policy.values import UNKNOWN, at, items

_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")
_AUTHORITATIVE = re.compile(r"iam(binding|policy)$", re.IGNORECASE)
_MEMBER = re.compile(r"iammember$", re.IGNORECASE)
# Fewer bits than these name no office and no VPN any more.
_WIDEST_PREFIX = 8


def _grants(subject: Subject) -> Iterator[Trouble]:
    if not subject.type.startswith("gcp:"):
        return
    if _AUTHORITATIVE.search(subject.kind):
        mend = "use the IAMMember of the same resource, which adds a member and removes nobody's"
        yield Trouble("type", subject.type, mend)
    elif _MEMBER.search(subject.kind):
        member, role = at(subject.properties, "member"), at(subject.properties, "role")
        if member in _EVERYBODY:
            yield Trouble("member", member, "name a user, group or service account")
        if role in _BASIC_ROLES:
            yield Trouble("role", role, "grant a predefined role that holds what is needed alone")


def _node_identity(subject: Subject) -> Iterator[Trouble]:
    if not subject.type.startswith("gcp:container/") or subject.kind not in ("Cluster", "NodePool"):
        return
    if at(subject.properties, "enableAutopilot") is True:
        field = "clusterAutoscaling.autoProvisioningDefaults.serviceAccount"
    else:
        field = "nodeConfig.serviceAccount"
    account = at(subject.properties, field)
    if account is UNKNOWN:
        return
    default = not account or account == "default"
    if default or str(account).endswith("-compute@developer.gserviceaccount.com"):
        mend = (
            "give the nodes a service account of their own with "
            "roles/container.defaultNodeServiceAccount"
        )
        yield Trouble(field, account, mend)


def _control_plane(subject: Subject) -> Iterator[Trouble]:
    if subject.type != "gcp:container/cluster:Cluster":
        return
    cluster = subject.properties
    private = "privateClusterConfig.enablePrivateEndpoint"
    networks = "masterAuthorizedNetworksConfig"
    if at(cluster, private) not in (True, UNKNOWN) and at(cluster, f"{networks}.cidrBlocks") in (
        None,
        [],
    ):
        mend = f"set it to true, or name in {networks}.cidrBlocks who may reach the address"
        yield Trouble(private, at(cluster, private), mend)
    for path, block in items(cluster, f"{networks}.cidrBlocks"):
        cidr = at(block, "cidrBlock")
        if cidr is not UNKNOWN and _too_wide(cidr):
            mend = "name the ranges of those who administer the cluster, never everybody's"
            yield Trouble(f"{path}.cidrBlock", cidr, mend)
    yield from unless(
        cluster,
        f"{networks}.gcpPublicCidrsAccessEnabled",
        (False, None),
        "set it to false: every customer's virtual machine is among them",
    )
    yield from unless(
        cluster,
        "privateClusterConfig.enablePrivateNodes",
        (True,),
        "set it to true; Cloud NAT is the nodes' way out",
    )


def _too_wide(cidr: object) -> bool:
    try:
        return ipaddress.ip_network(str(cidr), strict=False).prefixlen < _WIDEST_PREFIX
    except ValueError:
        return True


RULES = (
    resource_rule(
        "iam-adds-members",
        "Grants add a named member to a narrow role: none owns a role or names everybody.",
        _grants,
    ),
    resource_rule(
        "nodes-have-their-own-account",
        "Nodes don't run as the project's default service account.",
        _node_identity,
    ),
    resource_rule(
        "control-plane-is-not-public",
        "A control plane has a private endpoint or authorized networks, and private nodes.",
        _control_plane,
    ),
)
