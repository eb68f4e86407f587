"""Istio taken in place to another version and back, by revision and back, under a steady load.

The tests are the steps of `docs/upgrades.md`: they build on each other, in this order. Each prints
what it changed and measured: `make e2e ARGS="-rP -k istio_upgrade"`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from petmesh.mesh.istio import RELEASE as NEW
from tests.e2e.local_stack import LocalStack, kubectl
from tests.e2e.steady_load import SteadyLoad, steady_load

pytestmark = pytest.mark.cluster

PATCH, OLD = "1.30.3", "1.30.4"
Config = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Upgrade:
    """One up of an upgrade.

    Attributes:
        name: What it does.
        config: What is set before; an empty value removes the key.
        serving: Each istiod's version, and the namespaces that it serves afterwards.
    """

    name: str
    config: Config
    serving: Mapping[str, set[str]]


def by_revision(old: str, new: str) -> list[Upgrade]:
    """The four steps from one version to another."""
    done = {"istioCanaryVersion": "", "istioCanaryNamespaces": ""}
    return [
        Upgrade(
            f"{new} beside {old}",
            {"istioCanaryVersion": new},
            {old: {"pets", "istio-ingress"}, new: set()},
        ),
        Upgrade(
            f"the services to {new}",
            {"istioCanaryNamespaces": ["pets"]},
            {old: {"istio-ingress"}, new: {"pets"}},
        ),
        Upgrade(
            f"the ingress gateway to {new}",
            {"istioCanaryNamespaces": ["pets", "istio-ingress"]},
            {old: set(), new: {"pets", "istio-ingress"}},
        ),
        Upgrade(
            f"{old} removed",
            {"istioVersion": new, "istioUpgrades": "byRevision", **done},
            {new: {"pets", "istio-ingress"}},
        ),
    ]


def in_place(version: str) -> Upgrade:
    return Upgrade(
        f"in place to {version}", {"istioVersion": version}, {version: {"pets", "istio-ingress"}}
    )


UPGRADES = [
    in_place(PATCH),
    in_place(OLD),
    *by_revision(OLD, NEW),
    *by_revision(NEW, OLD),
    Upgrade(
        f"to {NEW} by revision in one up",
        {"istioVersion": NEW},
        {NEW: {"pets", "istio-ingress"}},
    ),
]


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> LocalStack:
    """The `local` stack with the old version."""
    local_stack.configure(istioVersion=OLD)
    local_stack.up()
    return local_stack


@pytest.fixture(scope="module")
def load(stack: LocalStack) -> Iterator[SteadyLoad]:  # noqa: ARG001
    image = kubectl(
        "get",
        "deployment/petservice-v1",
        "--namespace=pets",
        "--output=jsonpath={.spec.template.spec.containers[0].image}",
    )
    with steady_load(image) as sending:
        yield sending


def served(stack: LocalStack) -> Mapping[str, set[str]]:
    """What the output `mesh` says: each version, and the namespaces that it serves."""
    mesh = cast("list[dict[str, Any]]", stack.output("mesh"))
    return {each["version"]: set(each["namespaces"]) for each in mesh}


def proxies(namespace: str) -> set[str]:
    """The versions of the proxies of a namespace's pods that aren't about to end."""
    pods = json.loads(kubectl("get", "pods", f"--namespace={namespace}", "--output=json"))["items"]
    return {
        container["image"].rpartition(":")[2]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        if container["name"] == "istio-proxy"
    }


@pytest.mark.parametrize("upgrade", UPGRADES, ids=[each.name for each in UPGRADES])
def test_no_request_fails(stack: LocalStack, load: SteadyLoad, upgrade: Upgrade) -> None:
    stack.configure(**upgrade.config)

    with load.measured() as span:
        update = stack.up()

    print(
        f"{upgrade.name}: {len(update.changes)} resources in {span.seconds:.0f} s ({update}); "
        f"{span.sent} requests, {len(span.failures)} failed, the slowest took {span.slowest} s; "
        f"mesh: {stack.output('mesh')}"
    )
    assert not span.failures, "\n".join(span.failures)
    assert served(stack) == upgrade.serving
    for version, namespaces in upgrade.serving.items():
        assert {each: proxies(each) for each in namespaces} == {
            each: {version} for each in namespaces
        }
    assert not stack.up().changes
