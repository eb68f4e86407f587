"""The pod of a caller: whose identity it has, what it may do, and when there is none."""

from pathlib import Path

import kubernetes_validate
import pytest

from petmesh.expectations.live.asking import NotAskedError
from petmesh.expectations.live.caller_pod import Caller, manifest
from petmesh.expectations.live.callers import caller_of
from petmesh.expectations.live.outside import Address, read_address
from petmesh.expectations.model import Question
from petmesh.manifests.declaration import declare_manifests
from petmesh.mesh.gather import gather
from petmesh.rehearsal.settings import SettingsError
from tests.unit.manifests.inputs import SHOP

CALLER = Caller("shop", "web", {"app": "web"}, "web", meshed=True)


def caller(folder: Path, text: str, source: str, url: str = "http://web/") -> Caller:
    file = folder / "mesh.yaml"
    file.write_text(text)
    declaration = declare_manifests(str(file))
    mesh = gather(declaration, assume=True)
    question = Question.model_validate({"from": source, "url": url})
    return caller_of(declaration, mesh, question)


@pytest.mark.parametrize("source", ["web-v1", "default/web-v1"])
def test_a_workloads_caller_has_its_identity_and_labels(tmp_path: Path, source: str) -> None:
    labels = {"app": "web", "version": "v1"}
    assert caller(tmp_path, SHOP, source) == Caller("default", "web", labels, "web", meshed=True)


def test_one_outside_of_the_mesh_has_neither(tmp_path: Path) -> None:
    found = caller(tmp_path, SHOP, "unmeshed", "http://web.default/")
    assert found == Caller("default", "default", {}, "caller", meshed=False)


def test_what_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be one of outside, unmeshed, web-v1"):
        caller(tmp_path, SHOP, "other")
    with pytest.raises(SettingsError, match="no Service is named so"):
        caller(tmp_path, SHOP, "unmeshed", "http://other/")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("kind: Deployment", "kind: DaemonSet", "a DaemonSet would take the pod"),
        (
            "selector: {app: web}\n",
            "selector: {app: web}\n  publishNotReadyAddresses: true\n",
            "Service web sends requests to pods that aren't ready",
        ),
    ],
)
def test_no_pod_takes_requests_or_a_daemons_place(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    with pytest.raises(NotAskedError, match=why):
        caller(tmp_path, SHOP.replace(old, new), "web-v1")


def test_the_pod_is_restricted_and_ends_by_itself() -> None:
    pod = manifest(CALLER, "a", "curl")
    kubernetes_validate.validate(pod, "1.33", strict=True)
    spec = pod["spec"]
    assert spec["serviceAccountName"] == "web"
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["readinessGates"]
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", Address("10.0.0.1")),
        ("in.example.com:8080", Address("in.example.com", 8080)),
        ("2001:db8::1", Address("2001:db8::1")),
        ("[2001:db8::1]:443", Address("2001:db8::1", 443)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize("text", ["", "a:b", "a:", "http://a", "a/b", "u@a", "a:99999", ":80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--address = .*: must be HOST or HOST:PORT"):
        read_address(text)
