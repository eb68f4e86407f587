"""A release on a real cluster by the real engine: what each step changes, and what it must not.

The tests are the steps of one release: they build on each other, in this order.
"""

import pytest
from pulumi.automation.events import OpType

from tests.e2e.local_stack import LocalStack, kubectl, namespaces

pytestmark = pytest.mark.cluster

ROUTE = ("VirtualService", "petdetailsservice-route")
STABLE = ("Deployment", "petdetailsservice-v1-deployment")


def test_the_first_up_creates_the_stack(local_stack: LocalStack) -> None:
    update = local_stack.up()

    assert {change.op for change in update.changes} == {OpType.CREATE}
    assert local_stack.output("weights") == {"v1": 100, "v2": 0}


def test_a_second_up_finds_nothing_to_do(local_stack: LocalStack) -> None:
    assert not local_stack.up().changes


def test_a_weight_change_updates_the_route_and_nothing_else(local_stack: LocalStack) -> None:
    local_stack.configure(canaryWeight="25")

    update = local_stack.up()

    update.one(OpType.UPDATE, *ROUTE)
    assert len(update.changes) == 1, update
    assert local_stack.output("weights") == {"v1": 75, "v2": 25}


def test_a_refresh_finds_no_drift(local_stack: LocalStack) -> None:
    assert local_stack.refresh() == {}


def test_a_refresh_tells_of_a_weight_that_was_moved_behind_the_stacks_back(
    local_stack: LocalStack,
) -> None:
    kubectl(
        "patch",
        "virtualservice",
        "petdetailsservice",
        "--namespace=pets",
        "--type=json",
        '--patch=[{"op": "replace", "path": "/spec/http/1/route/1/weight", "value": 26}]',
    )

    assert local_stack.refresh() == {"update": 1}

    local_stack.up().one(OpType.UPDATE, *ROUTE)


def test_a_promotion_moves_the_route_before_it_removes_the_old_version(
    local_stack: LocalStack,
) -> None:
    local_stack.configure(stableVersion="v2", canaryVersion="", canaryWeight="0")

    update = local_stack.up()

    moved = update.one(OpType.UPDATE, *ROUTE)
    removed = update.one(OpType.DELETE, *STABLE)
    assert moved.ended < removed.began
    assert not [each for each in update.changes if each.type.endswith(":DestinationRule")]
    assert {each.op for each in update.changes} == {OpType.UPDATE, OpType.DELETE}
    assert local_stack.output("weights") == {"v2": 100}


def test_going_back_starts_the_old_version_before_it_moves_the_route(
    local_stack: LocalStack,
) -> None:
    local_stack.configure(stableVersion="v1", canaryVersion="v2", canaryWeight="0")

    update = local_stack.up()

    started = update.one(OpType.CREATE, *STABLE)
    moved = update.one(OpType.UPDATE, *ROUTE)
    assert started.ended < moved.began
    assert not [each for each in update.changes if each.type.endswith(":DestinationRule")]


def test_opening_the_egress_restarts_no_pod(local_stack: LocalStack) -> None:
    local_stack.configure(dogApiEnabled="true")

    update = local_stack.up()

    update.one(OpType.CREATE, "ServiceEntry", "dog-api-entry")
    update.one(OpType.CREATE, "DestinationRule", "dog-api-tls")
    # What petservice's proxy sees, and what its pods reach.
    update.one(OpType.UPDATE, "Sidecar", "petservice-view")
    update.one(OpType.UPDATE, "NetworkPolicy", "petservice-paths")
    assert [each.op for each in update.changes].count(OpType.UPDATE) == 2, update
    assert {each.op for each in update.changes} == {OpType.CREATE, OpType.UPDATE}


def test_a_destroy_leaves_nothing(local_stack: LocalStack) -> None:
    local_stack.destroy()

    assert local_stack.resources() == []
    assert namespaces().isdisjoint({"istio-system", "istio-ingress", "pets"})
    for kind in (
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "clusterroles",
        "clusterrolebindings",
    ):
        assert "istio" not in kubectl("get", kind, "--output=name")
