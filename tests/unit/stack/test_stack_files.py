"""The stack files that the repository keeps."""

import json
from typing import Any

import pytest
import yaml

from petmesh.guardrails.in_process import violations
from petmesh.mesh.gather import gather
from petmesh.program.program import declare
from petmesh.program.stack_config import stacks
from settings import ROOT
from settings.gke import GkeFeatures
from tests.unit.declared import kept, leaves
from tests.unit.settings.reading import KEYS

# What a production stack needn't have: others' attestors and images, a version of its own, and
# nodes that may be taken away.
NOT_OF_PRODUCTION = {
    "admittedImages",
    "attestors",
    "backupRetentionDays",
    "kubernetesVersion",
    "spotNodes",
}


def config(stack: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]


@pytest.mark.parametrize("stack", stacks())
def test_a_value_is_written_as_the_cli_writes_it_so_that_no_command_changes_the_file(
    stack: str,
) -> None:
    assert config(stack)
    for path, value in leaves(config(stack)):
        assert isinstance(value, str), f"{path}: the CLI writes it with quotes"


@pytest.mark.parametrize("stack", stacks())
def test_each_stack_is_declared_from_config_alone(stack: str) -> None:
    assert kept(stack).outputs["clusterName"]


@pytest.mark.parametrize("stack", sorted({*stacks()} - {"platform"}))
def test_each_stack_with_services_can_be_rehearsed(stack: str) -> None:
    assert gather(kept(stack)).workloads


def test_production_comes_up_in_another_region_and_names_the_old_one_nowhere() -> None:
    moved = declare(
        "prod",
        {**kept("prod").config, "petmesh:location": "us-west1"},
    )
    text = json.dumps([each.inputs for each in moved.resources], default=str)
    assert "us-west1" in text
    assert "us-central1" not in text
    assert not violations(moved)


def test_production_has_every_feature_of_gke() -> None:
    features = {key for key, name in KEYS.items() if name in GkeFeatures.model_fields}
    given = {key.removeprefix("petmesh:"): value for key, value in config("prod").items()}
    assert features - given.keys() == NOT_OF_PRODUCTION
    assert "false" not in given.values()


def test_what_dev_staging_and_production_differ_in_fits_on_a_screen() -> None:
    for stack in ("dev", "staging", "prod"):
        assert len((ROOT / f"Pulumi.{stack}.yaml").read_text().splitlines()) <= 50
