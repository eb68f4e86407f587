"""The network: its ranges, and who reaches whom."""

import ipaddress
from itertools import combinations

from tests.unit.declared import gke, is_after
from tests.unit.infra.parts import NODES, cluster


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
