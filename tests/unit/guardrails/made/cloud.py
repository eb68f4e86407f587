"""Resources of Google Cloud that no stack has."""

from petmesh.program.declaration import UNKNOWN
from tests.unit.guardrails.judged import resource
from tests.unit.guardrails.legitimate import LEGITIMATE
from tests.unit.guardrails.made.common import OFFICE, OWN, PRIVATE, LetThrough, Refused, cluster

# What no stack may have: the rules, the resources and what is said.
REFUSED: Refused = {
    "a public endpoint": (
        "control-plane-is-not-public",
        [cluster(nodeConfig=OWN, privateClusterConfig=PRIVATE)],
        "enablePrivateEndpoint is false: set it to true, or name in",
    ),
    "IP endpoints of which one is public": (
        "control-plane-is-not-public",
        [
            cluster(
                nodeConfig=OWN,
                privateClusterConfig={"enablePrivateNodes": True},
                controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": True}},
            )
        ],
        "enablePrivateEndpoint is not set: set it to true, or name in",
    ),
    "an authoritative binding": (
        "iam-adds-members",
        [resource("gcp:projects/iAMBinding:IAMBinding", role="roles/container.admin")],
        'IAMBinding made: type is "gcp:projects/iAMBinding:IAMBinding": use the IAMMember',
    ),
    "an authoritative policy": (
        "iam-adds-members",
        [resource("gcp:storage/bucketIAMPolicy:BucketIAMPolicy")],
        "BucketIAMPolicy made: type is",
    ),
    "a repository's binding": (
        "iam-adds-members",
        [resource("gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding")],
        "use the IAMMember",
    ),
    "an access list of a bucket": (
        "iam-adds-members",
        [resource("gcp:storage/bucketACL:BucketACL", roleEntities=["READER:allUsers"])],
        "use a BucketIAMMember",
    ),
    "a pool within a cluster, on the default account": (
        "nodes-have-their-own-account",
        [cluster(nodePools=[{"nodeConfig": OWN}, {"nodeConfig": {}}])],
        "nodePools[1].nodeConfig.serviceAccount is not set",
    ),
    "pools that a cluster makes by itself, on the default account": (
        "nodes-have-their-own-account",
        [cluster(nodeConfig=OWN, clusterAutoscaling={"enabled": True})],
        "clusterAutoscaling.autoProvisioningDefaults.serviceAccount is not set",
    ),
    "a virtual machine on the default account": (
        "nodes-have-their-own-account",
        [
            resource(
                "gcp:compute/instanceTemplate:InstanceTemplate",
                serviceAccount={"scopes": ["cloud-platform"]},
            )
        ],
        "serviceAccount.email is not set",
    ),
    "a pool of public nodes within a cluster": (
        "control-plane-is-not-public",
        [
            cluster(
                nodePools=[{"nodeConfig": OWN, "networkConfig": {"enablePrivateNodes": False}}],
            )
        ],
        "nodePools[0].networkConfig.enablePrivateNodes is false",
    ),
    "an autopilot cluster on the default account": (
        "nodes-have-their-own-account",
        [cluster(enableAutopilot=True)],
        "clusterAutoscaling.autoProvisioningDefaults.serviceAccount is not set",
    ),
    "a cluster that enforces no NetworkPolicy": (
        "clusters-are-hardened",
        [cluster(nodeConfig=OWN, datapathProvider="LEGACY_DATAPATH")],
        'datapathProvider is "LEGACY_DATAPATH": set it to ADVANCED_DATAPATH',
    ),
    "a firewall that lets everybody in": (
        "cloud-is-not-public",
        [
            resource(
                "gcp:compute/firewall:Firewall",
                sourceRanges=["0.0.0.0/0"],
                allows=[{"protocol": "tcp", "ports": ["22"]}],
            )
        ],
        'sourceRanges[0] is "0.0.0.0/0": name who may reach it, never everybody',
    ),
    "a subnet that leaves no trace": (
        "cloud-is-hardened",
        [resource("gcp:compute/subnetwork:Subnetwork", ipCidrRange="10.0.0.0/20")],
        "Subnetwork made: logConfig is not set: set it: flow logs tell who reached whom",
    ),
}
# What a rule lets pass: its name and the resources.
ALLOWED: LetThrough = {
    "a member of a predefined role": (
        "iam-adds-members",
        [
            resource(
                "gcp:projects/iAMMember:IAMMember",
                role="roles/container.developer",
                member="user:a@example.com",
            )
        ],
    ),
    "an account that isn't known yet": (
        "nodes-have-their-own-account",
        [resource("gcp:container/nodePool:NodePool", nodeConfig={"serviceAccount": UNKNOWN})],
    ),
    "authorized networks": (
        "control-plane-is-not-public",
        [
            cluster(
                nodeConfig=OWN,
                privateClusterConfig=PRIVATE,
                masterAuthorizedNetworksConfig=OFFICE,
            )
        ],
    ),
    "no address but its DNS endpoint": (
        "control-plane-is-not-public",
        [
            cluster(
                nodePools=[{"nodeConfig": OWN}],
                privateClusterConfig=PRIVATE,
                controlPlaneEndpointsConfig={"ipEndpointsConfig": {"enabled": False}},
            ),
            resource("gcp:container/nodePool:NodePool", nodeConfig=OWN),
        ],
    ),
    "a role of roles on one account": (
        "iam-adds-members",
        [
            resource(
                "gcp:serviceaccount/iAMMember:IAMMember",
                role="roles/iam.serviceAccountTokenCreator",
                member="serviceAccount:a@pets.iam.gserviceaccount.com",
            )
        ],
    ),
    "a virtual machine without an account": (
        "nodes-have-their-own-account",
        [resource("gcp:compute/instance:Instance")],
    ),
    "a hardened cluster": ("clusters-are-hardened", LEGITIMATE["a cluster"]),
    "keys that are rotated": ("cloud-is-hardened", LEGITIMATE["queues, keys and secrets"]),
    "a private database": ("cloud-is-not-public", LEGITIMATE["a database"]),
}
