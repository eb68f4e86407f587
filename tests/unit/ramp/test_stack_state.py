"""Which version is which in a route, whatever its order."""

from typing import Any

import pytest

from petmesh.ramp.stack_state import StackState
from petmesh.ramp.target import Release, TargetError, UsageError

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


def shop(groups: object, **before: str) -> StackState:
    """A stack of three services, the route of each after that of the one that it names."""

    def urn(name: str) -> str:
        return URN.replace("cart", name)

    names = ("cart", "payment", "ledger")
    entry = state().every()["cart"].model_dump(by_alias=True, exclude_none=True)
    releases = {
        name: {**entry, "service": name, "route": {**entry["route"], "urn": urn(name)}}
        for name in names
    }
    routes = {
        urn(name): {"dependencies": [urn(before[name])] if name in before else []} for name in names
    }
    return StackState("dev", routes, {"releases": releases, "releaseGroups": groups})


GROUPS = {"checkout": ["payment", "cart"], "one": ["cart"], "twice": ["cart", "cart"]}


@pytest.mark.parametrize("group", ["checkout", "payment,cart", "ledger,payment,cart"])
def test_a_group_has_its_services_in_order(group: str) -> None:
    names = GROUPS.get(group, group.split(","))
    assert [*shop(GROUPS, cart="payment", payment="ledger").exported(group=group)] == names


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("nope", "must be checkout or one or twice or services in order, of cart, ledger, payment"),
        ("cart", "must be checkout or one or twice or services in order, of cart, ledger, payment"),
        ("one", "cart must be two or more different services"),
        ("twice", "cart,cart must be two or more different services"),
        ("cart,nope", "nope must be one of cart, ledger, payment"),
        ("cart,payment", "payment must come before cart, whose route depends on its route"),
        ("cart,ledger", "ledger must come before cart, whose route depends on its route"),
    ],
)
def test_what_is_no_group_of_the_stack_gets_one_line(group: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        shop(GROUPS, cart="payment", payment="ledger").exported(group=group)
    assert str(refused.value) == f"--group = {group}: {told}"


def test_a_stack_without_groups_takes_a_list() -> None:
    with pytest.raises(UsageError, match=r"--group = x: must be services in order, of cart, ledg"):
        shop({}).exported(group="x")
