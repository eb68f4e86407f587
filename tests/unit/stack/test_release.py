"""The steps of a release, each as the difference between two declarations."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from petmesh.program.declaration import Declaration, Resource
from tests.unit.declared import (
    GIVEN,
    changed_leaves,
    is_after,
    local,
    manifest,
    manifests,
    spec,
    with_v3,
)


@dataclass(frozen=True)
class Step:
    """What changes from one declaration to the next, by URN's last part: type and name."""

    added: set[str]
    removed: set[str]
    changed: dict[str, set[str]]


def label(resource: Resource) -> str:
    return f"{resource.type.rpartition(':')[2]} {resource.name}"


def step(old: Declaration, new: Declaration) -> Step:
    """What the engine would find to do: inputs that differ, resources that come or go."""
    was = {each.urn: each for each in old.resources}
    becomes = {each.urn: each for each in new.resources}
    return Step(
        added={label(becomes[urn]) for urn in becomes.keys() - was.keys()},
        removed={label(was[urn]) for urn in was.keys() - becomes.keys()},
        changed={
            label(was[urn]): changed_leaves(was[urn], becomes[urn])
            for urn in was.keys() & becomes.keys()
            if was[urn].inputs != becomes[urn].inputs
        },
    )


def stage(weight: int, *, stable: str = "v1", canary: str = "v2", **more: str) -> Declaration:
    return local(stableVersion=stable, canaryVersion=canary, canaryWeight=str(weight), **more)


WORKLOAD = {
    "Deployment petdetailsservice-{}-deployment",
    "HorizontalPodAutoscaler petdetailsservice-{}-autoscaler",
    "PodDisruptionBudget petdetailsservice-{}-budget",
    "Image petdetailsservice-{}-image",
    "Workload petdetailsservice-{}",
}


def workload(version: str) -> set[str]:
    return {each.format(version) for each in WORKLOAD}


@pytest.mark.parametrize(("old", "new"), [(0, 25), (25, 100), (100, 0), (25, 0)])
def test_a_weight_changes_one_route_and_only_its_weights(old: int, new: int) -> None:
    assert step(stage(old), stage(new)) == Step(
        added=set(),
        removed=set(),
        changed={
            "VirtualService petdetailsservice-route": {
                "spec.http[1].route[0].weight",
                "spec.http[1].route[1].weight",
            }
        },
    )


def test_a_canary_is_started_beside_the_stable_version_without_touching_it() -> None:
    started = step(local(canaryVersion=""), stage(0))
    assert started.added == workload("v2")
    assert not started.removed
    assert started.changed.keys() == {"VirtualService petdetailsservice-route"}


def test_promotion_moves_the_route_and_drops_the_old_workload_and_nothing_else() -> None:
    promoted = step(stage(100), stage(0, stable="v2", canary=""))
    assert not promoted.added
    assert promoted.removed == workload("v1")
    assert promoted.changed.keys() == {"VirtualService petdetailsservice-route"}


ROUTE_ALONE = {"VirtualService petdetailsservice-route"}


def test_a_promotion_that_keeps_the_old_version_moves_the_route_alone() -> None:
    promoted = step(stage(100), stage(0, stable="v2", canary="", previousVersion="v1"))
    assert (promoted.added, promoted.removed) == (set(), set())
    assert promoted.changed.keys() == ROUTE_ALONE


def test_going_back_to_a_version_that_was_kept_moves_the_route_alone() -> None:
    kept = stage(0, stable="v2", canary="", previousVersion="v1")
    back = step(kept, stage(0, stable="v1", canary="", previousVersion="v2"))
    assert (back.added, back.removed) == (set(), set())
    assert back.changed.keys() == ROUTE_ALONE


def test_going_back_by_the_stable_version_alone_ends_the_other_one() -> None:
    kept = stage(0, stable="v2", canary="", previousVersion="v1")
    back = step(kept, stage(0, stable="v1", canary="", previousVersion="v1"))
    assert (back.added, back.removed) == (set(), workload("v2"))
    assert back.changed.keys() == ROUTE_ALONE


def test_what_was_kept_runs_beside_the_next_canary_until_that_is_promoted() -> None:
    images = f'["petdetailsservice/v3={GIVEN}"]'
    kept = stage(0, stable="v2", canary="", previousVersion="v1", images=images)
    following = step(kept, stage(0, stable="v2", canary="v3", previousVersion="v1", images=images))
    assert following.removed == set()
    assert workload("v3") - {"Image petdetailsservice-v3-image"} <= following.added
    promoted = stage(0, stable="v3", canary="", previousVersion="v2", images=images)
    assert step(kept, promoted).removed == workload("v1")


def test_what_was_kept_for_a_time_ends_with_the_first_up_after_it() -> None:
    past = {"previousVersion": "v1", "previousUntil": "2020-01-01T00:00:00Z"}
    ahead = {**past, "previousUntil": "2999-01-01T00:00:00Z"}
    ended = step(
        stage(0, stable="v2", canary="", **ahead), stage(0, stable="v2", canary="", **past)
    )
    assert (ended.added, ended.removed, ended.changed) == (set(), workload("v1"), {})


def test_after_promotion_every_request_goes_to_the_promoted_version() -> None:
    stack = stage(0, stable="v2", canary="")
    rules = spec(stack, "VirtualService", "petdetailsservice")["http"]
    assert [route["destination"]["subset"] for rule in rules for route in rule["route"]] == ["v2"]
    assert stack.outputs["weights"] == {"v2": 100}


def test_a_canary_that_fails_goes_without_touching_the_stable_version() -> None:
    ended = step(stage(0), local(canaryVersion=""))
    assert ended.removed == workload("v2")
    assert not ended.added
    assert ended.changed.keys() == {"VirtualService petdetailsservice-route"}


def test_going_back_restores_the_declaration() -> None:
    before = stage(100)
    stage(0, stable="v2", canary="")
    back = local(canaryWeight="100", canaryVersion="v2")
    assert step(before, back) == Step(set(), set(), {})


def test_swapping_stable_and_canary_touches_no_pod() -> None:
    swapped = step(stage(0), stage(0, stable="v2", canary="v1"))
    assert not swapped.added
    assert not swapped.removed
    assert swapped.changed.keys() == {"VirtualService petdetailsservice-route"}


def test_the_dog_api_is_three_objects_more_in_one_services_reach_and_no_pod_is_touched() -> None:
    opened = step(local(), local(dogApiEnabled="true"))
    assert opened.added == {
        "ExternalHost pets-dog-api",
        "ServiceEntry pets-dog-api-entry",
        "DestinationRule pets-dog-api-tls",
        "VirtualService pets-dog-api-route",
    }
    assert not opened.removed
    assert opened.changed.keys() == {
        "NetworkPolicy pets-petservice-traffic",
        "Sidecar pets-petservice-sidecar",
    }
    assert opened.changed["Sidecar pets-petservice-sidecar"] == {"spec.egress[0].hosts[3]"}


def test_an_egress_gateway_comes_between_by_one_route_and_no_pod_is_touched() -> None:
    direct, led = local(dogApiEnabled="true"), local(dogApiEnabled="true", egressGateway="true")
    put_between = step(direct, led)
    assert not put_between.removed
    assert put_between.changed.keys() == {
        "NetworkPolicy istio-system-istiod-traffic",
        "NetworkPolicy pets-petservice-traffic",
        "Sidecar pets-petservice-sidecar",
        "VirtualService pets-dog-api-route",
    }
    taken_away = step(led, direct)
    assert not taken_away.added
    assert taken_away.removed == put_between.added


def test_more_replicas_restart_no_pod() -> None:
    scaled = step(local(), local(minReplicas="2", maxReplicas="4"))
    assert not scaled.added
    assert not scaled.removed
    assert {each.split(" ")[0] for each in scaled.changed} == {"HorizontalPodAutoscaler", "Release"}


# At every moment each subset that is routed to is there, and so are its pods.


def release() -> list[Declaration]:
    """A whole release of v2, then a v3 that is tried and given up, one `up` after the other."""
    given = {"images": f'["petdetailsservice/v3={GIVEN}"]'}
    return [
        local(canaryVersion=""),
        stage(0),
        stage(25),
        stage(100),
        stage(0, stable="v2", canary="v1"),
        stage(0, stable="v2", canary=""),
        stage(0, stable="v2", canary="v3", **given),
        with_v3(),
        stage(0, stable="v2", canary="", **given),
        stage(0, stable="v2", canary=""),
    ]


def routed(stack: Declaration) -> set[str]:
    rules: Any = spec(stack, "VirtualService", "petdetailsservice")["http"]
    return {route["destination"]["subset"] for rule in rules for route in rule["route"]}


def subsets(stack: Declaration) -> set[str]:
    declared: Any = spec(stack, "DestinationRule", "petdetailsservice")["subsets"]
    return {subset["name"] for subset in declared}


def test_no_route_names_a_subset_that_is_not_there_before_during_and_after_each_up() -> None:
    for old, new in pairwise(release()):
        # The destination changes first: until the route follows, the old one meets the new subsets.
        assert routed(old) <= subsets(new)
        assert routed(new) <= subsets(new)


def test_promotion_and_going_back_leave_the_subsets_alone() -> None:
    assert subsets(stage(100)) == subsets(stage(0, stable="v2", canary="")) == {"v1", "v2"}


def test_a_route_is_made_after_what_it_names_and_goes_before_it() -> None:
    for stack in release():
        route = manifest(stack, "VirtualService", "petdetailsservice")
        named = [
            manifest(stack, "Service", "petdetailsservice"),
            manifest(stack, "DestinationRule", "petdetailsservice"),
            *(manifest(stack, "Deployment", f"petdetailsservice-{each}") for each in routed(stack)),
        ]
        for each in named:
            assert is_after(stack, route, each)
            assert not is_after(stack, each, route), "the engine would change it after the route"


def test_every_version_that_runs_is_routed_to() -> None:
    for stack in release():
        running = {
            name.rpartition("-")[2]
            for name in manifests(stack, "Deployment")
            if name.startswith("petdetailsservice-")
        }
        assert running == routed(stack)
