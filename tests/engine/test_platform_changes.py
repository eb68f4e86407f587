"""Each key that touches the platform, changed on a running stack: what the engine makes of it."""

import pytest
from pulumi.automation import CommandError

from tests.engine.checkout import Checkout, Clouds, Step

Changes = set[tuple[str, str]]
CLUSTER_UPDATED = ("update", "gke-cluster")
NODE_POOL = "gcp:container/nodePool:NodePool"
NODES_UPDATED = ("update", "gke-nodes")


def changes(steps: list[Step]) -> Changes:
    return {(step.op, step.name) for step in steps}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"machineType": "n2-standard-8"}, {NODES_UPDATED}),
        ({"minNodes": "2"}, {NODES_UPDATED}),
        ({"maxNodes": "9"}, {NODES_UPDATED}),
        ({"deletionProtection": "false"}, {CLUSTER_UPDATED}),
        ({"nodeUpgrades": "blueGreen"}, {NODES_UPDATED}),
        ({"kubernetesVersion": "1.35"}, {CLUSTER_UPDATED}),
        ({"maintenanceExclusions": '["2026-12-14/2027-01-11"]'}, {CLUSTER_UPDATED}),
        ({"rbacGroup": "gke-security-groups@example.com"}, {CLUSTER_UPDATED}),
        ({"verticalPodAutoscaling": "true"}, {CLUSTER_UPDATED}),
        ({"secretManager": "true"}, {CLUSTER_UPDATED, ("create", "apis-secretmanager")}),
        (
            {"upgradeNotifications": "true"},
            {CLUSTER_UPDATED, ("create", "apis-pubsub"), ("create", "gke-upgrades")},
        ),
        (
            {"binaryAuthorization": "true"},
            {
                CLUSTER_UPDATED,
                ("create", "apis-binaryauthorization"),
                ("create", "binary-authorization"),
            },
        ),
        (
            {"backupSchedule": "0 3 * * *"},
            {
                CLUSTER_UPDATED,
                ("create", "apis-gkebackup"),
                ("create", "backup-plan"),
                ("create", "restore-plan"),
            },
        ),
        (
            {"labels": '["owner=pets"]'},
            {
                CLUSTER_UPDATED,
                NODES_UPDATED,
                ("update", "images-repository"),
                ("update", "ingress-address"),
            },
        ),
        (
            {"deployers": '["group:platform@example.com"]'},
            {
                ("create", "deployers-group:platform@example.com"),
                ("delete", "deployers-running-account"),
            },
        ),
    ],
)
def test_a_platform_key_is_changed_in_place(
    dev: Checkout, config: dict[str, str], expected: Changes
) -> None:
    dev.configure(**config)
    assert changes(dev.preview()) == expected


def test_the_way_to_the_control_plane_changes_in_place_and_back(
    dev: Checkout, standins: Clouds
) -> None:
    both = {CLUSTER_UPDATED, ("update", "kubernetes")}
    before = set(standins.kubernetes.made)
    dev.configure(authorizedNetworks='["203.0.113.0/24"]')
    assert changes(dev.up()) == both
    dev.configure(authorizedNetworks=None)
    assert changes(dev.up()) == both
    assert dev.preview() == []
    assert set(standins.kubernetes.made) == before


def test_another_version_of_istio_is_one_up_in_place_with_istiod_before_any_proxy(
    dev: Checkout, standins: Clouds
) -> None:
    dev.configure(istioVersion="1.30.3")
    steps = dev.up()
    mesh = ["istio-base", "istio-cni", "istiod", "istio-ingressgateway"]
    deployments = [
        made.urn.rpartition("::")[2]
        for (type_, _), made in standins.kubernetes.made.items()
        if type_ == "kubernetes:apps/v1:Deployment"
    ]
    assert len(deployments) == 4
    assert changes(steps) == {("update", name) for name in (*mesh, *deployments)}
    updated = [call.name for call in standins.kubernetes.calls]
    assert updated[: len(mesh)] == mesh
    assert sorted(updated[len(mesh) :]) == sorted(deployments)
    assert dev.preview() == []


def test_other_nodes_are_there_before_the_old_ones_go(dev: Checkout, standins: Clouds) -> None:
    before = {key for key in standins.google.made if key[0] == NODE_POOL}
    dev.configure(spotNodes="true")
    steps = dev.up()
    pools = [call for call in standins.google.calls if call.name == "gke-nodes"]
    assert changes(steps) == {("replace", "gke-nodes")}
    assert [call.verb for call in pools[-2:]] == ["create", "delete"]
    after = {key for key in standins.google.made if key[0] == NODE_POOL}
    assert len(after) == 1
    assert after.isdisjoint(before)
    dev.configure(spotNodes=None)
    assert changes(dev.up()) == {("replace", "gke-nodes")}
    assert dev.preview() == []


@pytest.mark.parametrize(
    "config",
    [{"location": "us-central1-b"}, {"clusterName": "other"}, {"encryptionKey": "create"}],
)
def test_another_cluster_is_refused_while_the_stack_is_protected(
    dev: Checkout, standins: Clouds, config: dict[str, str]
) -> None:
    before = standins.snapshot()
    dev.configure(**config)
    with pytest.raises(CommandError, match="for protection"):
        dev.preview()
    assert standins.snapshot() == before
    # Without a preview what comes before the cluster may be created; nothing that is there goes.
    with pytest.raises(CommandError, match="for protection"):
        dev.up()
    for (made, _), (now, _) in zip(before, standins.snapshot(), strict=True):
        assert made.keys() <= now.keys()
