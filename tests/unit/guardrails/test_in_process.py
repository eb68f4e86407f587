"""What the guard-rails say of a declaration that has secrets."""

from dataclasses import replace

import pytest

from petmesh.guardrails.in_process import Violation, violations
from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import alone, resource

ADDRESS = "http://user:hunter2@charts.example.com"


def release(version: str = "1.2.3") -> Resource:
    return resource(
        "kubernetes:helm.sh/v3:Release",
        "istiod",
        chart="base",
        version=version,
        repositoryOpts={"repo": ADDRESS},
    )


def of_charts(given: Resource) -> Violation:
    """What the rule on charts' versions and addresses says; another is for the password."""
    [violation] = [each for each in violations(alone(given)) if each.rule == "charts-by-version"]
    return violation


@pytest.mark.parametrize("path", ["repositoryOpts.repo", "repositoryOpts"])
def test_a_secret_that_breaks_a_rule_is_not_told(path: str) -> None:
    secret = replace(release(), secret_inputs=frozenset({path}))
    violation = of_charts(secret)
    assert violation.message == (
        "Release istiod: a [secret] of it breaks the rule: "
        "Helm charts have an exact version and come over TLS, or lie in a folder as manifests do."
    )


def test_what_is_said_of_others_is_told_beside_a_secret() -> None:
    secret = replace(release(), secret_inputs=frozenset({"repositoryOpts.repo"}))
    other = replace(release("latest"), name="other", urn=release().urn.replace("istiod", "other"))
    told = [each.message for each in violations(alone(secret, other))]
    assert sum('version is "latest"' in each for each in told) == 1
    assert not any("hunter2" in each for each in told)


@pytest.mark.parametrize("password", ["hunter2", "hunter2" * 20])
def test_a_urls_password_is_never_told(password: str) -> None:
    address = ADDRESS.replace("hunter2", password)
    told = replace(release(), inputs={**release().inputs, "repositoryOpts": {"repo": address}})
    violation = of_charts(told)
    assert 'repositoryOpts.repo is "http://[secret]@' in violation.message
    assert "hunter" not in violation.message
