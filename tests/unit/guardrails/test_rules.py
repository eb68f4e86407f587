"""Each rule: what it lets pass, and what it says of one thing wrong in a real stack."""

from collections.abc import Callable
from functools import cache

import pytest

from petmesh.guardrails.pack import RULES
from petmesh.program.declaration import Declaration
from tests.unit.declared import gke, gke_otherwise, kept, local, local_otherwise, previewed, with_v3
from tests.unit.guardrails.broken import BROKEN, CONTAINER
from tests.unit.guardrails.broken_mesh import Case
from tests.unit.guardrails.judged import (
    BUDGET,
    DIGEST,
    Known,
    alone,
    broken,
    changed,
    container,
    one,
    said,
    without,
    workload,
)
from tests.unit.guardrails.made import ALLOWED, REFUSED

STACKS: dict[str, Callable[[], Declaration]] = {
    "local": lambda: local(dogApiEnabled="true", canaryWeight="10", canaryMirrorPercent="5"),
    "local otherwise": local_otherwise,
    "a version that is given": with_v3,
    "an egress gateway": lambda: local(dogApiEnabled="true", egressGateway="true"),
    "between two istiods": lambda: local(
        egressGateway="true",
        istioCanaryVersion="1.30.4",
        istioCanaryNamespaces='["pets", "istio-egress"]',
    ),
    "an istiod by revision": lambda: local(istioUpgrades="byRevision"),
    "watched, with TLS": lambda: local(
        metrics="prometheus",
        grafana="true",
        kiali="true",
        tracing="jaeger",
        ingressTls="certManager",
        ingressIssuer="corporate",
        ingressRequestsPerSecond="5",
        minReplicas="1",
    ),
    "gke": gke,
    "gke otherwise": gke_otherwise,
    "staging": lambda: kept("staging"),
    "production": lambda: kept("prod"),
    "every feature of GKE": lambda: gke(
        machineType="n2d-standard-4",
        labels='["owner=pets"]',
        kubernetesVersion="1.34",
        maintenanceExclusions='["2026-11-20/2027-01-05"]',
        rbacGroup="gke-security-groups@example.com",
        binaryAuthorization="true",
        attestors='["projects/pets-1/attestors/ci"]',
        admittedImages='["ghcr.io/team/*"]',
        encryptionKey="create",
        confidentialNodes="SEV",
        spotNodes="true",
        nodeUpgrades="blueGreen",
        upgradeNotifications="true",
        backupSchedule="0 3 * * *",
        cloudArmor="true",
        secretManager="true",
        verticalPodAutoscaling="true",
        ingressTls="googleManaged",
        ingressServiceType="ClusterIP",
        ingressHosts='["pets.example.com"]',
    ),
    "watched and certified by Google": lambda: gke(
        metrics="managed",
        tracing="jaeger",
        ingressTls="googleManaged",
        ingressServiceType="ClusterIP",
        ingressHosts='["pets.example.com"]',
        canaryVersion="v2",
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_breaks_a_rule(stack: str) -> None:
    assert said(STACKS[stack]()) == {}


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_breaks_a_rule_in_a_preview(stack: str) -> None:
    assert said(previewed(STACKS[stack]())) == {}


@cache
def known(stack: str) -> Known:
    return Known(STACKS[stack]())


def whole(rule: str) -> Known:
    """The stack that holds what a rule looks at."""
    of_google = ("iam-adds-members", "nodes-have-their-own-account", "control-plane-is-not-public")
    return known("gke" if rule in of_google else "local")


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case[0]}, {case[3]}")
def test_one_thing_wrong_in_a_stack_is_named_with_its_fix(case: Case) -> None:
    rule, kind, name, field, value, text = case
    stack = whole(rule)
    good = one(stack.resources, kind, name)
    found = stack.said_of(good, changed(good, field, value))
    assert list(found) == [rule]
    assert any(text in message for message in found[rule]), found
    assert all(": " in message.partition(" is ")[2] for message in found[rule])


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_stack_may_have(case: str) -> None:
    names, resources, text = REFUSED[case]
    found = said(alone(*resources))
    assert {*found} == {*names.split(" & ")}
    assert any(text in message for messages in found.values() for message in messages), found


@pytest.mark.parametrize("case", ALLOWED)
def test_what_a_rule_lets_pass(case: str) -> None:
    _, resources = ALLOWED[case]
    assert said(alone(*resources)) == {}


def test_every_rule_lets_something_pass_and_refuses_something() -> None:
    names = {rule.name for rule in RULES}
    assert names == {rule for rule, _ in ALLOWED.values()}
    assert names == {case[0] for case in BROKEN} | {
        rule for names, _, _ in REFUSED.values() for rule in names.split(" & ")
    }


def test_an_unknown_image_doesnt_hide_a_privileged_container() -> None:
    stack = previewed(local())
    field = f"{CONTAINER}.securityContext.privileged"
    found = said(broken(stack, "Deployment", "petservice-v1", field, value=True))
    assert list(found) == ["pods-restricted"]


def test_a_workload_without_its_budget_is_named() -> None:
    found = said(without(local(), ":PodDisruptionBudget", "petservice-v1"))
    assert list(found) == ["workloads-have-a-budget"]
    assert found["workloads-have-a-budget"][0].startswith("Deployment pets/petservice-v1: ")


def test_no_message_shows_a_credential() -> None:
    env = [{"name": "DOG_API_KEY", "value": "hunter2"}]
    found = said(alone(workload(containers=container(env=env, image=DIGEST)), BUDGET))
    assert "hunter2" not in str(found)
