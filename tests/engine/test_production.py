"""The config of production, with every feature of GKE on, through the real engine."""

import yaml

from petmesh.project import ROOT
from tests.engine.checkout import Checkout, Clouds

CONFIG = {
    key.removeprefix("petmesh:"): yaml.safe_dump(value)
    for key, value in yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"].items()
}


def test_production_comes_up_at_once_and_goes_again_without_a_trace(
    empty: Checkout, standins: Clouds
) -> None:
    empty.configure(**CONFIG)
    assert {each.op for each in empty.up()} == {"create"}
    assert empty.preview() == []
    empty.configure(deletionProtection="false")
    assert {each.op for each in empty.up()} == {"update"}
    destroyed = empty.make("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    # Nothing that a backup needs to be read goes with the stack.
    assert {type_.partition("/")[0] for type_, _ in standins.google.made} == {
        "gcp:kms",
        "gcp:projects",
    }
    assert [standins.docker.made, standins.kubernetes.made] == [{}, {}]
