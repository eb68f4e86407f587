"""A GKE cluster that somebody else has created, adopted by its name through the real engine."""

import json
import re
from typing import Any

import pytest
from pulumi.automation import CommandError

from infra.adopted_checks import CHECKS
from petmesh.program.fake_cloud import invoke_result
from tests.engine.checkout import Checkout, Clouds
from tests.engine.released import plain
from tests.engine.standins.google import GET_CLUSTER
from tests.unit.infra.lookups import own_cluster

NAME = "theirs"
WARNING = f"warning: clusterName = {NAME}: "


def hardened() -> dict[str, Any]:
    """A cluster with all that this program's have."""
    found = own_cluster()
    [known] = invoke_result(GET_CLUSTER, {}, {})["masterAuths"]
    found["masterAuths"][0] |= known
    return found | {"name": NAME}


def test_it_is_adopted_by_its_name_and_only_warned_of(
    empty: Checkout, standins: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.configure(
        platform="existingGke",
        clusterName=NAME,
        location="europe-west4",
        imageRegistry="registry.example.com/images",
    )
    with pytest.raises(
        CommandError, match=f"clusterName = {NAME}: must be a GKE cluster in europe"
    ):
        empty.up()
    old = {"name": NAME, "masterVersion": "1.31.14-gke.100"}
    monkeypatch.setattr(standins.google, "adopted", old)
    with pytest.raises(CommandError, match=r"1\.31\.14-gke\.100: must be 1\.32 or later for Istio"):
        empty.up()
    assert standins.urns() == set()

    # Where its control plane is isn't asked for, but known of both: a NetworkPolicy holds it.
    [known] = hardened()["privateClusterConfigs"]
    control_plane = {"masterIpv4CidrBlock": known["masterIpv4CidrBlock"]}
    bare = {"name": NAME, "privateClusterConfigs": [control_plane]}
    monkeypatch.setattr(standins.google, "adopted", bare)
    told = empty.run("pulumi up")
    assert told.returncode == 0, told.stdout
    warned = re.findall(rf"{WARNING}(\S+) is not known, must be ", told.stdout)
    assert {*warned} == {each.path for each in CHECKS}
    assert standins.google.made == {}
    assert standins.kubernetes.made

    monkeypatch.setattr(standins.google, "adopted", hardened())
    told = empty.run("pulumi preview --expect-no-changes")
    assert told.returncode == 0, told.stdout
    assert WARNING not in told.stdout

    state = json.dumps(plain(empty.stack.export_stack().deployment))
    [user] = json.loads(empty.stack.outputs()["kubeconfig"].value)["users"]
    assert user["user"].keys() == {"exec"}
    for credential in ("client-certificate-data", "client-key-data", "in-process-run"):
        assert credential not in state

    refused = empty.make("destroy", "--yes", "--skip-preview")
    assert refused.returncode
    empty.configure(deletionProtection="false")
    empty.up()
    destroyed = empty.make("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert standins.urns() == set()
