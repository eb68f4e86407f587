"""A platform and an application apart: together they declare what one stack does."""

import json
from functools import cache
from typing import Any

import pytest

from istio.team import READ, WRITTEN
from petmesh.guardrails.in_process import violations
from petmesh.mesh.gather import gather
from petmesh.program.declaration import Declaration
from petmesh.program.program import declare
from tests.unit.declared import PROJECT, in_cluster, kept, manifest

SHOP = "shop"
HOST = ["pets.example.com"]


@cache
def apart(**config: str) -> Declaration:
    """The application's stack, with some keys set."""
    return declare("shop", {f"petmesh:{key}": value for key, value in config.items()})


@cache
def platform_of_two() -> Declaration:
    applications = {"shop": {"hosts": HOST}, "till": {"hosts": ["till.example.com"]}}
    return declare(
        "platform", {"gcp:project": PROJECT, "petmesh:applications": json.dumps(applications)}
    )


def objects(stack: Declaration) -> dict[tuple[str, str, str], Any]:
    """What each object in the cluster holds, by kind, namespace and name."""
    found: dict[tuple[str, str, str], Any] = {}
    for each in in_cluster(stack):
        named = each.inputs if each.type.endswith(":Release") else each.inputs["metadata"]
        kind = str(each.inputs.get("kind", "Release"))
        found[kind, named.get("namespace", ""), named["name"]] = {
            key: value for key, value in each.inputs.items() if key != "metadata"
        }
    return found


def test_together_they_declare_what_one_stack_does_besides_the_teams_rights() -> None:
    [platform] = apart().referenced
    config = {
        key: value
        for key, value in platform.config.items()
        if key not in ("petmesh:owner", "petmesh:applications")
    }
    whole = declare(
        "dev",
        {
            **config,
            "petmesh:namespace": SHOP,
            "petmesh:ingressHosts": json.dumps(HOST),
            "petmesh:canaryVersion": "v2",
        },
    )
    own, shared = objects(apart()), objects(platform)
    assert not own.keys() & shared.keys()
    rights = {(kind, SHOP, "application") for kind in ("Role", "RoleBinding")}
    together = {key: value for key, value in (own | shared).items() if key not in rights}
    assert rights <= shared.keys()
    assert together.keys() == objects(whole).keys()
    for key, value in together.items():
        # A change of Google Cloud's project or labels is no change in the cluster.
        assert value == objects(whole)[key], key


def test_an_application_declares_nothing_but_what_its_team_may_write_in_its_namespace() -> None:
    groups = {
        "ServiceAccount": "",
        "Service": "",
        "Deployment": "apps",
        "HorizontalPodAutoscaler": "autoscaling",
        "DestinationRule": "networking.istio.io",
        "VirtualService": "networking.istio.io",
        "PodDisruptionBudget": "policy",
    }
    kinds = {kind for kind, _, _ in objects(apart())}
    assert kinds == groups.keys()
    assert {namespace for _, namespace, _ in objects(apart())} == {SHOP}
    written = {(groups[kind], f"{kind.lower()}s") for kind in kinds}
    assert written == {(group, each) for group, names in WRITTEN.items() for each in names}
    others = {each.type for each in apart().resources if each.custom} - {
        each.type for each in in_cluster(apart())
    }
    assert others == {
        "docker:index/image:Image",
        "pulumi:providers:kubernetes",
        "pulumi:pulumi:StackReference",
    }


def test_a_team_has_a_role_in_its_namespace_and_reaches_the_cluster_and_its_images() -> None:
    platform = kept("platform")
    role, binding = (manifest(platform, kind, "application") for kind in ("Role", "RoleBinding"))
    held = {
        (group, resource): {*rule["verbs"]}
        for rule in role.inputs["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    written = {(group, each) for group, names in WRITTEN.items() for each in names}
    read = {(group, each) for group, names in READ.items() for each in names}
    assert held.keys() == written | read
    assert all(held[each] == {"get", "list", "watch"} for each in read)
    assert role.inputs["metadata"]["namespace"] == binding.inputs["metadata"]["namespace"] == SHOP
    [subject] = binding.inputs["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "shop@example.com")
    granted = {
        (each.type.rpartition(":")[2], each.inputs["role"])
        for each in platform.resources
        if each.inputs.get("member") == "group:shop@example.com"
    }
    assert granted == {
        ("IAMMember", f"projects/{PROJECT}/roles/petmesh_shared_user"),
        ("RepositoryIamMember", "roles/artifactregistry.writer"),
    }
    custom = platform.one("gcp:projects/iAMCustomRole:IAMCustomRole", "users-role")
    assert custom.inputs["permissions"] == ["container.clusters.connect", "container.clusters.get"]


def test_a_weight_is_one_resource_of_the_application() -> None:
    before = {each.urn: each.inputs for each in apart().resources}
    after = {each.urn: each.inputs for each in apart(canaryWeight="25").resources}
    [changed] = [urn for urn in before if before[urn] != after[urn]]
    assert before.keys() == after.keys()
    assert changed.endswith("::petdetailsservice-route")
    assert apart(canaryWeight="25").outputs["releases"]["petdetailsservice"]["weight"] == 25


def test_an_application_is_reached_as_the_platform_says() -> None:
    outputs = apart().outputs
    assert outputs["url"] == "https://pets.example.com"
    [platform] = apart().referenced
    assert outputs["ingressAddress"] == platform.outputs["ingressAddress"]
    assert outputs["clusterName"] == platform.outputs["clusterName"]
    assert "kubeconfig" in apart().secret_outputs


def test_a_platform_holds_several_applications_apart() -> None:
    stack = platform_of_two()
    assert not violations(stack)
    gateway = manifest(stack, "Gateway", "petmesh")
    [server] = gateway.inputs["spec"]["servers"]
    assert server["hosts"] == ["shop/pets.example.com", "till/till.example.com"]
    for namespace in ("shop", "till"):
        own = [each for each in objects(stack) if each[1] == namespace]
        assert ("NetworkPolicy", namespace, "default-deny") in own
        assert ("AuthorizationPolicy", namespace, "allow-nothing") in own
        assert ("PeerAuthentication", namespace, "default") in own
        assert ("ServiceEntry", namespace, "dog-api") in own


@pytest.mark.parametrize("stack", ["platform", "shop"])
def test_the_guard_rails_hold_for_each(stack: str) -> None:
    assert not violations(kept(stack))


def test_an_application_is_rehearsed_on_its_platform() -> None:
    mesh = gather(apart())
    assert {each.namespace for each in mesh.workloads} == {SHOP}
    assert {each.metadata.name for each in mesh.gateways} >= {"petmesh"}
    assert {each.metadata.name for each in mesh.network_policies} >= {"default-deny", "petservice"}
