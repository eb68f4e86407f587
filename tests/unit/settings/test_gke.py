"""The table of the cluster's settings: nothing is missing, misspelt or without a reason."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pulumi_gcp as gcp
import pytest

from docs.gke_settings import NONE, declared, inputs, settings
from tests.unit.declared import leaves

SETTINGS = {(kind, path): told for kind, path, told in settings()}
OF_GOOGLE = [key for key in SETTINGS if key[0] != "Namespace"]
# What the resources are called, which others they belong to, and what of a setting another tells.
NO_SETTINGS = re.compile(
    r"name|cluster|network|subnetwork|(?:node)?location|initialNodeCount|removeDefaultNodePool"
    r"|ipAllocationPolicy\..*SecondaryRangeName|.*masterIpv4CidrBlock|nodeConfig\.(?:serviceAccount"
    r"|oauthScopes|metadata\..*|diskSizeGb|confidentialNodes\.enabled)|autoscaling\..*"
    r"|databaseEncryption\.keyName|secretManagerConfig\.rotationConfig\.enabled"
    r"|notificationConfig\.pubsub\.topic|maintenancePolicy\..*(?:Time|exclusionName)"
    r"|upgradeSettings\.(?:max.*|blueGreenSettings\..*)|(?:nodeConfig\.)?resourceLabels\..*"
)


@pytest.mark.parametrize("key", SETTINGS, ids="/".join)
def test_where_production_has_another_value_than_a_reference_the_table_says_why(
    key: tuple[str, str],
) -> None:
    told = SETTINGS[key]
    given = {told[each] for each in ("safer", "golden") if each in told}
    if given - {declared("prod", *key)} or declared("prod", *key) == NONE:
        assert told.get("why"), key


def arguments(class_name: str) -> dict[str, str]:
    """The names in Google's API of what a class of the provider's SDK takes, and their types."""
    taken = inspect.signature(getattr(gcp.container, class_name).__init__).parameters
    return {
        re.sub(r"_(\w)", lambda letter: letter[1].upper(), name): str(each.annotation)
        for name, each in taken.items()
    }


@pytest.mark.parametrize(("kind", "path"), OF_GOOGLE)
def test_each_setting_is_one_that_the_provider_knows(kind: str, path: str) -> None:
    class_name = f"{kind}Args"
    for key in path.split("."):
        known = arguments(class_name)
        assert key in known, path
        [*inner] = re.findall(r"'?(\w+Args)'?", known[key])
        class_name = inner[0] if inner else ""


def set_by(stack: str, kind: str) -> Iterator[str]:
    found: Any = inputs(stack)[kind]
    # The pool that the cluster is created with is removed right away.
    kept = {key: each for key, each in found.items() if (kind, key) != ("Cluster", "nodeConfig")}
    for path, _ in leaves(kept):
        yield re.sub(r"\[\d+\]", "", path)


@pytest.mark.parametrize("kind", ["Cluster", "NodePool"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_table_has_whatever_a_stack_sets(stack: str, kind: str) -> None:
    told = {path for each, path in SETTINGS if each == kind}
    unsaid = {path for path in set_by(stack, kind) if not NO_SETTINGS.fullmatch(path)}
    assert unsaid - told == set()
