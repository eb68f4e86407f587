"""A check before an upgrade asks the live cluster what `istioctl x precheck` asks, and more."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from petmesh.upgrade import cluster
from petmesh.upgrade.cluster import Cluster
from petmesh.upgrade.declared import Istiod
from petmesh.upgrade.live import check_live
from tests.unit.upgrade.kubectl import CRDS, Kubectl, pod

OLD = Istiod("istiod", "default", "1.30.8", ())
NEW = Istiod("istiod-1-31-1", "1-31-1", "1.31.1", ())


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """The kubectl that is run, with nothing in its cluster."""
    it = Kubectl()
    monkeypatch.setattr(cluster.subprocess, "run", it)
    return it


def told(*installed: Istiod) -> list[str]:
    return [str(each) for each in check_live(Cluster("prod"), installed)]


def rule(**traffic_policy: object) -> Mapping[str, Any]:
    return {
        "kind": "DestinationRule",
        "metadata": {"namespace": "shop", "name": "cart"},
        "spec": {"host": "cart", "trafficPolicy": traffic_policy},
    }


def namespaces(*labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [
        {"metadata": {"name": f"team-{index}", "labels": each}} for index, each in enumerate(labels)
    ]


def test_nothing_is_found_in_a_cluster_that_is_ready(kubectl: Kubectl) -> None:
    kubectl.objects = {
        "namespaces": [
            *namespaces({"istio-injection": "enabled"}),
            {"metadata": {"name": "plain"}},
        ],
        "pods": [pod("a", "docker.io/istio/proxyv2:1.29.6"), {"metadata": {}, "spec": {}}],
        "destinationrules": [rule()],
    }
    assert told(OLD, NEW) == []


@pytest.mark.parametrize(("version", "lacking"), [("v1.31.9-gke.1", ["1.31.1"]), ("v1.32.0", [])])
def test_an_older_kubernetes_is_told(kubectl: Kubectl, version: str, lacking: list[str]) -> None:
    kubectl.version = version
    assert told(NEW) == [
        f"cluster: Kubernetes is {version}: Istio {each} needs 1.32 or later" for each in lacking
    ]


def test_a_version_of_kubernetes_that_says_nothing_is_told(kubectl: Kubectl) -> None:
    kubectl.version = "devel"
    assert told(NEW) == ["cluster: kubernetes: not known: its version of Kubernetes is devel"]


def test_rights_that_are_missing_are_told(kubectl: Kubectl) -> None:
    kubectl.forbidden = ["clusterroles.rbac.authorization.k8s.io", "services"]
    assert told(NEW) == [
        f"cluster: you may not create {kind} in istio-system, as the charts do"
        for kind in kubectl.forbidden
    ]


def test_an_old_gateway_api_is_told(kubectl: Kubectl) -> None:
    kubectl.gateway_api = ["v1beta1", "v1alpha2"]
    [line] = told(NEW)
    crd = "CustomResourceDefinition gateways.gateway.networking.k8s.io"
    assert line.startswith(f"{crd}: serves v1beta1, v1alpha2 and no v1, which Istio reads")


def test_objects_of_others_are_checked_too(kubectl: Kubectl) -> None:
    kubectl.objects = {"destinationrules": [rule(loadBalancer={"zoneAwareLbSetting": {}})]}
    field = "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting"
    [line] = told(OLD, NEW)
    assert line.startswith(f"DestinationRule shop/cart: {field}: the CRDs of Istio 1.30.8 don't")
    assert told(NEW) == []


def test_namespaces_of_others_are_checked_too(kubectl: Kubectl) -> None:
    kubectl.objects = {
        "namespaces": namespaces(
            {"istio-injection": "enabled"}, {"istio.io/rev": "1-29-6"}, {"istio.io/rev": "1-31-1"}
        )
    }
    assert [each.partition(": its")[0] for each in told(NEW)] == [
        "Namespace team-0: istio-injection: enabled",
        "Namespace team-1: istio.io/rev: 1-29-6",
    ]


@pytest.mark.parametrize("native", [False, True], ids=["container", "native sidecar"])
def test_proxies_that_no_istiod_would_serve_are_told(kubectl: Kubectl, *, native: bool) -> None:
    hub = "registry.example.com:5000/istio/proxyv2"
    new = f"1.32.0@sha256:{'1' * 64}"
    tags = {"old": "1.28.9", "fine": "1.29.0-distroless", "new": new, "own": "edge"}
    pods = [pod(name, f"{hub}:{tag}", native=native) for name, tag in tags.items()]
    kubectl.objects = {"pods": pods}
    old, newer, unknown = told(NEW)
    assert old.startswith("Pod shop/old: its proxy of 1.28.9 is more than 2 minor versions older")
    assert newer == "Pod shop/new: its proxy of 1.32.0 is newer than the istiod of 1.31.1"
    assert unknown == "Pod shop/own: its proxy's image has the tag edge: its version isn't known"


def test_proxies_of_an_istiod_that_would_be_gone_are_told(kubectl: Kubectl) -> None:
    image = "docker.io/istio/proxyv2:1.30.8"
    pods = [pod(each, image, revision=each) for each in ("default", "1-31-1")]
    kubectl.objects = {"pods": pods}
    [line] = told(NEW)
    assert line.startswith(
        "Pod shop/default: its proxy is of the revision default, whose istiod is"
    )
    assert told(OLD, NEW) == []
    # Their own Deployments' rolling update moves them.
    assert list(check_live(Cluster("prod"), [NEW], ["shop"])) == []


@pytest.mark.parametrize(
    ("unreadable", "questions"),
    [
        ("version", ["kubernetes"]),
        ("pods", ["proxies", "revisions"]),
        ("namespaces", ["namespaces"]),
        (CRDS, ["gateway api", "objects"]),
    ],
)
def test_what_is_not_known_is_told_and_the_rest_is_asked_all_the_same(
    kubectl: Kubectl, unreadable: str, questions: list[str]
) -> None:
    kubectl.unreadable = unreadable
    kubectl.forbidden = ["services"]
    found = told(NEW)
    error = f"not known: Error from server (Forbidden): {unreadable} is forbidden"
    assert [each for each in found if "not known" in each] == [
        f"cluster: {each}: {error}" for each in questions
    ]
    assert len(found) == len(questions) + 1


def test_a_cluster_that_cannot_be_asked_is_no_good_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = told(NEW)
    assert found
    assert all("not known: kubectl: No such file or directory" in each for each in found)


def test_the_kubectl_on_the_path_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kubectl"
    file.write_text(f'#!{sys.executable}\nprint(\'{{"serverVersion": {{"gitVersion": "v1"}}}}\')\n')
    file.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Cluster().version() == "v1"
