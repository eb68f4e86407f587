"""The charts of two istiods go together, for each pair of minor versions that is supported."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from istio.network import ISTIOD, SYSTEM_NAMESPACE
from petmesh.mesh.istio import RELEASE, minor
from petmesh.program.declaration import Resource
from petmesh.upgrade.findings import SUPPORTED
from tests.charts.rendered import Installed, UnavailableError, install
from tests.unit.declared import local, manifest

pytestmark = pytest.mark.charts
NAMESPACES = ("pets", "istio-ingress")
# A patch release of each minor version, the oldest first.
PATCHES = ("1.29.6", "1.30.4", RELEASE)
PAIRS = [*pairwise(PATCHES)]
# From the stack's first istiod, which has no name; and between two that have one.
CASES = [(*pair, upgrades) for pair in PAIRS for upgrades in ("inPlace", "byRevision")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def between(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A stack with an older istiod and a newer one that has the pods of the services."""
    stable, canary, upgrades = request.param
    stack = local(
        istioVersion=stable,
        istioCanaryVersion=canary,
        istioUpgrades=upgrades,
        istioCanaryNamespaces='["pets"]',
        minReplicas="2",
    )
    try:
        return install(stack, tmp_path_factory.mktemp("charts"))
    except UnavailableError as error:
        pytest.skip(str(error))


def test_every_supported_minor_version_is_tested() -> None:
    assert {minor(each) for each in PATCHES} == {*SUPPORTED}


def test_no_object_is_of_two_releases(between: Installed) -> None:
    ids = Counter(
        (each.inputs["kind"], each.inputs["metadata"].get("namespace"), each.name)
        for each in between.brought
    )
    assert [each for each, count in ids.items() if count > 1] == []


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for each in selector.get("matchExpressions", ()):
        value, key = labels.get(each["key"]), each["operator"]
        fits = {
            "In": value in each.get("values", ()),
            "NotIn": value not in each.get("values", ()),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[key]
        if not fits:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def injectors(between: Installed, namespace: str) -> list[str]:
    """The Services that are asked for the proxy of a pod in a namespace."""
    labels = manifest(between.stack, "Namespace", namespace).inputs["metadata"]["labels"]
    return [
        webhook["clientConfig"]["service"]["name"]
        for each in between.of_kind("MutatingWebhookConfiguration")
        for webhook in each.inputs["webhooks"]
        if selects(webhook["namespaceSelector"], labels)
        and selects(webhook["objectSelector"], {"app": "petservice"})
    ]


def services(between: Installed) -> set[str]:
    there = between.of_kind("Service")
    return {each.name for each in there if each.inputs["metadata"]["namespace"] == SYSTEM_NAMESPACE}


def test_each_namespaces_pods_are_injected_by_their_istiod_alone(between: Installed) -> None:
    stable, canary = between.stack.outputs["mesh"]
    for namespace in NAMESPACES:
        [service] = injectors(between, namespace)
        [own] = [each["istiod"] for each in (stable, canary) if namespace in each["namespaces"]]
        assert service == own
        assert service in services(between)


def test_istios_objects_are_validated_by_the_stable_istiod(between: Installed) -> None:
    stable, _ = between.stack.outputs["mesh"]
    asked = {
        webhook["clientConfig"]["service"]["name"]
        for each in between.of_kind("ValidatingWebhookConfiguration")
        for webhook in each.inputs["webhooks"]
        if selects(webhook.get("objectSelector", {}), {})
    }
    assert asked == {stable["istiod"]}
    assert asked <= services(between)


def istiod_pods(between: Installed) -> list[Mapping[str, str]]:
    return [
        each.labels
        for each in between.pods
        if each.namespace == SYSTEM_NAMESPACE and each.workload.startswith("Deployment istiod")
    ]


def test_both_istiods_have_the_labels_of_their_policy(between: Installed) -> None:
    pods = istiod_pods(between)
    assert len(pods) == 2
    assert all(ISTIOD.labels.items() <= each.items() for each in pods)


def matched(selecting: Resource, pods: list[Mapping[str, str]]) -> int:
    selector = selecting.inputs["spec"]["selector"]
    labels = selector.get("matchLabels", selector)
    return sum(labels.items() <= each.items() for each in pods)


def test_each_istiods_service_and_budget_are_for_its_pods_alone(between: Installed) -> None:
    pods = istiod_pods(between)
    names = {each["istiod"] for each in between.stack.outputs["mesh"]}
    for kind in ("Service", "PodDisruptionBudget"):
        found = [each for each in between.of_kind(kind) if each.name in names]
        assert {each.name for each in found} == names
        assert [matched(each, pods) for each in found] == [1, 1]
