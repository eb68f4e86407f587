"""What the guard-rails say of a declaration that has secrets."""

from dataclasses import replace

import pytest
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from petmesh.guardrails.in_process import Finding, violations
from petmesh.guardrails.secrets import with_marks
from petmesh.guardrails.values import UNKNOWN, Confidential, plain
from petmesh.program.declaration import Resource
from tests.unit.guardrails.judged import BUDGET, alone, container, resource, workload

ADDRESS = "http://user:hunter2@charts.example.com"


def release(version: str = "1.2.3") -> Resource:
    return resource(
        "kubernetes:helm.sh/v3:Release",
        "istiod",
        chart="base",
        version=version,
        repositoryOpts={"repo": ADDRESS},
    )


def of_charts(given: Resource) -> Finding:
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


def user(password: str, *secret: str) -> Resource:
    given = resource("gcp:sql/user:User", instance="pets", password=password)
    return replace(given, secret_inputs=frozenset(secret))


def test_a_databases_password_is_a_pulumi_secret() -> None:
    [violation] = violations(alone(user("hunter2")))
    assert violation.rule == "no-credential-in-clear"
    assert "declare it as a Pulumi secret" in violation.message
    assert violations(alone(user("hunter2", "password"))) == ()


def test_a_pulumi_secret_in_a_variable_is_in_clear_all_the_same() -> None:
    env = [{"name": "DB_PASSWORD", "value": "hunter2"}]
    path = "spec.template.spec.containers[0].env[0].value"
    secret = replace(workload(containers=container(env=env)), secret_inputs=frozenset({path}))
    found = [each for each in violations(alone(secret, BUDGET)) if "hunter2" not in each.message]
    assert [each.rule for each in found] == ["no-credential-in-clear"]


def test_what_the_engine_marks_as_secret_stays_marked_for_rules() -> None:
    marked = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": "hunter2"}
    read = plain(with_marks({"password": marked, "nested": [{"key": marked}], "name": "pets"}))
    assert read == {"password": "hunter2", "nested": [{"key": "hunter2"}], "name": "pets"}
    assert isinstance(read["password"], Confidential)
    assert isinstance(read["nested"][0]["key"], Confidential)
    assert not isinstance(read["name"], Confidential)


def test_a_secret_that_isnt_known_yet() -> None:
    marked = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": UNKNOWN_STRING_VALUE}
    assert plain(unknown_checking_proxy(with_marks({"password": marked})))["password"] is UNKNOWN
