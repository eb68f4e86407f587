"""What a GKE cluster may have besides, by one key each."""

import inspect
from typing import Any

import pulumi_gcp as gcp
import pytest

from petmesh.guardrails.in_process import violations
from petmesh.program.declaration import Declaration, Resource
from settings.gke import GkeFeatures
from tests.unit.declared import PROJECT, gke, google_managed, is_after
from tests.unit.infra.parts import cluster, node_pool
from tests.unit.settings.reading import KEYS

KEY = f"projects/{PROJECT}/locations/us-central1/keyRings/pets/cryptoKeys/pets"
AGENT = "serviceAccount:service-123456789012@{}.iam.gserviceaccount.com"


def everything() -> Declaration:
    return google_managed(
        labels='["owner=pets"]',
        encryptionKey="create",
        backupSchedule="0 3 * * *",
        upgradeNotifications="true",
        binaryAuthorization="true",
        cloudArmor="true",
    )


def only(stack: Declaration, type_: str) -> Resource:
    [found] = stack.of_type(type_)
    return found


# By itself, beside what it needs: all of them together are the stack prod.
ALONE: dict[str, dict[str, str]] = {
    "labels": {"labels": '["owner=pets"]'},
    "kubernetesVersion": {"kubernetesVersion": "1.34"},
    "maintenanceExclusions": {"maintenanceExclusions": '["2026-11-20/2027-01-05"]'},
    "rbacGroup": {"rbacGroup": "gke-security-groups@example.com"},
    "binaryAuthorization": {"binaryAuthorization": "true"},
    "attestors": {
        "binaryAuthorization": "true",
        "attestors": f'["projects/{PROJECT}/attestors/ci"]',
    },
    "admittedImages": {"binaryAuthorization": "true", "admittedImages": '["ghcr.io/team/*"]'},
    "encryptionKey": {"encryptionKey": KEY},
    "confidentialNodes": {"machineType": "n2d-standard-4", "confidentialNodes": "SEV"},
    "spotNodes": {"spotNodes": "true"},
    "nodeUpgrades": {"nodeUpgrades": "blueGreen"},
    "upgradeNotifications": {"upgradeNotifications": "true"},
    "backupSchedule": {"backupSchedule": "0 3 * * *"},
    "backupRetentionDays": {"backupSchedule": "0 3 * * *", "backupRetentionDays": "7"},
    "cloudArmor": {
        "cloudArmor": "true",
        "ingressTls": "googleManaged",
        "ingressServiceType": "ClusterIP",
        "ingressHosts": '["pets.example.com"]',
    },
    "secretManager": {"secretManager": "true"},
    "verticalPodAutoscaling": {"verticalPodAutoscaling": "true"},
}


def test_each_feature_changes_what_is_declared() -> None:
    assert set(ALONE) == {name for name, key in KEYS.items() if key in GkeFeatures.model_fields}
    for feature, config in ALONE.items():
        without = {key: value for key, value in config.items() if key != feature}
        assert gke(**config).resources != gke(**without).resources, feature


@pytest.mark.parametrize("feature", ALONE)
def test_no_feature_by_itself_breaks_a_guard_rail(feature: str) -> None:
    assert not violations(gke(**ALONE[feature]))


# Labels


def takes_labels(resource: Resource) -> bool:
    """Whether the provider's SDK has labels for a resource."""
    module, _, kind = resource.type.removeprefix("gcp:").partition("/")
    declared: Any = getattr(getattr(gcp, module), f"{kind.rpartition(':')[2]}Args")
    return "labels" in inspect.signature(declared).parameters


def test_everything_in_google_cloud_that_takes_labels_has_the_stacks() -> None:
    labels = {"stack": "dev", "owner": "pets"}
    labelled = [
        each
        for each in everything().resources
        if each.type.startswith("gcp:") and takes_labels(each)
    ]
    assert len(labelled) > 10
    for each in labelled:
        assert each.inputs.get("labels") == labels, each.urn
    assert cluster(everything())["resourceLabels"] == labels
    assert node_pool(everything())["nodeConfig"]["resourceLabels"] == labels


# Upgrades


def test_no_minor_version_comes_by_itself_in_an_exclusion() -> None:
    stack = gke(maintenanceExclusions='["2026-11-20/2027-01-05"]')
    assert cluster(stack)["maintenancePolicy"]["maintenanceExclusions"] == [
        {
            "exclusionName": "no-minor-upgrades-2026-11-20",
            "startTime": "2026-11-20T00:00:00Z",
            "endTime": "2027-01-05T00:00:00Z",
            "exclusionOptions": {"scope": "NO_MINOR_UPGRADES"},
        }
    ]


def test_another_minor_version_can_be_rolled_back_for_a_week() -> None:
    declared = cluster(gke(kubernetesVersion="1.34"))
    assert declared["minMasterVersion"] == "1.34"
    assert declared["rollbackSafeUpgrade"] == {"controlPlaneSoakDuration": "604800s"}


def test_nodes_are_upgraded_one_by_one_or_all_beside_the_old_ones() -> None:
    assert node_pool(gke())["upgradeSettings"] == {
        "strategy": "SURGE",
        "maxSurge": 1,
        "maxUnavailable": 0,
    }
    settings = node_pool(gke(nodeUpgrades="blueGreen"))["upgradeSettings"]
    assert settings["strategy"] == "BLUE_GREEN"
    assert settings["blueGreenSettings"]["nodePoolSoakDuration"] == "3600s"
    assert "maxSurge" not in settings


def test_upgrades_are_told_to_a_topic_of_the_region() -> None:
    stack = gke(upgradeNotifications="true")
    topic = only(stack, "gcp:pubsub/topic:Topic")
    assert topic.inputs["name"] == "petmesh-upgrades"
    assert topic.inputs["messageStoragePolicy"] == {"allowedPersistenceRegions": ["us-central1"]}
    assert topic.urn in only(stack, "gcp:container/cluster:Cluster").dependencies
    assert cluster(stack)["notificationConfig"]["pubsub"]["enabled"] is True
    assert cluster(gke())["notificationConfig"] == {"pubsub": {"enabled": False}}


# Nodes


@pytest.mark.parametrize(
    "config",
    [
        {"spotNodes": "true"},
        {"encryptionKey": KEY},
        {"machineType": "n2d-standard-4", "confidentialNodes": "SEV"},
        {"machineType": "t2a-standard-4", "imagePlatform": "linux/arm64"},
    ],
)
def test_what_replaces_the_nodes_creates_the_new_ones_first(config: dict[str, str]) -> None:
    # A pool's name is taken until it is deleted.
    assert node_pool(gke(**config))["name"] != node_pool(gke())["name"]
    [pool] = gke(**config).of_type("gcp:container/nodePool:NodePool")
    assert pool.inputs["nodeDrainConfigs"] == [{"respectPdbDuringNodePoolDeletion": True}]


@pytest.mark.parametrize(
    "config", [{"machineType": "n2-standard-8"}, {"nodeUpgrades": "blueGreen"}, {"maxNodes": "9"}]
)
def test_what_changes_in_place_keeps_the_pool(config: dict[str, str]) -> None:
    assert node_pool(gke(**config))["name"] == node_pool(gke())["name"]


def test_confidential_nodes_replace_no_cluster() -> None:
    stack = gke(machineType="n2d-standard-4", confidentialNodes="SEV_SNP")
    assert node_pool(stack)["nodeConfig"]["confidentialNodes"] == {
        "enabled": True,
        "confidentialInstanceType": "SEV_SNP",
    }
    assert "confidentialNodes" not in cluster(stack)


# Encryption


def test_a_key_that_is_there_encrypts_secrets_boot_disks_images_and_backups() -> None:
    stack = gke(encryptionKey=KEY, backupSchedule="0 3 * * *")
    assert cluster(stack)["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": KEY}
    for pool in (node_pool(stack), cluster(stack)):
        assert pool["nodeConfig"]["bootDiskKmsKey"] == KEY
    repository = only(stack, "gcp:artifactregistry/repository:Repository").inputs
    assert repository["kmsKeyName"] == KEY
    plan = only(stack, "gcp:gkebackup/backupPlan:BackupPlan").inputs
    assert plan["backupConfig"]["encryptionKey"] == {"gcpKmsEncryptionKey": KEY}
    assert not stack.of_type("gcp:kms/cryptoKey:CryptoKey")
    assert not stack.of_type("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")


def test_a_new_key_is_rotated_protected_and_usable_before_it_is_used() -> None:
    stack = gke(encryptionKey="create")
    key = only(stack, "gcp:kms/cryptoKey:CryptoKey")
    assert key.inputs["rotationPeriod"] == "7776000s"
    assert key.protect
    assert not only(
        gke(encryptionKey="create", deletionProtection="false"), "gcp:kms/cryptoKey:CryptoKey"
    ).protect
    grants = stack.of_type("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
    assert {each.inputs["member"] for each in grants} == {
        AGENT.format("container-engine-robot"),
        AGENT.format("compute-system"),
        AGENT.format("gcp-sa-artifactregistry"),
    }
    assert {each.inputs["role"] for each in grants} == {
        "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    }
    for type_ in ("container/cluster:Cluster", "artifactregistry/repository:Repository"):
        for grant in grants:
            assert is_after(stack, only(stack, f"gcp:{type_}"), grant)
    declared = only(stack, "gcp:container/cluster:Cluster")
    assert declared.property_dependencies["databaseEncryption"] == (key.urn,)


def test_nothing_that_decrypts_goes_with_the_stack() -> None:
    stack = gke(encryptionKey="create", deletionProtection="false")
    kms = [each for each in stack.resources if each.type.startswith("gcp:kms/")]
    assert len(kms) == 5
    assert all(each.retain_on_delete for each in kms)


def test_a_key_rings_name_is_never_asked_for_twice() -> None:
    ring = only(gke(encryptionKey="create"), "gcp:kms/keyRing:KeyRing")
    assert "name" not in ring.inputs, "a ring can't be deleted, so the name stays taken"


# Backups


def test_everything_is_backed_up_and_a_restore_adds_what_is_missing() -> None:
    stack = gke(backupSchedule="0 3 * * *", backupRetentionDays="7")
    assert cluster(stack)["addonsConfig"]["gkeBackupAgentConfig"] == {"enabled": True}
    plan = only(stack, "gcp:gkebackup/backupPlan:BackupPlan").inputs
    assert plan["backupConfig"] == {
        "allNamespaces": True,
        "includeSecrets": True,
        "includeVolumeData": True,
    }
    assert plan["backupSchedule"] == {"cronSchedule": "0 3 * * *"}
    assert plan["retentionPolicy"] == {"backupRetainDays": 7}
    restore = only(stack, "gcp:gkebackup/restorePlan:RestorePlan").inputs["restoreConfig"]
    assert restore["namespacedResourceRestoreMode"] == "MERGE_SKIP_ON_CONFLICT"
    assert restore["clusterResourceRestoreScope"] == {"noGroupKinds": True}
    assert not gke().of_type("gcp:gkebackup/backupPlan:BackupPlan")


# Who may run what


def policy(stack: Declaration) -> Resource:
    return only(stack, "gcp:binaryauthorization/policy:Policy")


def patterns(stack: Declaration) -> list[str]:
    return [each["namePattern"] for each in policy(stack).inputs["admissionWhitelistPatterns"]]


OWN = f"us-central1-docker.pkg.dev/{PROJECT}/petmesh/*"
ISTIO = ["docker.io/istio/*", "registry.istio.io/release/*"]


def test_the_stacks_own_istios_and_googles_images_alone_run() -> None:
    stack = gke(binaryAuthorization="true")
    assert patterns(stack) == [OWN, *ISTIO]
    assert policy(stack).inputs["globalPolicyEvaluationMode"] == "ENABLE"
    assert policy(stack).inputs["defaultAdmissionRule"] == {
        "evaluationMode": "ALWAYS_DENY",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }
    assert cluster(stack)["binaryAuthorization"] == {
        "evaluationMode": "PROJECT_SINGLETON_POLICY_ENFORCE"
    }
    provider = stack.one("pulumi:providers:kubernetes", "kubernetes")
    assert is_after(stack, provider, policy(stack))


def test_an_image_that_every_attestor_signed_runs_too() -> None:
    attestor = f"projects/{PROJECT}/attestors/ci"
    stack = gke(binaryAuthorization="true", attestors=f'["{attestor}"]')
    assert policy(stack).inputs["defaultAdmissionRule"] == {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBies": [attestor],
    }


def test_what_else_the_config_installs_is_admitted_and_what_it_names() -> None:
    given = f"registry.example.com/pets@sha256:{'1' * 64}"
    stack = gke(
        binaryAuthorization="true",
        images=f'["petservice/v1={given}"]',
        metrics="prometheus",
        grafana="true",
        kiali="true",
        tracing="jaeger",
        admittedImages='["ghcr.io/team/*"]',
    )
    assert set(patterns(stack)) == {
        OWN,
        *ISTIO,
        given,
        "quay.io/prometheus-operator/*",
        "quay.io/prometheus/*",
        "registry.k8s.io/kube-state-metrics/*",
        "docker.io/grafana/*",
        "quay.io/kiali/*",
        "ghcr.io/open-telemetry/opentelemetry-collector-releases/*",
        "docker.io/jaegertracing/*",
        "ghcr.io/team/*",
    }


def test_members_of_a_groups_groups_may_be_named_in_role_bindings() -> None:
    group = "gke-security-groups@example.com"
    assert cluster(gke(rbacGroup=group))["authenticatorGroupsConfig"] == {"securityGroup": group}


# In the cluster, and before it


@pytest.mark.parametrize("on", [False, True])
def test_secrets_of_secret_manager_and_vertical_autoscaling_are_there_where_asked_for(
    *, on: bool
) -> None:
    word = "true" if on else "false"
    stack = gke(secretManager=word, verticalPodAutoscaling=word)
    assert cluster(stack)["secretManagerConfig"]["enabled"] is on
    assert cluster(stack)["verticalPodAutoscaling"] == {"enabled": on}
    apis = {each.inputs["service"] for each in stack.of_type("gcp:projects/service:Service")}
    assert ("secretmanager.googleapis.com" in apis) is on


def test_cloud_armor_denies_attacks_before_the_ingress_gateway() -> None:
    stack = google_managed(cloudArmor="true")
    armor = only(stack, "gcp:compute/securityPolicy:SecurityPolicy")
    *attacks, rest = armor.inputs["rules"]
    assert len({each["priority"] for each in attacks}) == len(attacks) > 5
    assert {each["action"] for each in attacks} == {"deny(403)"}
    assert rest["action"] == "allow"
    assert rest["priority"] == 2147483647
    backend = stack.one("kubernetes:networking.gke.io/v1:GCPBackendPolicy", "edge-backend-policy")
    assert backend.inputs["spec"] == {
        "default": {"securityPolicy": armor.inputs["name"]},
        "targetRef": {"group": "", "kind": "Service", "name": "istio-ingressgateway"},
    }
    assert not google_managed().of_type("gcp:compute/securityPolicy:SecurityPolicy")
