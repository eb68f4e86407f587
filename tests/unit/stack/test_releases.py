"""Releases of several services at once, the public one too, and what the stack tells of them."""

import json

from demo.pets import CATALOG
from petmesh.program.declaration import Declaration
from tests.unit.declared import GIVEN, local, manifests, spec

IMAGES = f'["petservice/v2={GIVEN}"]'
ROUTE = "kubernetes:networking.istio.io/v1:VirtualService"


def both(weight: int, details: str = "10") -> Declaration:
    """A canary of petservice and of petdetailsservice."""
    petservice = {"canaryVersion": "v2", "canaryWeight": weight}
    releases = json.dumps({"petservice": petservice})
    return local(images=IMAGES, releases=releases, canaryWeight=details)


def changed(old: Declaration, new: Declaration) -> set[str]:
    before = {each.urn: each.inputs for each in old.resources}
    assert before.keys() == {each.urn for each in new.resources}
    return {each.name for each in new.resources if before[each.urn] != each.inputs}


def test_the_public_services_route_has_weights_and_testers() -> None:
    stack = both(25)
    route = manifests(stack, "VirtualService")["petservice-public"]
    testers, weighted = route.inputs["spec"]["http"]
    public = {"uri": {"prefix": "/pet/"}}
    assert [{key: each[key] for key in public} for each in testers["match"]] == [public, public]
    assert [[*each["headers"]] for each in testers["match"]] == [["x-canary"], ["cookie"]]
    assert [each["destination"]["subset"] for each in testers["route"]] == ["v2"]
    assert weighted["match"] == [public]
    shares = {each["destination"]["subset"]: each["weight"] for each in weighted["route"]}
    assert shares == {"v1": 75, "v2": 25}
    assert "petservice-v2" in manifests(stack, "Deployment")
    subsets = spec(stack, "DestinationRule", "petservice")["subsets"]
    assert [each["name"] for each in subsets] == ["v1", "v2"]


def test_a_weight_changes_its_own_route_alone() -> None:
    assert changed(both(25), both(50)) == {"petservice-public-route"}
    assert changed(both(25), both(25, details="50")) == {"petdetailsservice-route"}


def test_a_release_without_canary_names_the_stable_versions_subset() -> None:
    for stack in (local(), local(canaryVersion="")):
        route = manifests(stack, "VirtualService")["petservice-public"]
        [only] = route.inputs["spec"]["http"]
        assert [each["destination"]["subset"] for each in only["route"]] == ["v1"]


def test_the_stack_tells_its_releases_as_data() -> None:
    stack = both(25)
    releases = stack.outputs["releases"]
    assert releases.keys() == {each.name for each in CATALOG} - CATALOG.without_release.keys()
    assert releases["petservice"] == {
        "service": "petservice",
        "namespace": "pets",
        "host": "petservice.pets.svc.cluster.local",
        "route": {
            "urn": stack.one(ROUTE, "petservice-public-route").urn,
            "kind": "VirtualService",
            "namespace": "pets",
            "name": "petservice-public",
            "http": "weighted",
        },
        "stable": "v1",
        "canary": "v2",
        "weight": 25,
        "mirror": 0,
        "keepPrevious": "",
        "previous": "",
        "previousUntil": "",
        "workloads": {"v1": "petservice-v1", "v2": "petservice-v2"},
        "config": {
            "stable": "releases.petservice.stableVersion",
            "canary": "releases.petservice.canaryVersion",
            "weight": "releases.petservice.canaryWeight",
            "mirror": "releases.petservice.canaryMirrorPercent",
            "previous": "releases.petservice.previousVersion",
            "previousUntil": "releases.petservice.previousUntil",
        },
    }
    details = releases["petdetailsservice"]
    assert (details["weight"], details["config"]["weight"]) == (10, "canaryWeight")
    assert details["route"]["namespace"] == "pets"
    for release in releases.values():
        route = stack.by_urn(release["route"]["urn"])
        assert route.inputs["metadata"]["name"] == release["route"]["name"]
        assert release["route"]["http"] in {each["name"] for each in route.inputs["spec"]["http"]}
        for version in filter(None, (release["stable"], release["canary"])):
            assert release["workloads"][version] in manifests(stack, "Deployment")


def test_another_service_may_have_the_plain_keys() -> None:
    stack = local(
        images=IMAGES, canaryService="petservice", canaryWeight="30", releases=json.dumps({})
    )
    assert stack.outputs["weights"] == {"v1": 70, "v2": 30}
    assert stack.outputs["releases"]["petservice"]["config"]["weight"] == "canaryWeight"
    assert "petdetailsservice-v2" not in manifests(stack, "Deployment")


def test_a_public_route_comes_after_those_of_the_services_that_it_calls() -> None:
    stack = local()
    public = stack.one(ROUTE, "petservice-public-route")
    for called in ("petdetailsservice", "petmedicalhistoryservice"):
        assert stack.one(ROUTE, f"{called}-route").urn in public.dependencies


def test_the_stack_tells_what_is_released_together() -> None:
    groups = {"pets": ["petdetailsservice", "petservice"]}
    stack = local(releaseGroups=json.dumps(groups))
    assert stack.outputs["releaseGroups"] == groups
    assert local().outputs["releaseGroups"] == {}
