"""A GKE cluster that exists: looked up by name, and asked what a cluster of this program has."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi.runtime
import pytest

from docs.gke_settings import settings
from infra.adopted_checks import CHECKS, Check, unmet
from petmesh.guardrails.in_process import violations
from petmesh.program import fake_cloud
from petmesh.program.declaration import Declaration, ProgramError
from petmesh.program.program import declare
from tests.unit.declared import PROJECT, in_cluster, local
from tests.unit.infra.lookups import own_cluster
from tests.unit.settings.reading import refusal

ADOPTED = {
    "gcp:project": PROJECT,
    "petmesh:platform": "existingGke",
    "petmesh:clusterName": "theirs",
    "petmesh:location": "europe-west4",
}
FUNCTION = "gcp:container/getCluster:getCluster"


def adopted(**config: str) -> Declaration:
    return declare("local", {**ADOPTED, **{f"petmesh:{key}": each for key, each in config.items()}})


def without(held: Any, path: str) -> Any:  # noqa: ANN401 (data)
    """The same without a setting."""
    if isinstance(held, list):
        return [without(each, path) for each in held]  # pyright: ignore[reportUnknownVariableType]
    key, _, rest = path.partition(".")
    key = key if key in held else f"{key}s"
    if not rest:
        return {name: each for name, each in held.items() if name != key}
    return {**held, key: without(held[key], rest)}


def test_a_cluster_of_this_program_meets_each_check() -> None:
    assert [*unmet(own_cluster())] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.path)
def test_what_is_not_known_is_unmet(check: Check) -> None:
    [line] = unmet(without(own_cluster(), check.path))
    assert line.startswith(f"{check.path} is not known, must be ")
    assert line.endswith(f": {check.why}")


def test_what_it_holds_instead_is_told_once() -> None:
    cluster = own_cluster()
    pool = json.loads(json.dumps(cluster["nodePools"][0]).replace("GKE_METADATA", "GCE_METADATA"))
    cluster |= {"releaseChannels": [{"channel": "RAPID"}], "nodePools": [pool, pool]}
    assert [*unmet(cluster)] == [
        "releaseChannel.channel is RAPID, must be REGULAR or STABLE: nobody upgrades it in time",
        (
            "nodePools.nodeConfig.workloadMetadataConfig.mode is GCE_METADATA, must be "
            "GKE_METADATA: pods read their node's credentials"
        ),
    ]


def test_nothing_is_known_of_an_empty_answer() -> None:
    assert len([*unmet({})]) == len(CHECKS)


def test_each_check_is_a_setting_of_the_table() -> None:
    known = {path for _, path, _ in settings()}
    assert {check.path.removeprefix("nodePools.") for check in CHECKS} <= known


def test_it_is_looked_up_and_nothing_of_it_is_declared() -> None:
    stack = adopted()
    assert not [each.urn for each in stack.resources if each.type.startswith("gcp:")]
    assert len(stack.warnings) == len(CHECKS)
    assert all(each.startswith("clusterName = theirs: ") for each in stack.warnings)
    assert "kubeconfig" in stack.secret_outputs
    known = json.loads(stack.outputs["kubeconfig"])
    [user] = known["users"]
    assert user["user"].keys() == {"exec"}
    [cluster] = known["clusters"]
    assert cluster["cluster"]["server"] == "https://203.0.113.10"
    [provider] = stack.of_type("pulumi:providers:kubernetes")
    assert provider.inputs["clusterIdentifier"] == (
        f"projects/{PROJECT}/locations/europe-west4/clusters/theirs"
    )
    assert not violations(stack)


def test_in_it_the_mesh_is_as_in_any_other_cluster() -> None:
    assert {each.urn for each in in_cluster(adopted())} == {
        each.urn for each in in_cluster(local())
    }


def test_its_dns_endpoint_is_the_way_in_where_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(token: str, args: Mapping[str, Any], config: Mapping[str, str]) -> dict[str, Any]:
        del token, config
        name = {"allowExternalTraffic": True, "endpoint": "gke-1.europe-west4.gke.goog"}
        endpoints = [{"dnsEndpointConfigs": [name]}]
        return {**args, "endpoint": "203.0.113.10", "controlPlaneEndpointsConfigs": endpoints}

    monkeypatch.setattr("petmesh.program.monitor.invoke_result", found)
    [cluster] = json.loads(adopted().outputs["kubeconfig"])["clusters"]
    assert cluster["cluster"] == {"server": "https://gke-1.europe-west4.gke.goog"}


def test_without_a_way_in_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> dict[str, Any]:
        return {}

    monkeypatch.setattr("petmesh.program.monitor.invoke_result", nothing)
    with pytest.raises(ProgramError, match=r"clusterName = theirs: neither a DNS endpoint"):
        adopted()


@pytest.mark.parametrize("version", ["1.31.14-gke.100", None])
def test_its_kubernetes_is_one_that_istio_runs_on(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(token: str, args: Mapping[str, Any], config: Mapping[str, str]) -> dict[str, Any]:
        return {**fake_cloud.invoke_result(token, args, config), "masterVersion": version}

    monkeypatch.setattr("petmesh.program.monitor.invoke_result", found)
    said = "clusterName = theirs: its version of Kubernetes "
    if version:
        with pytest.raises(ProgramError) as refused:
            adopted(istioVersion="1.31.1")
        assert str(refused.value) == f"{said}is {version}: must be 1.32 or later for Istio 1.31.1"
        assert adopted(istioVersion="1.29.6")
    else:
        assert adopted().warnings[0].startswith(f"{said}isn't known, must be 1.32 or later")


def test_a_cluster_that_is_not_there_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(token: str, _: object) -> None:
        raise Exception(f"invoke of {token} failed: theirs\nnot found")  # noqa: TRY002 (the SDK's)

    monkeypatch.setattr(pulumi.runtime, "invoke", fails)
    with pytest.raises(ProgramError) as refused:
        adopted()
    assert str(refused.value) == (
        f"clusterName = theirs: must be a GKE cluster in europe-west4 of the project {PROJECT} "
        f"that may be read: invoke of {FUNCTION} failed: theirs not found"
    )


def test_in_process_nothing_of_its_settings_is_known() -> None:
    assert [*unmet(fake_cloud.invoke_result(FUNCTION, {}, {}))] == [*unmet({})]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("gcp:project", "", "gcp:project is not set"),
        ("imageRegistry", "", 'imageRegistry = "": must be set to build'),
        ("binaryAuthorization", "true", "binaryAuthorization = true: needs platform = gke"),
        ("istioPlatform", "k3d", "istioPlatform = k3d: must be empty while platform is"),
        ("ingressTls", "googleManaged", "ingressTls = googleManaged: must be another while"),
    ],
)
def test_what_needs_a_cluster_of_its_own_is_refused(key: str, value: str, line: str) -> None:
    given = {name.removeprefix("petmesh:"): each for name, each in ADOPTED.items()}
    assert any(each.startswith(line) for each in refusal("local", **given | {key: value}))
