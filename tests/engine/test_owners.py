"""A platform and an application on it, each a stack of its own, through the real engine."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from pulumi.automation import CommandError, ConfigValue, PulumiCommand

from petmesh.ramp.cluster import ClusterTarget
from petmesh.ramp.engine import open_stack
from petmesh.ramp.prometheus import Prometheus
from tests.engine.checkout import GOOGLE_PROJECT, Checkout, Clouds, copy_checkout
from tests.engine.released import plain
from tests.unit.ramp.fakes import details

OF_APPLICATION = {
    "kubernetes:apps/v1:Deployment",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "kubernetes:core/v1:Service",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:networking.istio.io/v1:DestinationRule",
    "kubernetes:networking.istio.io/v1:VirtualService",
    "kubernetes:policy/v1:PodDisruptionBudget",
}


@dataclass(frozen=True)
class Apart:
    """The two stacks of one checkout."""

    platform: Checkout
    shop: Checkout


@pytest.fixture
def apart(tmp_path: Path, standins: Clouds, command: PulumiCommand) -> Apart:
    """Both, before their first up."""
    standins.restore()
    copy_checkout(tmp_path, standins)
    platform = Checkout(tmp_path, standins, command, "platform")
    platform.stack.set_config("gcp:project", ConfigValue(GOOGLE_PROJECT))
    return Apart(platform, Checkout(tmp_path, standins, command, "shop"))


async def test_an_application_comes_up_on_its_platform_changes_alone_and_goes_before_it(
    apart: Apart, standins: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="platformStack = organization/petmesh/platform: "):
        apart.shop.preview()
    assert {each.op for each in apart.platform.up()} == {"create"}
    shared = standins.urns()
    preview = apart.shop.preview()
    assert {each.op for each in preview} == {"create"}
    assert not {each.urn for each in preview} & shared
    assert {each.op for each in apart.shop.up()} == {"create"}
    own = standins.urns() - shared
    assert {urn.split("::")[2].rpartition("$")[2] for urn in own} == {
        *OF_APPLICATION,
        "docker:index/image:Image",
    }
    assert apart.shop.preview() == apart.platform.preview() == []

    # A ramp's step and its promotion, as `make ramp STACK=shop` takes them.
    for key, value in apart.shop.environment.items():
        monkeypatch.setenv(key, value)
    ramped = ClusterTarget(open_stack("shop", apart.shop.folder), Prometheus("http://127.0.0.1:1"))
    await ramped.prepare()
    standins.kubernetes.calls.clear()
    await ramped.apply(details("v1", "v2", 25))
    assert [(each.verb, each.name) for each in standins.kubernetes.calls] == [
        ("update", "petdetailsservice-route")
    ]
    assert apart.shop.preview() == []
    await ramped.promote(details("v1", "v2", 25))
    assert await ramped.releases() == details("v2", "")
    assert apart.shop.preview() == apart.platform.preview() == []

    # What the platform changes, its applications follow by an up of their own.
    apart.platform.configure(dogApiPath="/v2")
    assert apart.platform.up() == []
    assert {(each.op, each.name) for each in apart.shop.up()} == {
        ("update", "petservice-v1-deployment")
    }

    for stack in (apart.shop, apart.platform):
        refused = stack.make("destroy", "--yes", "--skip-preview")
        assert refused.returncode, stack.name
        stack.configure(deletionProtection="false")
        stack.up()
        destroyed = stack.make("destroy", "--yes", "--skip-preview")
        assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
        if stack is apart.shop:
            assert standins.urns() == shared
    assert standins.kubernetes.made == {}


def test_no_credential_of_the_cluster_is_in_the_applications_state(apart: Apart) -> None:
    apart.platform.up()
    apart.shop.up()
    known = apart.shop.stack.outputs()["kubeconfig"]
    assert known.secret
    [user] = json.loads(known.value)["users"]
    assert user["user"].keys() == {"exec"}
    state = json.dumps(plain(apart.shop.stack.export_stack().deployment))
    assert "gke-gcloud-auth-plugin" in state
    assert "client-certificate-data" not in state
    assert "client-key-data" not in state
