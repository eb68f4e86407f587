"""An upgrade of Istio by revision: each step is config alone, small, and can be taken back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from petmesh.program.declaration import Declaration, ProgramError, Resource
from tests.unit.declared import changed_leaves, is_after, local, manifest, manifests, release

OLD, NEW = "1.30.4", "1.31.1"
GATEWAYS = {"egressGateway": "true"}
BEFORE = {"istioVersion": OLD, **GATEWAYS}
BESIDE = {**BEFORE, "istioCanaryVersion": NEW}
ALL = ("pets", "istio-ingress", "istio-egress")
DONE = {"istioVersion": NEW, "istioUpgrades": "byRevision", **GATEWAYS}
RELEASE = "kubernetes:helm.sh/v3:Release"
VERSIONS = ("petservice-v1", "petdetailsservice-v1", "petdetailsservice-v2")
DEPLOYMENTS = {f"{name}-deployment" for name in (*VERSIONS, "petmedicalhistoryservice-v1")}


def moved(*namespaces: str) -> dict[str, str]:
    return {**BESIDE, "istioCanaryNamespaces": json.dumps(namespaces)}


def by_urn(stack: Declaration) -> dict[str, Resource]:
    return {each.urn: each for each in stack.resources}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> set[tuple[str, str]]:
    """What an up changes: the verb and the resource's name."""
    old, new = by_urn(local(**before)), by_urn(local(**after))
    return {
        *(("create", new[urn].name) for urn in new.keys() - old.keys()),
        *(("delete", old[urn].name) for urn in old.keys() - new.keys()),
        *(
            ("update", each.name)
            for urn, each in new.items()
            if urn in old and differ(old[urn], each)
        ),
    }


def differ(old: Resource, new: Resource) -> bool:
    return bool(changed_leaves(old, new))


def labels(stack: Declaration, namespace: str) -> Mapping[str, str]:
    return manifest(stack, "Namespace", namespace).inputs["metadata"]["labels"]


def pods(stack: Declaration, namespace: str) -> list[Mapping[str, str]]:
    """The annotations of the pods of a namespace."""
    if namespace != "pets":
        name = namespace.removeprefix("istio-") + "gateway"
        return [release(stack, f"istio-{name}")["values"]["podAnnotations"]]
    return [
        each.inputs["spec"]["template"]["metadata"]["annotations"]
        for each in manifests(stack, "Deployment").values()
        if each.inputs["metadata"]["namespace"] == namespace
    ]


def test_a_second_istiod_is_one_release_more_and_newer_crds() -> None:
    assert changes(BEFORE, BESIDE) == {("create", "istiod-1-31-1"), ("update", "istio-base")}
    stack = local(**BESIDE)
    second, first = release(stack, "istiod-1-31-1"), release(stack, "istiod")
    assert (second["name"], second["version"]) == ("istiod-1-31-1", NEW)
    assert second["values"] == {**first["values"], "revision": "1-31-1"}
    assert first == release(local(**BEFORE), "istiod")
    assert release(stack, "istio-base")["version"] == NEW
    # Istio's objects are validated by the istiod that all proxies have.
    assert (
        release(stack, "istio-base")["values"] == release(local(**BEFORE), "istio-base")["values"]
    )


def test_the_crds_are_the_newer_istiods_and_the_cni_plugin_the_older_ones() -> None:
    for stable, canary in ((OLD, NEW), (NEW, OLD)):
        stack = local(istioVersion=stable, istioCanaryVersion=canary)
        assert release(stack, "istio-base")["version"] == NEW
        assert release(stack, "istio-cni")["version"] == OLD


def test_the_newer_version_is_told_by_number() -> None:
    stack = local(istioVersion="1.31.9", istioCanaryVersion="1.31.10")
    assert release(stack, "istio-base")["version"] == "1.31.10"
    candidate = local(istioVersion="1.32.0-rc.1", istioCanaryVersion="1.32.0")
    assert release(candidate, "istio-base")["version"] == "1.32.0"
    assert release(candidate, "istiod-1-32-0")["version"] == "1.32.0"


@pytest.mark.parametrize(
    ("namespace", "changed"),
    [
        ("pets", {"pets-namespace", *DEPLOYMENTS}),
        ("istio-ingress", {"istio-ingress", "istio-ingressgateway"}),
        ("istio-egress", {"istio-egress", "istio-egressgateway"}),
    ],
)
def test_a_namespace_moves_by_its_label_and_with_it_its_pods(
    namespace: str, changed: set[str]
) -> None:
    assert changes(BESIDE, moved(namespace)) == {("update", name) for name in changed}
    before, after = local(**BESIDE), local(**moved(namespace))
    assert labels(before, namespace)["istio-injection"] == "enabled"
    assert labels(after, namespace)["istio.io/rev"] == "1-31-1"
    # Istio looks at no revision where there is the other label.
    assert "istio-injection" not in labels(after, namespace)
    mark = {"petmesh/istio-version": NEW, "petmesh/istio-revision": "1-31-1"}
    assert all(mark.items() <= each.items() for each in pods(after, namespace))
    for other in {*ALL} - {namespace}:
        assert labels(after, other) == labels(before, other)
        assert pods(after, other) == pods(before, other)


@pytest.mark.parametrize("namespace", ALL)
def test_no_pod_is_moved_before_its_istiod_and_its_namespace_are_ready(namespace: str) -> None:
    stack = local(**moved(namespace))
    workloads = (
        [*manifests(stack, "Deployment").values()]
        if namespace == "pets"
        else [stack.one(RELEASE, f"{namespace}gateway")]
    )
    for each in workloads:
        assert is_after(stack, each, stack.one(RELEASE, "istiod-1-31-1"))
        assert is_after(stack, each, manifest(stack, "Namespace", namespace))
    there = manifest(stack, "Namespace", namespace)
    assert is_after(stack, there, stack.one(RELEASE, "istiod-1-31-1"))


def test_the_last_step_replaces_no_pod_that_has_moved() -> None:
    assert changes(moved(*ALL), DONE) == {
        ("delete", "istiod"),
        ("update", "istio-base"),
        ("update", "istio-cni"),
    }
    base = release(local(**DONE), "istio-base")["values"]
    assert base == {"base": {"validationFailurePolicy": "Fail"}, "defaultRevision": "1-31-1"}


def test_a_stack_without_a_namespace_left_behind_goes_back_by_the_same_steps() -> None:
    back = {**DONE, "istioCanaryVersion": OLD}
    assert changes(DONE, back) == {("create", "istiod-1-30-4"), ("update", "istio-cni")}
    everywhere = {**back, "istioCanaryNamespaces": json.dumps(ALL)}
    before = {**BEFORE, "istioUpgrades": "byRevision"}
    assert changes(everywhere, before) == {("delete", "istiod-1-31-1"), ("update", "istio-base")}


def test_by_revision_another_version_is_there_before_any_pod_of_it_in_one_up() -> None:
    steps = changes({**DONE, "istioVersion": "1.31.0"}, DONE)
    assert {step for step in steps if step[0] != "update"} == {
        ("create", "istiod-1-31-1"),
        ("delete", "istiod-1-31-0"),
    }
    stack = local(**DONE)
    assert is_after(
        stack, stack.one(RELEASE, "istio-ingressgateway"), stack.one(RELEASE, "istiod-1-31-1")
    )


def test_pods_are_replaced_where_their_istiod_alone_has_another_name() -> None:
    named = {"istioVersion": OLD, **GATEWAYS, "istioUpgrades": "byRevision"}
    for namespace in ALL:
        assert pods(local(**BEFORE), namespace) != pods(local(**named), namespace)


def test_the_output_mesh_tells_which_istiod_serves_which_pods() -> None:
    services = ["petdetailsservice-v1", "petdetailsservice-v2", "petmedicalhistoryservice-v1"]
    assert local(**moved("istio-ingress")).outputs["mesh"] == [
        {
            "istiod": "istiod",
            "version": OLD,
            "namespaces": {
                "pets": [*services, "petservice-v1"],
                "istio-egress": ["istio-egressgateway"],
            },
        },
        {
            "istiod": "istiod-1-31-1",
            "version": NEW,
            "namespaces": {"istio-ingress": ["istio-ingressgateway"]},
        },
    ]


def write_charts(folder: Path, version: str, **other: Any) -> None:  # noqa: ANN401 (data)
    for chart in ("base", "cni", "istiod", "gateway"):
        (folder / chart).mkdir(parents=True)
        facts = {"name": chart, "version": version, **other}
        (folder / chart / "Chart.yaml").write_text(json.dumps(facts))


def test_a_folder_may_have_the_charts_of_several_versions(tmp_path: Path) -> None:
    for version in (OLD, NEW):
        write_charts(tmp_path / version, version)
    stack = local(istioCharts=str(tmp_path), istioVersion=OLD, istioCanaryVersion=NEW)
    assert release(stack, "istiod")["chart"] == f"{tmp_path}/{OLD}/istiod"
    assert release(stack, "istiod-1-31-1")["chart"] == f"{tmp_path}/{NEW}/istiod"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"istioVersion": "1.31.0"}, "istioVersion = 1.31.0"),
        ({"istioVersion": OLD, "istioCanaryVersion": "1.30.9"}, "istioCanaryVersion = 1.30.9"),
    ],
)
def test_a_version_without_charts_is_refused(
    tmp_path: Path, config: dict[str, str], key: str
) -> None:
    write_charts(tmp_path / OLD, OLD)
    with pytest.raises(ProgramError, match=f"^{key}: must be a version whose charts are in a fol"):
        local(istioCharts=str(tmp_path), **config)


def test_one_folder_of_charts_is_of_one_version(tmp_path: Path) -> None:
    write_charts(tmp_path, OLD)
    with pytest.raises(
        ProgramError, match=r"^istioCanaryVersion = 1\.31\.1: must be a version whose"
    ):
        local(istioCharts=str(tmp_path), istioCanaryVersion=NEW)


def test_no_revision_is_named_after_charts_without_a_version(tmp_path: Path) -> None:
    write_charts(tmp_path, "my_own")
    with pytest.raises(
        ProgramError, match=r"^istioUpgrades = byRevision: needs charts of a version"
    ):
        local(istioCharts=str(tmp_path), istioUpgrades="byRevision")
