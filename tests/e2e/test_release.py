"""A release on a real cluster by the real engine: what each step changes, and what it must not.

The tests are the steps of one release: they build on each other, in this order.
"""

import json
import subprocess

import pytest
from pulumi.automation.events import OpType

from petmesh.ramp.outcome import PROMOTED, ROLLED_BACK
from tests.e2e.local_stack import LocalStack, ingress, kubectl, live_weights, namespaces
from tests.e2e.measured import prometheus

pytestmark = pytest.mark.cluster

ROUTE = ("VirtualService", "petdetailsservice-route")
ANSWERED = {"petDetails", "petMedicalHistory", "dogAPIResponse"}
STABLE = ("Deployment", "petdetailsservice-v1-deployment")


def test_the_first_up_creates_the_stack(local_stack: LocalStack) -> None:
    update = local_stack.up()

    assert {change.op for change in update.changes} == {OpType.CREATE}
    assert local_stack.output("weights") == {"v1": 100, "v2": 0}


def test_a_second_up_finds_nothing_to_do(local_stack: LocalStack) -> None:
    assert not local_stack.up().changes


def test_the_ingress_answers_from_injected_pods(local_stack: LocalStack) -> None:  # noqa: ARG001
    with ingress() as ask:
        status, body = ask("/pet/123")
        assert (status, json.loads(body).keys()) == (200, ANSWERED)
        assert ask("/")[0] == 404


def test_a_pod_that_asks_for_a_capability_is_refused(local_stack: LocalStack) -> None:  # noqa: ARG001
    greedy = {
        "name": "greedy",
        "image": "registry.example.com/greedy:1.0",
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": "pets"},
        "spec": {"containers": [greedy]},
    }

    with pytest.raises(subprocess.CalledProcessError) as refused:
        kubectl("create", "--dry-run=server", "--filename=-", given=json.dumps(pod))

    assert "violates PodSecurity" in refused.value.stderr


def test_a_weight_change_updates_the_route_and_nothing_else(local_stack: LocalStack) -> None:
    local_stack.configure(canaryWeight="25")

    update = local_stack.up()

    update.one(OpType.UPDATE, *ROUTE)
    assert len(update.changes) == 1, update
    assert local_stack.output("weights") == {"v1": 75, "v2": 25}


def test_the_weight_moves_the_traffic(local_stack: LocalStack) -> None:  # noqa: ARG001
    with ingress() as ask:
        answers = [ask("/pet/123") for _ in range(200)]

    assert {status for status, _ in answers} == {200}
    # Chance alone leaves these bounds less than once in a hundred thousand runs.
    assert 20 <= sum(b"German Shepherd Dog" in body for _, body in answers) <= 80


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


def test_a_ramp_takes_a_bad_canary_back_by_the_route_alone(local_stack: LocalStack) -> None:
    applied, before = local_stack.applied(), len(local_stack.updates())

    with prometheus(failing="petdetailsservice-v2") as address:
        ramp = local_stack.ramp(address, "--steps=25,100")

    assert ramp.returncode == ROLLED_BACK, ramp.stdout + ramp.stderr
    assert local_stack.updates()[before:] == [{"update": 1}, {"update": 1}]
    assert live_weights().get("v2", 0) == 0
    assert local_stack.config("canaryWeight") == "0"
    assert local_stack.applied() == applied


def test_a_ramp_promotes_a_good_canary_step_by_step(local_stack: LocalStack) -> None:
    before = len(local_stack.updates())

    with prometheus() as address:
        ramp = local_stack.ramp(address, "--steps=25,100")

    assert ramp.returncode == PROMOTED, ramp.stdout + ramp.stderr
    *steps, promotion = local_stack.updates()[before:]
    assert steps == [{"update": 1}, {"update": 1}]
    assert promotion.keys() == {"update", "delete"}
    assert promotion["update"] == 1
    assert live_weights() == {"v2": 100}
    assert (local_stack.config("stableVersion"), local_stack.config("canaryVersion")) == ("v2", "")
    assert not local_stack.up().changes


def test_opening_the_egress_restarts_no_pod(local_stack: LocalStack) -> None:
    local_stack.configure(dogApiEnabled="true")

    update = local_stack.up()

    update.one(OpType.CREATE, "ServiceEntry", "pets-dog-api-entry")
    update.one(OpType.CREATE, "DestinationRule", "pets-dog-api-tls")
    # What petservice's proxy sees, and what its pods reach.
    update.one(OpType.UPDATE, "Sidecar", "pets-petservice-sidecar")
    update.one(OpType.UPDATE, "NetworkPolicy", "pets-petservice-traffic")
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
