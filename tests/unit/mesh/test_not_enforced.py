"""Policies that a cluster doesn't enforce, and conditions on labels."""

from pathlib import Path

import pytest

from petmesh.mesh.network_policy import LabelSelector
from tests.unit.manifests.inputs import SHOP, omitted, read

POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, annotations: {istio.io/dry-run: "DRY"}}
spec: {action: ACTION, rules: [{}]}
"""


@pytest.mark.parametrize(
    ("dry", "action", "what"),
    [
        ("true", "DENY", "AuthorizationPolicy: dry run"),
        ("false", "AUDIT", "AuthorizationPolicy: spec.action = AUDIT"),
    ],
)
def test_what_is_not_enforced_is_listed(tmp_path: Path, dry: str, action: str, what: str) -> None:
    mesh = read(tmp_path, SHOP, POLICY.replace("DRY", dry).replace("ACTION", action))
    assert mesh.authorization_policies == ()
    assert omitted(mesh)[what] == ("default/web",)


def test_what_is_no_dry_run_is_enforced(tmp_path: Path) -> None:
    mesh = read(tmp_path, SHOP, POLICY.replace("DRY", "false").replace("ACTION", "DENY"))
    assert len(mesh.authorization_policies) == 1


@pytest.mark.parametrize(
    ("operator", "values", "labels", "fits"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {"k": "b"}, True),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("Exists", [], {"k": ""}, True),
        ("Exists", [], {}, False),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"k": "a"}, False),
    ],
)
def test_conditions_on_labels(
    operator: str, values: list[str], labels: dict[str, str], *, fits: bool
) -> None:
    expression = {"key": "k", "operator": operator, "values": values}
    selector = LabelSelector.model_validate({"matchExpressions": [expression]})
    assert selector.matches(labels) is fits
