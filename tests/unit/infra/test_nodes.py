"""The nodes: how many of what, and as whom."""

import pytest

from infra.machines import boot_disk
from tests.unit.declared import gke, gke_otherwise
from tests.unit.infra.parts import cluster, node_pool


def test_the_autoscaler_owns_the_number_of_nodes() -> None:
    [pool] = gke().of_type("gcp:container/nodePool:NodePool")
    assert "nodeCount" not in pool.inputs
    assert "initialNodeCount" in pool.ignore_changes
    assert pool.inputs["autoscaling"] == {"minNodeCount": 1, "maxNodeCount": 4}


def test_the_nodes_are_shielded_repaired_and_upgraded() -> None:
    pool = node_pool(gke())
    assert pool["nodeConfig"]["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableIntegrityMonitoring": True,
    }
    assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}
    assert pool["nodeConfig"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert pool["nodeConfig"]["metadata"] == {"disable-legacy-endpoints": "true"}
    assert pool["nodeConfig"]["imageType"] == "COS_CONTAINERD"


def test_the_kubelet_tells_nothing_without_authentication() -> None:
    off = {"insecureKubeletReadonlyPortEnabled": "FALSE"}
    for pool in (node_pool(gke()), cluster(gke())):
        assert pool["nodeConfig"]["kubeletConfig"] == off


@pytest.mark.parametrize(
    ("machine", "disk"),
    [
        *((f"{each}-standard-4", "pd-balanced") for each in ("e2", "n1", "n2", "n2d", "t2d")),
        *((f"{each}-standard-4", "pd-balanced") for each in ("c2", "c2d", "c3", "c3d", "t2a")),
        *((f"{each}-standard-4", "hyperdisk-balanced") for each in ("n4", "n4d", "n4a")),
        *((f"{each}-standard-4", "hyperdisk-balanced") for each in ("c4", "c4d", "c4a")),
        ("m3-ultramem-32", "pd-balanced"),
        ("m4-megamem-28", "hyperdisk-balanced"),
        ("h3-standard-88", "pd-balanced"),
        ("h4d-standard-192", "hyperdisk-balanced"),
        ("c3-standard-192-metal", "hyperdisk-balanced"),
        ("n4-custom-4-8192", "hyperdisk-balanced"),
        ("custom-4-8192", "pd-balanced"),
    ],
)
def test_the_nodes_boot_from_a_disk_that_their_machine_type_takes(machine: str, disk: str) -> None:
    assert boot_disk(machine) == disk


def test_the_pool_has_that_disk() -> None:
    assert node_pool(gke())["nodeConfig"]["diskType"] == "pd-balanced"
    assert node_pool(gke(machineType="n4-standard-4"))["nodeConfig"]["diskType"] == (
        "hyperdisk-balanced"
    )


@pytest.mark.parametrize("series", ["c4a", "n4a", "t2a"])
def test_no_taint_keeps_pods_off_arm_nodes(series: str) -> None:
    stack = gke(machineType=f"{series}-standard-4", imagePlatform="linux/arm64")
    assert node_pool(stack)["nodeConfig"]["taintConfig"] == {"architectureTaintBehavior": "NONE"}


def test_other_nodes_have_no_taint_to_speak_of() -> None:
    assert "taintConfig" not in node_pool(gke())["nodeConfig"]


def test_the_pool_that_is_removed_again_takes_little_and_no_quota_of_ssd() -> None:
    stack = gke_otherwise()
    assert cluster(stack)["nodeConfig"]["diskType"] == "pd-standard"
    assert cluster(stack)["nodeConfig"]["diskSizeGb"] <= 20
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert {"nodeConfig", "initialNodeCount"} <= set(declared.ignore_changes)


def test_no_node_runs_as_the_projects_default_service_account() -> None:
    stack = gke()
    [account] = stack.of_type("gcp:serviceaccount/account:Account")
    for pool in (node_pool(stack), cluster(stack)):
        assert pool["nodeConfig"]["serviceAccount"] == account.outputs["email"]
    [declared] = stack.of_type("gcp:container/cluster:Cluster")
    assert "nodeConfig" in declared.ignore_changes, "the pool it describes is removed right away"
