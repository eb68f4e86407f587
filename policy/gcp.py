"""Google Cloud: who is granted what, whose identity nodes have, and who reaches a control plane."""

import re
from collections.abc import Iterator
from typing import Any

from policy.ranges import names_nobody
from policy.rules import Subject, Trouble, resource_rule, unless
from policy.values import UNKNOWN, at, items

_AUTHORITATIVE = re.compile(r"iam(binding|policy)$", re.IGNORECASE)
_MEMBER = re.compile(r"iammember$", re.IGNORECASE)
_ACCESS_LIST = re.compile(r"gcp:storage/.*(acl|accesscontrol)$", re.IGNORECASE)
_EVERYBODY = re.compile(r"all(?:Authenticated)?Users|domain:.*|principalSet:.*/\*")
_BASIC_ROLE = re.compile(r"roles/(?:owner|editor|viewer|admin|writer|reader)")
# Who holds one of these on more than one account or resource can make itself anything else.
_ROLE_OF_ROLES = re.compile(
    r"roles/(?:iam\.(?:\w*Admin|\w*TokenCreator|serviceAccountUser)|resourcemanager\.\w*Admin)"
)
_WIDE = ("gcp:projects/", "gcp:folder/", "gcp:organizations/")
_CLUSTER, _NODE_POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
_NODES = "nodeConfig.serviceAccount"
_PROVISIONED = "clusterAutoscaling.autoProvisioningDefaults.serviceAccount"
_DEFAULT_ACCOUNTS = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")


def _grants(subject: Subject) -> Iterator[Trouble]:
    if not subject.type.startswith("gcp:"):
        return
    if _AUTHORITATIVE.search(subject.kind):
        mend = "use the IAMMember of the same resource, which adds a member and removes nobody's"
        yield Trouble("type", subject.type, mend)
    elif _ACCESS_LIST.match(subject.type):
        mend = "use a BucketIAMMember, and uniformBucketLevelAccess on the bucket"
        yield Trouble("type", subject.type, mend)
    elif _MEMBER.search(subject.kind):
        member, role = at(subject.properties, "member"), str(at(subject.properties, "role"))
        if _EVERYBODY.fullmatch(str(member)):
            yield Trouble("member", member, "name a user, group or service account")
        if _BASIC_ROLE.fullmatch(role):
            yield Trouble("role", role, "grant a predefined role that holds what is needed alone")
        elif subject.type.startswith(_WIDE) and _ROLE_OF_ROLES.fullmatch(role):
            mend = "grant it on the one account or resource that it is needed for"
            yield Trouble("role", role, mend)


def _node_identity(subject: Subject) -> Iterator[Trouble]:
    for field, account in _accounts(subject):
        if account is UNKNOWN:
            continue
        if account in (None, "", "default") or str(account).endswith(_DEFAULT_ACCOUNTS):
            mend = (
                "give the nodes a service account of their own with what they need alone: in GKE "
                "roles/container.defaultNodeServiceAccount"
            )
            yield Trouble(field, account, mend)


def _accounts(subject: Subject) -> Iterator[tuple[str, Any]]:
    """The service account of all machines that a resource makes, each with its path."""
    if subject.type == _CLUSTER:
        cluster = subject.properties
        pools, autopilot = items(cluster, "nodePools"), at(cluster, "enableAutopilot") is True
        for path, pool in pools:
            yield f"{path}.{_NODES}", at(pool, _NODES)
        if autopilot or at(cluster, "clusterAutoscaling.enabled") is True:
            yield _PROVISIONED, at(cluster, _PROVISIONED)
        if not pools and not autopilot:
            yield _NODES, at(cluster, _NODES)
    elif subject.type == _NODE_POOL:
        yield _NODES, at(subject.properties, _NODES)
    elif subject.type.startswith("gcp:compute/") and at(subject.properties, "serviceAccount"):
        # A virtual machine that names none has none.
        yield "serviceAccount.email", at(subject.properties, "serviceAccount.email")


def _control_plane(subject: Subject) -> Iterator[Trouble]:
    if subject.type not in (_CLUSTER, _NODE_POOL):
        return
    mend = "set it to true; Cloud NAT is the nodes' way out"
    private_nodes = "networkConfig.enablePrivateNodes"
    if subject.type == _NODE_POOL:
        yield from unless(subject.properties, private_nodes, (True, None), mend)
        return
    cluster = subject.properties
    yield from unless(cluster, "privateClusterConfig.enablePrivateNodes", (True,), mend)
    for path, pool in items(cluster, "nodePools"):
        yield from unless(pool, private_nodes, (True, None), mend, within=path)
    yield from _endpoint(cluster)


def _endpoint(cluster: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    private = "privateClusterConfig.enablePrivateEndpoint"
    networks = "masterAuthorizedNetworksConfig"
    # Without addresses its DNS endpoint is the way in, which IAM guards.
    has_address = at(cluster, "controlPlaneEndpointsConfig.ipEndpointsConfig.enabled") is not False
    is_public = has_address and at(cluster, private) not in (True, UNKNOWN)
    if is_public and at(cluster, f"{networks}.cidrBlocks") in (None, []):
        mend = f"set it to true, or name in {networks}.cidrBlocks who may reach the address"
        yield Trouble(private, at(cluster, private), mend)
    for path, block in items(cluster, f"{networks}.cidrBlocks"):
        cidr = at(block, "cidrBlock")
        if names_nobody(cidr):
            mend = "name the ranges of those who administer the cluster, never everybody's"
            yield Trouble(f"{path}.cidrBlock", cidr, mend)
    yield from unless(
        cluster,
        f"{networks}.gcpPublicCidrsAccessEnabled",
        (False, None),
        "set it to false: every customer's virtual machine is among them",
    )


RULES = (
    resource_rule(
        "iam-adds-members",
        "Grants add a named member to a narrow role: none owns a role, names everybody or "
        "hands out roles.",
        _grants,
    ),
    resource_rule(
        "nodes-have-their-own-account",
        "No node or virtual machine runs as the project's default service account.",
        _node_identity,
    ),
    resource_rule(
        "control-plane-is-not-public",
        "A control plane has a private endpoint or authorized networks, and private nodes.",
        _control_plane,
    ),
)
