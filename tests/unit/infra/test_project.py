"""What is declared of a Google Cloud project: its APIs, its identities, its image registry."""

from petmesh.program.declaration import Declaration
from tests.unit.declared import (
    PROJECT,
    before,
    gke,
    gke_otherwise,
    google_managed,
    in_cluster,
    is_after,
    local,
)
from tests.unit.infra.parts import NODES


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
