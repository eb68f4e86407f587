"""Resources of Google Cloud of every day's work."""

from typing import Final

from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import changed, resource
from tests.unit.guardrails.legitimate.common import (
    CLUSTER,
    DATABASE,
    LIMIT,
    LIMITED_ROLE,
    MEMBER,
    NODE_POOL,
)

LEGITIMATE: Final[dict[str, list[Resource]]] = {
    "a cluster": [CLUSTER, NODE_POOL],
    "an Autopilot cluster": [
        resource(
            "gcp:container/cluster:Cluster",
            enableAutopilot=True,
            clusterAutoscaling={
                "autoProvisioningDefaults": {"serviceAccount": "n@pets.iam.gserviceaccount.com"}
            },
            privateClusterConfig={"enablePrivateEndpoint": True, "enablePrivateNodes": True},
            releaseChannel={"channel": "REGULAR"},
        )
    ],
    "a database": [
        DATABASE,
        resource("gcp:sql/database:Database", instance="a"),
        resource("gcp:sql/user:User", name="a"),
    ],
    "a bucket": [
        resource(
            "gcp:storage/bucket:Bucket",
            location="EU",
            uniformBucketLevelAccess=True,
            publicAccessPrevention="enforced",
            versioning={"enabled": True},
        )
    ],
    "a VPC": [
        resource("gcp:compute/network:Network", autoCreateSubnetworks=False),
        resource(
            "gcp:compute/subnetwork:Subnetwork",
            ipCidrRange="10.0.0.0/20",
            privateIpGoogleAccess=True,
            logConfig={"flowSampling": 0.5},
        ),
        resource("gcp:compute/router:Router"),
        resource("gcp:compute/routerNat:RouterNat", natIpAllocateOption="AUTO_ONLY"),
        resource(
            "gcp:compute/route:Route",
            destRange="0.0.0.0/0",
            nextHopGateway="default-internet-gateway",
        ),
        resource(
            "gcp:servicenetworking/connection:Connection",
            service="servicenetworking.googleapis.com",
        ),
    ],
    "firewalls": [
        resource(
            "gcp:compute/firewall:Firewall",
            allows=[{"protocol": "tcp", "ports": ["443"]}],
            sourceRanges=["35.191.0.0/16", "130.211.0.0/22", "10.0.0.0/8"],
        ),
        resource(
            "gcp:compute/firewall:Firewall",
            denies=[{"protocol": "all"}],
            sourceRanges=["0.0.0.0/0"],
        ),
        resource(
            "gcp:compute/firewall:Firewall",
            direction="EGRESS",
            denies=[{"protocol": "all"}],
            destinationRanges=["0.0.0.0/0"],
        ),
    ],
    "a virtual machine": [
        resource(
            "gcp:compute/instance:Instance",
            machineType="e2-small",
            networkInterfaces=[{"subnetwork": "a"}],
            shieldedInstanceConfig={"enableSecureBoot": True},
            serviceAccount={
                "email": "vm@pets.iam.gserviceaccount.com",
                "scopes": ["cloud-platform"],
            },
            metadata={"enable-oslogin": "TRUE"},
        )
    ],
    "zones": [
        resource("gcp:dns/managedZone:ManagedZone", dnsName="a.com.", dnssecConfig={"state": "on"}),
        resource("gcp:dns/recordSet:RecordSet", type="A", rrdatas=["192.0.2.1"]),
    ],
    "grants": [
        MEMBER,
        resource(
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            role="roles/storage.objectViewer",
            member="serviceAccount:a@pets.iam.gserviceaccount.com",
        ),
        resource(
            "gcp:serviceaccount/iAMMember:IAMMember",
            role="roles/iam.workloadIdentityUser",
            member="serviceAccount:pets.svc.id.goog[pets/petservice]",
        ),
        resource(
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            role="roles/secretmanager.secretAccessor",
            member="serviceAccount:a@pets.iam.gserviceaccount.com",
        ),
        resource(
            "gcp:projects/iAMCustomRole:IAMCustomRole",
            permissions=["compute.instances.get", "compute.instances.list"],
        ),
    ],
    "a grant of the right to grant two roles": [
        changed(changed(MEMBER, "role", LIMITED_ROLE), "condition", {"expression": LIMIT})
    ],
    "federation": [
        resource("gcp:iam/workloadIdentityPool:WorkloadIdentityPool"),
        resource(
            "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
            attributeCondition='assertion.repository == "example/pets"',
        ),
        resource(
            "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
            attributeCondition="assertion.repository_owner_id in ['1', '2'] "
            "&& assertion.ref == 'refs/heads/main'",
        ),
    ],
    "queues, keys and secrets": [
        resource("gcp:pubsub/topic:Topic"),
        resource("gcp:pubsub/subscription:Subscription", topic="a"),
        resource("gcp:kms/keyRing:KeyRing"),
        resource("gcp:kms/cryptoKey:CryptoKey", rotationPeriod="7776000s"),
        resource("gcp:gkebackup/backupPlan:BackupPlan", cluster="a"),
        resource("gcp:gkebackup/restorePlan:RestorePlan", cluster="a", backupPlan="a"),
        resource(
            "gcp:binaryauthorization/policy:Policy",
            admissionWhitelistPatterns=[{"namePattern": "ghcr.io/team/*"}],
            defaultAdmissionRule={
                "evaluationMode": "REQUIRE_ATTESTATION",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "requireAttestationsBies": ["projects/pets/attestors/ci"],
            },
        ),
        resource("gcp:secretmanager/secret:Secret", replication={"auto": {}}),
        resource("gcp:redis/instance:Instance", authEnabled=True),
        resource(
            "gcp:bigquery/dataset:Dataset", accesses=[{"role": "OWNER", "userByEmail": "a@b"}]
        ),
    ],
    "alerts and logs": [
        resource("gcp:monitoring/alertPolicy:AlertPolicy"),
        resource("gcp:logging/projectSink:ProjectSink", destination="storage.googleapis.com/a"),
    ],
    "an internal load balancer": [
        resource(
            "gcp:compute/forwardingRule:ForwardingRule", loadBalancingScheme="INTERNAL_MANAGED"
        ),
        resource("gcp:compute/sSLPolicy:SSLPolicy", minTlsVersion="TLS_1_2", profile="RESTRICTED"),
    ],
}
