"""The cluster: how it is hardened, kept and protected."""

from collections.abc import Callable

import pytest

from petmesh.program.declaration import Declaration
from tests.unit.declared import PROJECT, before, gke, gke_otherwise, google_managed, local, spec
from tests.unit.infra.parts import cluster, node_pool

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
    assert "masterAuthorizedNetworksConfig" not in declared
    assert declared["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": True},
        "ipEndpointsConfig": {"enabled": False},
    }


def test_with_authorized_networks_they_alone_reach_the_control_plane() -> None:
    declared = cluster(gke_otherwise())
    assert declared["privateClusterConfig"]["enablePrivateEndpoint"] is False
    assert declared["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [
        {"cidrBlock": "203.0.113.0/24"},
        {"cidrBlock": "198.51.100.7/32"},
    ]
    assert declared["masterAuthorizedNetworksConfig"]["gcpPublicCidrsAccessEnabled"] is False
    assert declared["masterAuthorizedNetworksConfig"]["privateEndpointEnforcementEnabled"] is True
    assert declared["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": False},
        "ipEndpointsConfig": {"enabled": True},
    }


def test_nobody_is_bound_to_a_role_because_they_are_anybody() -> None:
    assert cluster(gke())["rbacBindingConfig"] == {
        "enableInsecureBindingSystemAuthenticated": False,
        "enableInsecureBindingSystemUnauthenticated": False,
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
    assert address.inputs["name"] == "petmesh"
    assert address.inputs["region"] == "europe-west4"
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
