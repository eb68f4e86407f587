"""Google Cloud: who is granted what, whose identity nodes have, and what is open to the internet.

Source:
    https://www.cisecurity.org/benchmark/kubernetes, the benchmark for GKE
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from policy.ranges import names_nobody
from policy.rules import resource_rule, unless
from policy.shape import ANY, KEPT, NO, OFF, ON, OPEN, Shape, judge, only
from policy.subject import Subject, Trouble
from policy.values import UNKNOWN, at, items, strings

_AUTHORITATIVE = re.compile(r"iam(binding|policy)$", re.IGNORECASE)
_MEMBER = re.compile(r"iammember$", re.IGNORECASE)
_ACCESS_LIST = re.compile(r"gcp:storage/.*(acl|accesscontrol)$", re.IGNORECASE)
_EVERYBODY = re.compile(r"all(?:Authenticated)?Users|domain:.*|principalSet:.*/\*")
_ANYONE = re.compile(r"allUsers|allAuthenticatedUsers|public-?Read(?:Write)?", re.IGNORECASE)
_BASIC_ROLE = re.compile(r"roles/(?:owner|editor|viewer|admin|writer|reader)")
# Who holds one of these on more than one account or resource can make itself anything else.
_ROLE_OF_ROLES = re.compile(
    r"roles/(?:iam\.(?:\w*Admin|\w*TokenCreator|serviceAccountUser|workloadIdentityUser)"
    r"|resourcemanager\.\w*Admin)"
)
# A condition by which its holder hands out the roles that it names and no other, in Google's words.
# https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
_LIMITED_ROLE = "roles/resourcemanager.projectIamAdmin"
_LIMIT = re.compile(
    r"api\.getAttribute\('iam\.googleapis\.com/modifiedGrantsByRole', \[\]\)"
    r"\.hasOnly\(\['(roles/[\w.]+(?:', ?'roles/[\w.]+)*)'\]\)"
)
# A permission by which its holder makes itself anything else, or another.
_PERMISSION = re.compile(
    r".*\.setIamPolicy|iam\.serviceAccounts\.(?:actAs|get\w*Token|sign\w+|implicitDelegation)"
    r"|iam\.serviceAccountKeys\.create|iam\.roles\.(?:create|update)|.*\*.*"
    r"|secretmanager\.versions\.access|container\.clusters\.getCredentials\*"
)
_WIDE = ("gcp:projects/", "gcp:folder/", "gcp:organizations/")
_CLUSTER, _NODE_POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
_NODES = "nodeConfig.serviceAccount"
_PROVISIONED = "clusterAutoscaling.autoProvisioningDefaults.serviceAccount"
_DEFAULT_ACCOUNTS = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")
_INTERNET = ("0.0.0.0/0", "::/0")


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
        yield from _member(subject)
    else:
        for path, text in strings(subject.properties):
            if _ANYONE.fullmatch(text):
                yield Trouble(path, text, "name a user, group or service account")
            elif path.startswith("permissions[") and _PERMISSION.fullmatch(text):
                mend = "remove it: who holds it can make itself anything else"
                yield Trouble(path, text, mend)


def _member(subject: Subject) -> Iterator[Trouble]:
    member, role = at(subject.properties, "member"), str(at(subject.properties, "role"))
    if _EVERYBODY.fullmatch(str(member)):
        yield Trouble("member", member, "name a user, group or service account")
    if _BASIC_ROLE.fullmatch(role):
        yield Trouble("role", role, "grant a predefined role that holds what is needed alone")
    elif subject.type.startswith(_WIDE) and _ROLE_OF_ROLES.fullmatch(role):
        if role == _LIMITED_ROLE and _limits(at(subject.properties, "condition.expression")):
            return
        mend = "grant it on the one account or resource that it is needed for"
        yield Trouble("role", role, mend)


def _limits(condition: Any) -> bool:  # noqa: ANN401 (data)
    """Whether a condition names the roles that may be handed out, of which none hands out any."""
    if condition is UNKNOWN:
        return True
    limit = _LIMIT.fullmatch(str(condition))
    return limit is not None and not any(
        _BASIC_ROLE.fullmatch(role) or _ROLE_OF_ROLES.fullmatch(role)
        for role in re.split("', ?'", limit[1])
    )


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


_NODE: Final[dict[str, Shape]] = {
    "shieldedInstanceConfig": {"enableSecureBoot": KEPT, "enableIntegrityMonitoring": KEPT},
    "metadata": {
        "disable-legacy-endpoints": only("true", None, mend="set it to true"),
        "serial-port-enable": only("false", None),
        "ssh-keys": only(None, mend="remove it: OS Login grants access by IAM"),
        **OPEN,
    },
    "workloadMetadataConfig": {
        "mode": only("GKE_METADATA", None, mend="set it to GKE_METADATA: pods get their own token")
    },
    "imageType": only("COS_CONTAINERD", None, mend="set it to COS_CONTAINERD"),
    "kubeletConfig": {"insecureKubeletReadonlyPortEnabled": only("FALSE", None), **OPEN},
    **OPEN,
}
_POOL: Final[dict[str, Shape]] = {
    "nodeConfig": _NODE,
    "management": {"autoRepair": KEPT, "autoUpgrade": KEPT},
    **OPEN,
}


def _enforced(path: str, cluster: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    """Whether a cluster enforces NetworkPolicies and gives pods identities of their own."""
    if at(cluster, "enableAutopilot") is True:
        return
    datapath, policies = at(cluster, "datapathProvider"), at(cluster, "networkPolicy.enabled")
    if datapath not in ("ADVANCED_DATAPATH", UNKNOWN) and policies not in (True, UNKNOWN):
        mend = "set it to ADVANCED_DATAPATH: nothing holds to a NetworkPolicy otherwise"
        yield Trouble(f"{path}datapathProvider", datapath, mend)
    pool = "workloadIdentityConfig.workloadPool"
    if not at(cluster, pool):
        mend = "name the project's, PROJECT.svc.id.goog: pods have the node's identity otherwise"
        yield Trouble(f"{path}{pool}", at(cluster, pool), mend)


def _logged(path: str, components: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    if components is not None and "SYSTEM_COMPONENTS" not in components:
        yield Trouble(path, components, "add SYSTEM_COMPONENTS")


_CLUSTER_TABLE: Final[dict[str, Shape]] = {
    "enableLegacyAbac": NO,
    "enableKubernetesAlpha": NO,
    "enableShieldedNodes": KEPT,
    "enableIntranodeVisibility": KEPT,
    "allowNetAdmin": NO,
    "anonymousAuthenticationConfig": {"mode": only("LIMITED", None, mend="set it to LIMITED")},
    "masterAuth": {
        "clientCertificateConfig": {"issueClientCertificate": NO, "*": ANY},
        "username": only(None, ""),
        "password": only(None, ""),
        **OPEN,
    },
    "controlPlaneEndpointsConfig": {
        # By IAM alone, never by a token or certificate of the cluster's own.
        "dnsEndpointConfig": {"enableK8sTokensViaDns": NO, "enableK8sCertsViaDns": NO, **OPEN},
        **OPEN,
    },
    "networkingMode": only("VPC_NATIVE", None, mend="set it to VPC_NATIVE"),
    "releaseChannel": {
        "channel": only("RAPID", "REGULAR", "STABLE", "EXTENDED", None, mend="name a channel")
    },
    "loggingService": only("logging.googleapis.com/kubernetes", None),
    "monitoringService": only("monitoring.googleapis.com/kubernetes", None),
    "loggingConfig": {"enableComponents": _logged},
    "monitoringConfig": {"enableComponents": _logged, **OPEN},
    "securityPostureConfig": {
        "mode": only("BASIC", "ENTERPRISE", None, mend="set it to BASIC"),
        **OPEN,
    },
    "workloadIdentityConfig": OPEN,
    "addonsConfig": {
        "kubernetesDashboard": {"disabled": KEPT},
        "networkPolicyConfig": {"disabled": NO},
        **OPEN,
    },
    "rbacBindingConfig": {
        "enableInsecureBindingSystemAuthenticated": NO,
        "enableInsecureBindingSystemUnauthenticated": NO,
    },
    "nodeConfig": _NODE,
    "nodePools[]": _POOL,
    "nodePoolDefaults": {
        "nodeConfigDefaults": {
            "insecureKubeletReadonlyPortEnabled": only("FALSE", None, mend="set it to FALSE"),
            **OPEN,
        }
    },
    **OPEN,
}


def _benchmark(subject: Subject) -> Iterator[Trouble]:
    if subject.type == _CLUSTER:
        yield from judge(_CLUSTER_TABLE, subject.properties)
        yield from _enforced("", subject.properties)
    elif subject.type == _NODE_POOL:
        yield from judge(_POOL, subject.properties)


_INSTANCE: Final[dict[str, Shape]] = {
    "networkInterfaces[]": {
        "accessConfigs": only(None, [], mend="remove it: Cloud NAT is the way out, IAP the way in"),
        "ipv6AccessConfigs": only(None, []),
        **OPEN,
    },
    "canIpForward": NO,
    "shieldedInstanceConfig": {
        "enableSecureBoot": KEPT,
        "enableVtpm": KEPT,
        "enableIntegrityMonitoring": KEPT,
    },
    "metadata": {
        "ssh-keys": only(None, mend="remove it: OS Login grants access by IAM"),
        "serial-port-enable": only("false", "FALSE", None),
        "enable-oslogin": only("TRUE", "true", None, mend="set it to TRUE"),
        "block-project-ssh-keys": only("TRUE", "true", None, mend="set it to TRUE"),
        **OPEN,
    },
    **OPEN,
}


def _condition(path: str, value: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    text = "" if value is None else str(value)
    if not re.search(r"(?:==|\bin\b|startsWith|endsWith|matches)", text):
        mend = "name the organization or repository whose tokens count, as in assertion.repository"
        yield Trouble(path, value, mend)


_INTERNAL = only(
    "INTERNAL", "INTERNAL_MANAGED", "", None, mend="set it to INTERNAL_MANAGED, or INTERNAL"
)
_TABLES: Final[dict[str, Shape]] = {
    "compute:Instance": _INSTANCE,
    "compute:InstanceTemplate": _INSTANCE,
    "compute:RegionInstanceTemplate": _INSTANCE,
    "compute:Network": {"autoCreateSubnetworks": OFF, **OPEN},
    "compute:Subnetwork": {
        "privateIpGoogleAccess": KEPT,
        "ipv6AccessType": only("INTERNAL", None),
        **OPEN,
    },
    "compute:ForwardingRule": {"loadBalancingScheme": _INTERNAL, **OPEN},
    "compute:GlobalForwardingRule": {"loadBalancingScheme": _INTERNAL, **OPEN},
    "compute:SSLPolicy": {
        "minTlsVersion": only("TLS_1_2", "TLS_1_3", mend="set it to TLS_1_2"),
        "profile": only("MODERN", "RESTRICTED", "FIPS_202205", mend="set it to MODERN"),
        **OPEN,
    },
    "storage:Bucket": {
        "uniformBucketLevelAccess": ON,
        "publicAccessPrevention": only("enforced", None, mend="set it to enforced"),
        **OPEN,
    },
    "sql:DatabaseInstance": {
        "settings": {
            "ipConfiguration": {
                "ipv4Enabled": OFF,
                "sslMode": only(
                    *("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED", None),
                    mend="set it to ENCRYPTED_ONLY",
                ),
                "requireSsl": KEPT,
                **OPEN,
            },
            **OPEN,
        },
        **OPEN,
    },
    "iam:WorkloadIdentityPoolProvider": {
        "attributeCondition": _condition,
        **OPEN,
    },
    "dns:ManagedZone": {"dnssecConfig": {"state": only("on", "transfer", None), **OPEN}, **OPEN},
    "redis:Instance": {
        "authEnabled": KEPT,
        "transitEncryptionMode": only("SERVER_AUTHENTICATION", None),
        "connectMode": ANY,
        **OPEN,
    },
    "redis:Cluster": {
        "transitEncryptionMode": only("TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION", None),
        **OPEN,
    },
    "projects:IAMAuditConfig": {"auditLogConfigs[]": {"exemptedMembers": only(None, []), **OPEN}},
    "artifactregistry:Repository": {
        "vulnerabilityScanningConfig": {"enablementConfig": only("INHERITED", None)},
        "dockerConfig": {"immutableTags": KEPT},
        **OPEN,
    },
    "organizations:Project": {"autoCreateNetwork": NO, **OPEN},
    "secretmanager:Secret": OPEN,
}


def _exposed(subject: Subject) -> Iterator[Trouble]:
    if not subject.type.startswith("gcp:"):
        return
    table = _TABLES.get(f"{subject.type.split(':')[1].partition('/')[0]}:{subject.kind}")
    if table is not None:
        yield from judge(table, subject.properties)
    if subject.type == "gcp:compute/firewall:Firewall":
        yield from _firewall(subject.properties)
    elif subject.type not in (_CLUSTER, "gcp:compute/route:Route"):
        for path, text in strings(subject.properties):
            if text in _INTERNET:
                yield Trouble(path, text, "name who may reach it, never everybody")


def _firewall(firewall: Any) -> Iterator[Trouble]:  # noqa: ANN401 (data)
    allows = at(firewall, "allows")
    if at(firewall, "direction") in ("EGRESS", UNKNOWN) or not allows:
        return
    for path, allow in items(firewall, "allows"):
        if at(allow, "protocol") == "all":
            yield Trouble(f"{path}.protocol", "all", "name the protocol and its ports")
    ranges = at(firewall, "sourceRanges")
    tagged = at(firewall, "sourceTags") or at(firewall, "sourceServiceAccounts")
    if not ranges and not tagged:
        yield Trouble("sourceRanges", ranges, "name who may reach it: none stands for everybody")
    for path, cidr in items(firewall, "sourceRanges"):
        if names_nobody(cidr):
            yield Trouble(path, cidr, "name who may reach it, never everybody")


RULES = (
    resource_rule(
        "iam-adds-members",
        "Grants add a named member to a narrow role: none owns a role, names everybody or "
        "hands out roles.",
        "CIS Google Cloud 1.5, 1.6, 5.1",
        _grants,
    ),
    resource_rule(
        "nodes-have-their-own-account",
        "No node or virtual machine runs as the project's default service account.",
        "CIS GKE 5.2.1; CIS Google Cloud 4.1",
        _node_identity,
    ),
    resource_rule(
        "control-plane-is-not-public",
        "A control plane has a private endpoint or authorized networks, and private nodes.",
        "CIS GKE 5.6.3, 5.6.4, 5.6.5",
        _control_plane,
    ),
    resource_rule(
        "clusters-are-hardened",
        "A cluster enforces NetworkPolicies, has Workload Identity, and keeps to the benchmark.",
        "CIS GKE 2.1.1, 4.3.1, 5.2.2, 5.4.1, 5.5.1 to 5.5.7, 5.7.1, 5.8.1",
        _benchmark,
    ),
    resource_rule(
        "cloud-is-not-public",
        "No machine, database, bucket, firewall or load balancer of Google Cloud is open to all.",
        "CIS Google Cloud 3.1, 3.6, 4.9, 5.2, 6.5, 6.6",
        _exposed,
    ),
)
