"""Insecure resources of Google Cloud."""

from typing import Any

from tests.unit.guardrails.insecure.variants import Data, Variants, each, variants_of
from tests.unit.guardrails.judged import ABSENT, changed, resource
from tests.unit.guardrails.legitimate.common import (
    CLUSTER,
    DATABASE,
    LIMIT,
    LIMITED_ROLE,
    MEMBER,
    NODE_POOL,
)


def cloud() -> Variants:
    fields: dict[str, tuple[Any, ...]] = {
        "privateClusterConfig.enablePrivateNodes": (False, ABSENT),
        "privateClusterConfig.enablePrivateEndpoint": (False, ABSENT),
        "privateClusterConfig": (ABSENT,),
        "masterAuthorizedNetworksConfig": (
            {"cidrBlocks": [{"cidrBlock": "0.0.0.0/0"}]},
            {"cidrBlocks": [{"cidrBlock": "10.0.0.0/7"}]},
            {"gcpPublicCidrsAccessEnabled": True},
        ),
        "enableLegacyAbac": (True,),
        "controlPlaneEndpointsConfig": (
            {"dnsEndpointConfig": {"enableK8sTokensViaDns": True}},
            {"dnsEndpointConfig": {"enableK8sCertsViaDns": True}},
        ),
        "enableKubernetesAlpha": (True,),
        "enableShieldedNodes": (False,),
        "enableIntranodeVisibility": (False,),
        "allowNetAdmin": (True,),
        "anonymousAuthenticationConfig": ({"mode": "ENABLED"},),
        "masterAuth": (
            {"clientCertificateConfig": {"issueClientCertificate": True}},
            {"username": "admin"},
            {"password": "hunter2"},
        ),
        "datapathProvider": ("LEGACY_DATAPATH", "DATAPATH_PROVIDER_UNSPECIFIED", ABSENT),
        "networkingMode": ("ROUTES",),
        "releaseChannel": ({"channel": "UNSPECIFIED"},),
        "loggingService": ("none",),
        "monitoringService": ("none",),
        "loggingConfig": ({"enableComponents": []}, {"enableComponents": ["WORKLOADS"]}),
        "monitoringConfig": ({"enableComponents": []},),
        "securityPostureConfig": ({"mode": "DISABLED"},),
        "workloadIdentityConfig": (ABSENT,),
        "addonsConfig": (
            {"kubernetesDashboard": {"disabled": False}},
            {"networkPolicyConfig": {"disabled": True}},
        ),
        "rbacBindingConfig": (
            {"enableInsecureBindingSystemAuthenticated": True},
            {"enableInsecureBindingSystemUnauthenticated": True},
        ),
        "nodePoolDefaults": (
            {"nodeConfigDefaults": {"insecureKubeletReadonlyPortEnabled": "TRUE"}},
        ),
        "nodePools": ([{"nodeConfig": {}}], [{"networkConfig": {"enablePrivateNodes": False}}]),
    }
    yield from variants_of(CLUSTER, fields)
    nodes: dict[str, tuple[Any, ...]] = {
        "nodeConfig.serviceAccount": (
            *(ABSENT, "default", "1-compute@developer.gserviceaccount.com"),
            "pets@appspot.gserviceaccount.com",
        ),
        "nodeConfig.shieldedInstanceConfig": (
            {"enableSecureBoot": False},
            {"enableIntegrityMonitoring": False},
        ),
        "nodeConfig.metadata": (
            {"disable-legacy-endpoints": "false"},
            {"ssh-keys": "a"},
            {"serial-port-enable": "true"},
        ),
        "nodeConfig.workloadMetadataConfig": ({"mode": "GCE_METADATA"},),
        "nodeConfig.imageType": ("UBUNTU_CONTAINERD", "COS"),
        "nodeConfig.kubeletConfig": ({"insecureKubeletReadonlyPortEnabled": "TRUE"},),
    }
    yield from variants_of(NODE_POOL, nodes)
    yield from variants_of(CLUSTER, nodes)
    pool: dict[str, tuple[Any, ...]] = {
        "networkConfig": ({"enablePrivateNodes": False},),
        "management": ({"autoRepair": False}, {"autoUpgrade": False}),
    }
    yield from variants_of(NODE_POOL, pool)
    members: dict[str, tuple[Any, ...]] = {
        "member": (
            *("allUsers", "allAuthenticatedUsers", "domain:example.com"),
            "principalSet://iam.googleapis.com/projects/1/locations/global/pools/github/*",
        ),
        "role": (
            *("roles/owner", "roles/editor", "roles/viewer"),
            *("roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"),
            *("roles/iam.serviceAccountKeyAdmin", "roles/iam.securityAdmin"),
            *("roles/iam.workloadIdentityPoolAdmin", "roles/iam.roleAdmin"),
            *("roles/resourcemanager.projectIamAdmin", "roles/resourcemanager.folderAdmin"),
            "roles/iam.workloadIdentityUser",
        ),
    }
    yield from variants_of(MEMBER, members)
    limited = changed(MEMBER, "condition", {"title": "limited", "expression": LIMIT})
    wider = (
        *("roles/iam.securityAdmin", "roles/resourcemanager.folderAdmin"),
        *("roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"),
    )
    yield from variants_of(limited, {"role": wider})
    near_misses = (
        *(LIMIT.replace("roles/container.viewer", each) for each in (*wider, LIMITED_ROLE)),
        *(LIMIT.replace("roles/container.viewer", each) for each in ("roles/owner", "roles/*")),
        LIMIT.replace("roles/container.viewer", "projects/pets/roles/custom"),
        *(f"{LIMIT} || true", f"true || {LIMIT}", f"!{LIMIT}", f"{LIMIT}\n|| true", "true", ""),
        LIMIT.replace("hasOnly", "hasAny"),
        LIMIT.replace("modifiedGrantsByRole", "modifiedGrantsByRoles"),
        LIMIT.replace(", [])", ", ['roles/owner'])"),
        LIMIT.replace("['roles/container.admin', 'roles/container.viewer']", "[]"),
        None,
    )
    yield from variants_of(
        changed(limited, "role", LIMITED_ROLE),
        {"condition.expression": near_misses, "condition": (ABSENT, {"title": LIMIT})},
    )
    for kind in ("IAMBinding", "IAMPolicy", "BucketIAMPolicy", "RepositoryIamBinding"):
        yield kind, [resource(f"gcp:projects/x:{kind}", role="roles/run.viewer")]
    for permission in (
        *("resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.actAs"),
        *("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signBlob", "storage.*"),
        *("iam.serviceAccountKeys.create", "iam.roles.update", "secretmanager.versions.access"),
        *("iam.serviceAccounts.implicitDelegation", "storage.buckets.setIamPolicy"),
    ):
        yield (
            f"custom role {permission}",
            [resource("gcp:projects/iAMCustomRole:IAMCustomRole", permissions=[permission])],
        )
    firewall = "gcp:compute/firewall:Firewall"
    tcp = [{"protocol": "tcp", "ports": ["22"]}]
    for given in each(
        *({"sourceRanges": [cidr], "allows": tcp} for cidr in ("0.0.0.0/0", "::/0", "0.0.0.0/1")),
        {"allows": tcp},
        {"allows": tcp, "direction": "INGRESS", "sourceRanges": []},
        {"sourceRanges": ["10.0.0.0/8"], "allows": [{"protocol": "all"}]},
    ):
        yield f"firewall {given}", [resource(firewall, **given)]
    match: Data = {"match": {"srcIpRanges": ["0.0.0.0/0"]}}
    yield "firewall policy", [resource("gcp:compute/x:NetworkFirewallPolicyRule", **match)]
    own = {"email": "vm@pets.iam.gserviceaccount.com", "scopes": ["cloud-platform"]}
    for kind in ("Instance", "InstanceTemplate"):
        for given in each(
            {"networkInterfaces": [{"network": "a", "accessConfigs": [{}]}]},
            {"networkInterfaces": [{"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]},
            {"canIpForward": True},
            {"shieldedInstanceConfig": {"enableSecureBoot": False}},
            {"metadata": {"ssh-keys": "root:a"}},
            {"metadata": {"serial-port-enable": "true"}},
            {"metadata": {"enable-oslogin": "FALSE"}},
            {"metadata": {"block-project-ssh-keys": "false"}},
            {"metadata": {"startup-script": "export DB_PASSWORD=hunter2"}},
            {"serviceAccount": {"scopes": ["cloud-platform"]}},
        ):
            good: Data = {"serviceAccount": own, "networkInterfaces": [{"network": "a"}]}
            yield f"{kind} {given}", [resource(f"gcp:compute/x:{kind}", **{**good, **given})]
    database: dict[str, tuple[Any, ...]] = {
        "settings.ipConfiguration.ipv4Enabled": (True, ABSENT),
        "settings.ipConfiguration.sslMode": ("ALLOW_UNENCRYPTED_AND_ENCRYPTED",),
        "settings.ipConfiguration.requireSsl": (False,),
        "settings.ipConfiguration.authorizedNetworks": ([{"value": "0.0.0.0/0"}],),
    }
    yield from variants_of(DATABASE, database)
    cases: list[tuple[str, Data]] = [
        ("storage/x:Bucket", {}),
        ("storage/x:Bucket", {"uniformBucketLevelAccess": False}),
        (
            "storage/x:Bucket",
            {"uniformBucketLevelAccess": True, "publicAccessPrevention": "inherited"},
        ),
        ("storage/x:BucketObject", {"predefinedAcl": "publicRead"}),
        ("bigquery/x:Dataset", {"accesses": [{"specialGroup": "allAuthenticatedUsers"}]}),
        ("bigquery/x:Dataset", {"accesses": [{"iamMember": "allUsers"}]}),
        ("compute/x:Network", {"autoCreateSubnetworks": True}),
        ("compute/x:Network", {}),
        ("compute/x:Subnetwork", {"privateIpGoogleAccess": False}),
        ("compute/x:Subnetwork", {"ipv6AccessType": "EXTERNAL"}),
        ("compute/x:ForwardingRule", {"loadBalancingScheme": "EXTERNAL"}),
        ("compute/x:GlobalForwardingRule", {"loadBalancingScheme": "EXTERNAL_MANAGED"}),
        ("compute/x:SSLPolicy", {"minTlsVersion": "TLS_1_0", "profile": "MODERN"}),
        ("compute/x:SSLPolicy", {"minTlsVersion": "TLS_1_2", "profile": "COMPATIBLE"}),
        ("compute/x:SSLPolicy", {}),
        ("iam/x:WorkloadIdentityPoolProvider", {"oidc": {"issuerUri": "https://a"}}),
        ("iam/x:WorkloadIdentityPoolProvider", {"attributeCondition": "true"}),
        ("iam/x:WorkloadIdentityPoolProvider", {"attributeCondition": ""}),
        ("redis/x:Instance", {"authEnabled": False}),
        ("redis/x:Instance", {"transitEncryptionMode": "DISABLED"}),
        ("dns/x:ManagedZone", {"dnssecConfig": {"state": "off"}}),
        ("projects/x:IAMAuditConfig", {"auditLogConfigs": [{"exemptedMembers": ["user:a"]}]}),
        (
            "artifactregistry/x:Repository",
            {"vulnerabilityScanningConfig": {"enablementConfig": "DISABLED"}},
        ),
        ("organizations/x:Project", {"autoCreateNetwork": True}),
    ]
    for type_, given in cases:
        yield f"{type_} {given}", [resource(f"gcp:{type_}", **given)]
