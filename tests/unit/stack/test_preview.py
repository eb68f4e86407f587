"""A preview before the first up: what the clouds will compute isn't known yet."""

import pytest

from petmesh.program.declaration import UNKNOWN, Declaration
from tests.unit.declared import (
    GIVEN,
    container,
    gke,
    gke_otherwise,
    leaves,
    local,
    local_otherwise,
    manifests,
    previewed,
    spec,
)

STACKS = {
    "local": local,
    "gke": gke,
    "gke by address": gke_otherwise,
    "local, given an image": local_otherwise,
}


@pytest.fixture(params=STACKS)
def up(request: pytest.FixtureRequest) -> Declaration:
    return STACKS[request.param]()


def test_a_preview_declares_what_an_up_does(up: Declaration) -> None:
    assert {each.urn: each.dependencies for each in previewed(up).resources} == {
        each.urn: each.dependencies for each in up.resources
    }


def test_what_a_preview_knows_is_what_an_up_declares(up: Declaration) -> None:
    declared = {each.urn: dict(leaves(each.inputs)) for each in up.resources}
    unknown = 0
    for each in previewed(up).resources:
        for path, value in leaves(each.inputs):
            if value is UNKNOWN:
                unknown += 1
            else:
                assert declared[each.urn][path] == value, f"{each.urn} {path}"
    assert unknown >= 3, "a digest is known once its image is pushed"


def test_the_images_are_unknown_until_they_are_pushed() -> None:
    stack = previewed(local())
    for deployment in manifests(stack, "Deployment"):
        assert container(stack, deployment)["image"] is UNKNOWN
    assert stack.outputs["images"]["petservice"] == {"v1": UNKNOWN}


def test_given_images_are_known_in_a_preview() -> None:
    stack = previewed(local_otherwise())
    assert container(stack, "petservice-v1")["image"] == GIVEN
    assert stack.outputs["images"]["petservice"] == {"v1": GIVEN}


def test_the_weights_of_a_preview_are_known_in_the_route_it_would_apply() -> None:
    routes = spec(previewed(local()), "VirtualService", "petdetailsservice")["http"]
    assert [route["weight"] for route in routes[-1]["route"]] == [100, 0]


def test_the_kubeconfig_is_secret_before_it_is_known() -> None:
    stack = previewed(gke())
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert stack.outputs["kubeconfig"] is UNKNOWN
    assert "kubeconfig" in stack.secret_outputs
    assert provider.inputs["kubeconfig"] is UNKNOWN
    assert "kubeconfig" in provider.secret_inputs
