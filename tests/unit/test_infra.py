"""What is declared in Google Cloud: network, cluster, identities, image registry."""

import ipaddress
import json
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from infra.machines import boot_disk
from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from tests.unit.declared import (
    PROJECT,
    before,
    gke,
    gke_otherwise,
    google_managed,
    in_cluster,
    is_after,
    local,
    local_otherwise,
    spec,
)

NODES = f"serviceAccount:petmesh-nodes@{PROJECT}.iam.gserviceaccount.com"


def cluster(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    [only] = stack.of_type("gcp:container/cluster:Cluster")
    return only.inputs


def node_pool(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    [only] = stack.of_type("gcp:container/nodePool:NodePool")
    return only.inputs


def test_a_cluster_that_exists_declares_nothing_in_google_cloud() -> None:
    assert not [each for each in local().resources if each.type.startswith("gcp:")]


def test_the_apis_are_enabled_before_anything_else() -> None:
    stack = gke()
    apis = stack.of_type("gcp:projects/service:Service")
    assert {api.inputs["service"] for api in apis} >= {
        "artifactregistry.googleapis.com",
        "compute.googleapis.com",
        "container.googleapis.com",
        "iam.googleapis.com",
    }
    others = [
        each
        for each in stack.resources
        if each.type.startswith(("gcp:", "kubernetes:", "docker:"))
        and not each.read_id
        and each not in apis
    ]
    assert len(others) > 40
    for each in others:
        assert {api.urn for api in apis} <= before(stack, each), each.urn


def test_a_new_project_tells_which_apis_it_has_before_another_is_enabled() -> None:
    stack = google_managed()
    apis = {each.inputs["service"]: each for each in stack.of_type("gcp:projects/service:Service")}
    first = apis.pop("cloudresourcemanager.googleapis.com")
    assert not first.dependencies
    assert apis
    for each in apis.values():
        assert is_after(stack, each, first)


def test_an_api_is_enabled_long_before_its_use_where_it_is_used_at_all() -> None:
    stack = google_managed()
    [cluster_declared] = stack.of_type("gcp:container/cluster:Cluster")
    enabled = {each.inputs["service"] for each in stack.of_type("gcp:projects/service:Service")}
    certificates = "certificatemanager.googleapis.com"
    for each in stack.of_type("gcp:projects/service:Service"):
        assert is_after(stack, cluster_declared, each)
    assert certificates in enabled
    assert certificates not in {
        each.inputs["service"] for each in gke().of_type("gcp:projects/service:Service")
    }


def test_a_destroy_leaves_the_apis_enabled_for_others() -> None:
    for api in gke().of_type("gcp:projects/service:Service"):
        assert api.inputs["disableOnDestroy"] is False


# Network


def test_the_subnet_has_named_ranges_for_pods_and_services() -> None:
    stack = gke()
    [network] = stack.of_type("gcp:compute/network:Network")
    [subnet] = stack.of_type("gcp:compute/subnetwork:Subnetwork")
    assert network.inputs["autoCreateSubnetworks"] is False
    assert subnet.property_dependencies["network"] == (network.urn,)
    assert [each["rangeName"] for each in subnet.inputs["secondaryIpRanges"]] == [
        "pods",
        "services",
    ]
    assert cluster(stack)["ipAllocationPolicy"] == {
        "clusterSecondaryRangeName": "pods",
        "servicesSecondaryRangeName": "services",
    }
    assert cluster(stack)["networkingMode"] == "VPC_NATIVE"


def test_no_two_ranges_of_the_network_overlap() -> None:
    stack = gke()
    [subnet] = stack.of_type("gcp:compute/subnetwork:Subnetwork")
    ranges = [
        subnet.inputs["ipCidrRange"],
        *(each["ipCidrRange"] for each in subnet.inputs["secondaryIpRanges"]),
        cluster(stack)["privateClusterConfig"]["masterIpv4CidrBlock"],
    ]
    assert len(ranges) == 4
    for one, other in combinations(map(ipaddress.ip_network, ranges), 2):
        assert not one.overlaps(other), (one, other)
    assert all(ipaddress.ip_network(each).is_private for each in ranges)


def test_private_nodes_reach_out_by_cloud_nat_only_and_google_directly() -> None:
    stack = gke()
    [subnet] = stack.of_type("gcp:compute/subnetwork:Subnetwork")
    [nat] = stack.of_type("gcp:compute/routerNat:RouterNat")
    [pool] = stack.of_type("gcp:container/nodePool:NodePool")
    assert subnet.inputs["privateIpGoogleAccess"] is True
    assert nat.inputs["sourceSubnetworkIpRangesToNat"] == "LIST_OF_SUBNETWORKS"
    [covered] = nat.inputs["subnetworks"]
    assert covered["sourceIpRangesToNats"] == ["ALL_IP_RANGES"]
    assert subnet.urn in nat.dependencies
    assert is_after(stack, pool, nat), "nodes without a way out can't pull Istio's images"


def test_the_control_plane_reaches_the_injection_webhook_on_the_nodes_and_nothing_else() -> None:
    stack = gke()
    [firewall] = stack.of_type("gcp:compute/firewall:Firewall")
    assert firewall.inputs["direction"] == "INGRESS"
    assert firewall.inputs["allows"] == [{"protocol": "tcp", "ports": ["15017"]}]
    assert firewall.inputs["sourceRanges"] == [
        cluster(stack)["privateClusterConfig"]["masterIpv4CidrBlock"]
    ]
    assert [f"serviceAccount:{each}" for each in firewall.inputs["targetServiceAccounts"]] == [
        NODES
    ]
    assert "sourceTags" not in firewall.inputs
    assert "targetTags" not in firewall.inputs


def test_pods_come_after_the_nodes_and_the_firewall_rule_that_injects_them() -> None:
    stack = gke()
    [pool] = stack.of_type("gcp:container/nodePool:NodePool")
    [firewall] = stack.of_type("gcp:compute/firewall:Firewall")
    for type_ in ("apps/v1:Deployment", "helm.sh/v3:Release"):
        for each in stack.of_type(f"kubernetes:{type_}"):
            assert is_after(stack, each, pool)
            assert is_after(stack, each, firewall)


# Cluster

HARDENED = {
    "privateClusterConfig.enablePrivateNodes": True,
    "datapathProvider": "ADVANCED_DATAPATH",
    "enableShieldedNodes": True,
    "enableLegacyAbac": False,
    "masterAuth.clientCertificateConfig.issueClientCertificate": False,
    "workloadIdentityConfig.workloadPool": f"{PROJECT}.svc.id.goog",
    "releaseChannel.channel": "REGULAR",
    "securityPostureConfig.mode": "BASIC",
    "removeDefaultNodePool": True,
    "nodeConfig.shieldedInstanceConfig.enableSecureBoot": True,
    "masterAuthorizedNetworksConfig.gcpPublicCidrsAccessEnabled": False,
    "anonymousAuthenticationConfig.mode": "LIMITED",
}


@pytest.mark.parametrize(("path", "value"), HARDENED.items())
def test_the_cluster_is_hardened(path: str, value: object) -> None:
    found = cluster(gke())
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_without_authorized_networks_the_control_plane_has_no_public_address() -> None:
    declared = cluster(gke())
    assert declared["privateClusterConfig"]["enablePrivateEndpoint"] is True
    assert declared["masterAuthorizedNetworksConfig"]["cidrBlocks"] == []
    assert declared["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": True}
    }


def test_with_authorized_networks_they_alone_reach_the_control_plane() -> None:
    declared = cluster(gke_otherwise())
    assert declared["privateClusterConfig"]["enablePrivateEndpoint"] is False
    assert declared["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [
        {"cidrBlock": "203.0.113.0/24"},
        {"cidrBlock": "198.51.100.7/32"},
    ]
    assert declared["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": False}
    }


def test_the_release_channel_alone_decides_the_version_of_kubernetes() -> None:
    for declared in (cluster(gke()), node_pool(gke()), cluster(gke())["nodeConfig"]):
        assert not [key for key in declared if "version" in key.lower()]


def test_maintenance_has_a_window_on_weekends() -> None:
    window = cluster(gke())["maintenancePolicy"]["recurringWindow"]
    assert window["recurrence"] == "FREQ=WEEKLY;BYDAY=SA,SU"
    assert window["startTime"] < window["endTime"]


PROTECTED = {
    "petmesh:stack:DeletionProtection",
    "gcp:container/cluster:Cluster",
    "gcp:artifactregistry/repository:Repository",
}


def protected(stack: Declaration) -> set[str]:
    return {each.type for each in stack.resources if each.protect}


def test_what_holds_state_is_protected_and_what_a_destroy_asks_for_first() -> None:
    assert cluster(google_managed())["deletionProtection"] is True
    balanced = PROTECTED | {"gcp:compute/globalAddress:GlobalAddress"}
    assert protected(google_managed()) == balanced
    assert protected(gke()) == PROTECTED | {"gcp:compute/address:Address"}
    assert protected(gke(ingressServiceType="ClusterIP")) == PROTECTED


@pytest.mark.parametrize(
    "stack",
    [
        gke,
        gke_otherwise,
        google_managed,
        lambda: gke(dogApiEnabled="true", egressGateway="true", tracing="jaeger"),
        lambda: gke(metrics="prometheus", grafana="true", kiali="true"),
    ],
)
def test_a_destroy_comes_to_the_protection_before_anything_that_is_there(
    stack: Callable[[], Declaration],
) -> None:
    declared = stack()
    guard = declared.one("petmesh:stack:DeletionProtection", "deletion-protection")
    first = {each.urn for each in declared.resources if each.custom} - before(declared, guard)
    assert not first


def test_the_ingress_answers_on_an_address_that_outlives_its_service() -> None:
    stack = gke(location="europe-west4-b")
    address = stack.one("gcp:compute/address:Address", "ingress-address")
    assert address.inputs == {"name": "petmesh", "region": "europe-west4"}
    ingress = spec(stack, "Service", "istio-ingressgateway")
    assert ingress["loadBalancerIP"] == address.outputs["address"]
    assert "loadBalancerIP" not in spec(local(), "Service", "istio-ingressgateway")


def test_one_key_takes_every_protection_away_so_that_a_destroy_may_follow() -> None:
    unprotected = google_managed(deletionProtection="false")
    assert cluster(unprotected)["deletionProtection"] is False
    assert not protected(unprotected)
    assert not protected(gke_otherwise())


def test_nothing_is_protected_in_a_cluster_that_exists() -> None:
    assert not protected(local(deletionProtection="true", dogApiEnabled="true"))


def test_the_cluster_and_its_nodes_are_where_and_what_config_says() -> None:
    stack = gke_otherwise()
    assert cluster(stack)["name"] == "pets-eu"
    assert cluster(stack)["location"] == node_pool(stack)["location"] == "europe-west4"
    assert node_pool(stack)["nodeConfig"]["machineType"] == "n2-standard-8"
    assert node_pool(stack)["autoscaling"] == {"minNodeCount": 2, "maxNodeCount": 9}
    for type_ in ("compute/subnetwork:Subnetwork", "compute/routerNat:RouterNat"):
        [regional_part] = stack.of_type(f"gcp:{type_}")
        assert regional_part.inputs["region"] == "europe-west4"


def test_a_zonal_cluster_lies_in_a_regional_network() -> None:
    stack = gke()
    [subnet] = stack.of_type("gcp:compute/subnetwork:Subnetwork")
    assert cluster(stack)["location"] == "us-central1-a"
    assert subnet.inputs["region"] == "us-central1"


# Nodes


def test_the_autoscaler_owns_the_number_of_nodes() -> None:
    [pool] = gke().of_type("gcp:container/nodePool:NodePool")
    assert "nodeCount" not in pool.inputs
    assert "initialNodeCount" in pool.ignore_changes
    assert pool.inputs["autoscaling"] == {"minNodeCount": 1, "maxNodeCount": 4}


def test_the_nodes_are_shielded_repaired_and_upgraded() -> None:
    pool = node_pool(gke())
    assert pool["nodeConfig"]["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableIntegrityMonitoring": True,
    }
    assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}
    assert pool["nodeConfig"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert pool["nodeConfig"]["metadata"] == {"disable-legacy-endpoints": "true"}
    assert pool["nodeConfig"]["imageType"] == "COS_CONTAINERD"


@pytest.mark.parametrize(
    ("machine", "disk"),
    [
        *((f"{each}-standard-4", "pd-balanced") for each in ("e2", "n1", "n2", "n2d", "t2d")),
        *((f"{each}-standard-4", "pd-balanced") for each in ("c2", "c2d", "c3", "c3d", "t2a")),
        *((f"{each}-standard-4", "hyperdisk-balanced") for each in ("n4", "n4d", "n4a")),
        *((f"{each}-standard-4", "hyperdisk-balanced") for each in ("c4", "c4d", "c4a")),
        ("m3-ultramem-32", "pd-balanced"),
        ("m4-megamem-28", "hyperdisk-balanced"),
        ("h3-standard-88", "pd-balanced"),
        ("h4d-standard-192", "hyperdisk-balanced"),
        ("c3-standard-192-metal", "hyperdisk-balanced"),
        ("n4-custom-4-8192", "hyperdisk-balanced"),
        ("custom-4-8192", "pd-balanced"),
    ],
)
def test_the_nodes_boot_from_a_disk_that_their_machine_type_takes(machine: str, disk: str) -> None:
    assert boot_disk(machine) == disk


def test_the_pool_has_that_disk() -> None:
    assert node_pool(gke())["nodeConfig"]["diskType"] == "pd-balanced"
    assert node_pool(gke(machineType="n4-standard-4"))["nodeConfig"]["diskType"] == (
        "hyperdisk-balanced"
    )


@pytest.mark.parametrize("series", ["c4a", "n4a", "t2a"])
def test_no_taint_keeps_pods_off_arm_nodes(series: str) -> None:
    stack = gke(machineType=f"{series}-standard-4", imagePlatform="linux/arm64")
    assert node_pool(stack)["nodeConfig"]["taintConfig"] == {"architectureTaintBehavior": "NONE"}


def test_other_nodes_have_no_taint_to_speak_of() -> None:
    assert "taintConfig" not in node_pool(gke())["nodeConfig"]


def test_the_pool_that_is_removed_again_takes_little_and_no_quota_of_ssd() -> None:
    stack = gke_otherwise()
    assert cluster(stack)["nodeConfig"]["diskType"] == "pd-standard"
    assert cluster(stack)["nodeConfig"]["diskSizeGb"] <= 20
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert {"nodeConfig", "initialNodeCount"} <= set(declared.ignore_changes)


def test_no_node_runs_as_the_projects_default_service_account() -> None:
    stack = gke()
    [account] = stack.of_type("gcp:serviceaccount/account:Account")
    for pool in (node_pool(stack), cluster(stack)):
        assert pool["nodeConfig"]["serviceAccount"] == account.outputs["email"]
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert "nodeConfig" in declared.ignore_changes, "the pool it describes is removed right away"


# Identities


def test_no_grant_takes_a_role_from_somebody_else() -> None:
    grants = [each.type for each in gke().resources if "iam" in each.type.lower()]
    assert grants
    assert {each.rpartition(":")[2] for each in grants} == {"IAMMember", "RepositoryIamMember"}


def test_the_nodes_may_do_what_a_node_needs_and_pull_images() -> None:
    stack = gke()
    grants = {
        (each.type.rpartition(":")[2], each.inputs["role"])
        for each in stack.resources
        if each.inputs.get("member") == NODES
    }
    assert grants == {
        ("IAMMember", "roles/container.defaultNodeServiceAccount"),
        ("RepositoryIamMember", "roles/artifactregistry.reader"),
    }


def admins(stack: Declaration) -> list[str]:
    return [
        each.inputs["member"]
        for each in stack.of_type("gcp:projects/iAMMember:IAMMember")
        if each.inputs["role"] == "roles/container.admin"
    ]


def test_each_deployer_administers_the_cluster() -> None:
    assert admins(gke_otherwise()) == ["group:platform@example.com", "user:alice@example.com"]


def test_without_deployers_the_account_that_runs_the_up_administers_the_cluster() -> None:
    assert admins(gke()) == ["user:you@example.com"]


def test_istio_is_installed_after_its_deployers_may() -> None:
    stack = gke()
    grants = [
        each
        for each in stack.of_type("gcp:projects/iAMMember:IAMMember")
        if each.inputs["role"] == "roles/container.admin"
    ]
    for resource in in_cluster(stack):
        for grant in grants:
            assert is_after(stack, resource, grant)


def test_every_grant_names_the_project() -> None:
    for grant in gke().of_type("gcp:projects/iAMMember:IAMMember"):
        assert grant.inputs["project"] == PROJECT


# Image registry


def test_the_registry_keeps_what_is_tagged_and_the_newest_and_throws_superseded_images_away() -> (
    None
):
    [repository] = gke().of_type("gcp:artifactregistry/repository:Repository")
    assert repository.inputs["format"] == "DOCKER"
    newest, tagged, superseded = repository.inputs["cleanupPolicies"]
    assert (newest["action"], newest["mostRecentVersions"]["keepCount"]) == ("KEEP", 10)
    assert (tagged["action"], tagged["condition"]["tagState"]) == ("KEEP", "TAGGED")
    assert superseded["action"] == "DELETE"
    assert superseded["condition"] == {"tagState": "UNTAGGED", "olderThan": "2592000s"}


def test_only_the_nodes_read_from_the_registry() -> None:
    [grant] = gke().of_type("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember")
    assert (grant.inputs["role"], grant.inputs["member"]) == (
        "roles/artifactregistry.reader",
        NODES,
    )


def test_images_are_pushed_to_the_stacks_own_registry() -> None:
    registry = f"us-central1-docker.pkg.dev/{PROJECT}/petmesh/"
    for image in gke().of_type("docker:index/image:Image"):
        assert image.inputs["imageName"].startswith(registry)


# Kubeconfig


def kubeconfig(stack: Declaration) -> Any:  # noqa: ANN401 (data)
    return json.loads(stack.outputs["kubeconfig"])


def test_the_kubeconfig_is_secret_in_the_outputs_and_in_the_provider() -> None:
    stack = gke()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert "kubeconfig" in stack.secret_outputs
    assert "kubeconfig" in provider.secret_inputs
    assert provider.inputs["kubeconfig"] == stack.outputs["kubeconfig"]


def test_the_kubeconfig_holds_a_plugin_and_no_credential() -> None:
    [user] = kubeconfig(gke())["users"]
    assert user["user"].keys() == {"exec"}
    assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    assert "env" not in user["user"]["exec"]


def test_the_kubeconfig_uses_the_dns_endpoint_where_there_is_no_public_address() -> None:
    [entry] = kubeconfig(gke())["clusters"]
    assert entry["cluster"].keys() == {"server"}
    assert entry["cluster"]["server"].startswith("https://gke-")
    assert entry["cluster"]["server"].endswith(".us-central1-a.gke.goog")


def test_the_kubeconfig_uses_the_address_with_its_ca_where_networks_are_authorized() -> None:
    stack = gke_otherwise()
    [entry] = kubeconfig(stack)["clusters"]
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert entry["cluster"] == {
        "server": f"https://{declared.outputs['endpoint']}",
        "certificate-authority-data": declared.outputs["masterAuth"]["clusterCaCertificate"],
    }


def test_the_kubeconfig_is_whole() -> None:
    config = kubeconfig(gke_otherwise())
    [context] = config["contexts"]
    assert config["current-context"] == context["name"]
    assert context["context"]["cluster"] == config["clusters"][0]["name"]
    assert context["context"]["user"] == config["users"][0]["name"]
    assert (config["kind"], config["apiVersion"]) == ("Config", "v1")


def identifier(stack: Declaration) -> object:
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    return provider.inputs["clusterIdentifier"]


def test_another_way_to_the_same_cluster_is_no_other_cluster() -> None:
    networks = '["203.0.113.0/24"]'
    assert identifier(gke()) == identifier(gke(authorizedNetworks=networks))
    assert kubeconfig(gke()) != kubeconfig(gke(authorizedNetworks=networks))
    assert identifier(local()) == identifier(local(kubeContext="renamed"))


def test_another_cluster_is_another_with_all_that_stands_on_it() -> None:
    stack = gke()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert identifier(stack) == declared.outputs["id"]
    # A cluster that is replaced under its name is one too: its id isn't known until then.
    assert provider.property_dependencies["clusterIdentifier"] == (declared.urn,)
    others = {"clusterName": "other", "location": "europe-west4", "gcp:project": "petmesh-other"}
    for key, value in others.items():
        assert identifier(gke(**{key: value})) != identifier(stack)


def test_which_file_kubeconfig_names_is_the_shells_and_no_part_of_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/alice/.kube/one")
    [provider] = declare("local").of_type("pulumi:providers:kubernetes")
    assert provider.inputs["kubeconfig"] == ""


def test_a_cluster_that_exists_has_no_kubeconfig_to_give_away() -> None:
    stack = local_otherwise()
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert "kubeconfig" not in stack.outputs
    assert (provider.inputs["context"], provider.inputs["kubeconfig"]) == ("kind-pets", "")
    assert stack.outputs["clusterName"] == "kind-pets"
