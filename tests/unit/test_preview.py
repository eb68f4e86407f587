"""A preview before the first up: what the clouds will compute isn't known yet."""

import pytest

from rehearsal.program import UNKNOWN, Declaration
from tests.unit.declared import container, gke, leaves, local, manifests, previewed, spec

STACKS = {
    "local": local,
    "gke": gke,
    "gke by address": lambda: gke(authorizedNetworks='["203.0.113.0/24"]', dogApiEnabled="true"),
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
    assert unknown >= 4, "a digest is known once its image is pushed"


def test_the_images_are_unknown_until_they_are_pushed() -> None:
    stack = previewed(local())
    for deployment in manifests(stack, "Deployment"):
        assert container(stack, deployment)["image"] is UNKNOWN
    assert stack.outputs["images"]["petservice"] == {"v1": UNKNOWN}


def test_given_images_are_known_in_a_preview() -> None:
    given = f"registry.example.com/pets@sha256:{'0' * 64}"
    stack = previewed(local(images=f'["petservice/v1={given}"]'))
    assert container(stack, "petservice-v1")["image"] == given
    assert stack.outputs["images"]["petservice"] == {"v1": given}


def test_the_weights_of_a_preview_are_known_in_the_route_it_would_apply() -> None:
    weighted = spec(previewed(local(canaryWeight="25")), "VirtualService", "petdetailsservice")[
        "http"
    ][-1]
    assert [route["weight"] for route in weighted["route"]] == [75, 25]


def test_the_kubeconfig_is_secret_before_it_is_known() -> None:
    stack = previewed(gke())
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert stack.outputs["kubeconfig"] is UNKNOWN
    assert "kubeconfig" in stack.secret_outputs
    assert provider.inputs["kubeconfig"] is UNKNOWN
    assert "kubeconfig" in provider.secret_inputs
