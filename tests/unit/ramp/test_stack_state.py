"""Which version is which in a route, whatever its order."""

from typing import Any

import pytest

from petmesh.ramp.stack_state import StackState
from petmesh.ramp.target import Release, TargetError

URN = "urn:pulumi:dev::shop::kubernetes:networking.istio.io/v1:VirtualService::cart"


def state(*destinations: dict[str, Any], **told: object) -> StackState:
    """A stack whose route has destinations, and what else its output tells."""
    cart = {
        "service": "cart",
        "namespace": "shop",
        "route": {"urn": URN, "kind": "VirtualService", "http": "share"},
        "workloads": {"blue": "cart-blue", "green": "cart-green"},
        "config": {fact: f"cart.{fact}" for fact in ("stable", "canary", "weight", "mirror")},
    }
    inputs = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"http": [{"name": "share", "route": list(destinations)}]},
    }
    resources = {URN: {"type": "VirtualService", "inputs": inputs}}
    return StackState("dev", resources, {"releases": {"cart": {**cart, **told}}})


def to(weight: int, subset: str = "", host: str = "cart") -> dict[str, Any]:
    return {"destination": {"host": host, "subset": subset}, "weight": weight}


def live(found: StackState) -> Release:
    return found.release(found.exported("cart")["cart"])


@pytest.mark.parametrize(
    "destinations",
    [
        pytest.param((to(90, "blue"), to(10, "green")), id="subsets named by version"),
        pytest.param((to(90, "cart-blue"), to(10, "cart-green")), id="subsets by workload"),
        pytest.param(
            (to(90, host="cart-blue"), to(10, host="cart-green.shop.svc.cluster.local")), id="hosts"
        ),
    ],
)
def test_a_version_is_told_by_its_subset_or_its_host(
    destinations: tuple[dict[str, Any], ...],
) -> None:
    assert live(state(*destinations)) == Release("blue", "green", 10)
    told = state(*reversed(destinations), stable="blue", canary="green")
    assert live(told) == Release("blue", "green", 10)


def test_where_the_output_names_other_versions_the_canary_comes_second() -> None:
    route = to(0, "blue"), to(100, "green")
    assert live(state(*route, stable="green", canary="")) == Release("blue", "green", 100)
    assert live(state(to(100, "green"), stable="blue", canary="green")) == Release("green", "")


def test_the_destinations_have_full_hosts() -> None:
    found = state(to(90, host="cart-blue"), to(10, "green", "cart"))
    assert found.destinations(found.exported("cart")["cart"]) == {
        "blue": ("cart-blue.shop.svc.cluster.local", ""),
        "green": ("cart.shop.svc.cluster.local", "green"),
    }


@pytest.mark.parametrize(
    ("destinations", "text"),
    [
        ((to(90, "blue"), to(10, "red")), "it has blue, green and not red"),
        ((to(90, host="blue"), to(10, host="green")), "it has blue, green and not blue"),
        ((to(100),), "it has blue, green and not cart"),
    ],
)
def test_a_destination_of_no_version_is_refused_in_one_line(
    destinations: tuple[dict[str, Any], ...], text: str
) -> None:
    with pytest.raises(TargetError) as refused:
        live(state(*destinations))
    assert str(refused.value) == (
        f"the route of cart in the state: output releases.cart.workloads: {text}"
    )


def test_of_routes_that_differ_the_one_that_gives_the_canary_most_counts() -> None:
    other = URN.replace("::cart", "::cart-public")
    told = {"urn": other, "kind": "VirtualService", "http": "share"}
    found = state(to(90, "blue"), to(10, "green"), furtherRoutes=[told])
    for weights, release in (
        ((75, 25), Release("blue", "green", 25)),
        ((100, 0), Release("blue", "green", 10)),
    ):
        route = [to(weights[0], "blue"), to(weights[1], "green")]
        inputs = {"metadata": {}, "spec": {"http": [{"name": "share", "route": route}]}}
        resources = {**found.resources, other: {"inputs": inputs}}
        assert live(StackState("dev", resources, found.outputs)) == release
    with pytest.raises(TargetError, match="it has no route of cart"):
        live(found)
