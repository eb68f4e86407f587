"""A check before an upgrade tells what the declared istiods would break of a stack's objects."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from petmesh.program.declaration import Declaration, Resource
from petmesh.upgrade.declared import check_declared, rolled_namespaces
from petmesh.upgrade.findings import SUPPORTED
from tests.unit.declared import local

BOTH = {"istioVersion": "1.30.8", "istioCanaryVersion": "1.31.1"}


def told(declaration: Declaration) -> list[str]:
    return [str(each) for each in check_declared(declaration)]


def altered(name: str, change: Callable[[Any], object], **config: str) -> Declaration:
    """The stack with the inputs of the resources of a name changed in place."""
    declaration = local(**config)

    def one(resource: Resource) -> Resource:
        if resource.name != name:
            return resource
        inputs = copy.deepcopy(dict(resource.inputs))
        change(inputs)
        return replace(resource, inputs=inputs)

    return replace(declaration, resources=tuple(map(one, declaration.resources)))


@pytest.mark.parametrize("minor", SUPPORTED)
def test_a_stack_with_everything_on_fits_each_supported_version(minor: str) -> None:
    everything = {
        "egressGateway": "true",
        "dogApiEnabled": "true",
        "canaryMirrorPercent": "10",
        "ingressRequestsPerSecond": "5",
        "metrics": "prometheus",
        "tracing": "jaeger",
        "ingressTls": "secret",
    }
    assert told(local(istioVersion=f"{minor}.0", **everything)) == []


@pytest.mark.parametrize(
    "namespaces", ["[]", '["pets"]', '["istio-ingress"]', '["pets", "istio-ingress"]']
)
def test_each_step_of_an_upgrade_by_revision_breaks_nothing(namespaces: str) -> None:
    assert told(local(**BOTH, istioCanaryNamespaces=namespaces)) == []


def test_the_namespaces_of_its_own_workloads_are_rolled_by_an_up() -> None:
    assert rolled_namespaces(local()) == {"pets", "istio-ingress"}


def test_nothing_is_known_of_a_version_that_is_not_supported() -> None:
    assert told(local(istioVersion="1.28.3")) == [
        "Release istiod: version 1.28.3: nothing is known of it: it must be one of 1.31, 1.30, 1.29"
    ]


def test_a_field_that_the_older_version_would_drop_is_named() -> None:
    def keep_alive(inputs: Any) -> None:  # noqa: ANN401 (data)
        pool = inputs["spec"]["trafficPolicy"]["connectionPool"]
        pool.setdefault("http", {})["http2KeepAlive"] = {"interval": "10s"}

    rule = "petdetailsservice-destination"
    [line] = told(altered(rule, keep_alive, **BOTH))
    assert line == (
        "DestinationRule pets/petdetailsservice: "
        "spec.trafficPolicy.connectionPool.http.http2KeepAlive: "
        "the CRDs of Istio 1.30.8 don't know it, and drop it"
    )
    assert told(altered(rule, keep_alive)) == []


def test_a_value_that_a_version_refuses_is_named() -> None:
    def weigh(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["spec"]["http"][0]["route"][0]["weight"] = "all"

    [line] = told(altered("petdetailsservice-route", weigh))
    assert line.startswith("VirtualService pets/petdetailsservice: spec.http[0].route[0].weight = ")
    assert line.endswith("the CRDs of Istio 1.31.1 refuse it")


@pytest.mark.parametrize(
    ("pattern", "versions"),
    [(r"^1\.30.*", ["1.31.1"]), (r"^1\.3", []), (r"^1\.2[0-9]", ["1.30.8", "1.31.1"]), ("(", None)],
)
def test_a_filter_for_other_proxies_is_told(pattern: str, versions: list[str] | None) -> None:
    def limit(inputs: Any) -> None:  # noqa: ANN401 (data)
        for patch in inputs["spec"]["configPatches"][:1]:
            patch.setdefault("match", {})["proxy"] = {"proxyVersion": pattern}

    lines = told(altered("edge-filter", limit, **BOTH))
    expected = ["1.30.8", "1.31.1"] if versions is None else versions
    assert [each.rpartition(" ")[2] for each in lines] == expected
    assert all("it isn't applied to proxies of" in each for each in lines)


def test_a_namespace_whose_revision_is_gone_is_told() -> None:
    def keep(inputs: Any) -> None:  # noqa: ANN401 (data)
        inputs["metadata"]["labels"].update({"istio-injection": "enabled"})

    [line] = told(altered("pets-namespace", keep, istioUpgrades="byRevision"))
    assert line.startswith(
        "Namespace pets: istio-injection: enabled: its new pods would get no pro"
    )
    assert line.endswith("istio.io/rev with a revision that is declared, which is 1-31-1")


@pytest.mark.parametrize(
    ("release", "version", "text"),
    [
        ("istio-base", "1.30.8", "CRDs of 1.30.8 are older than the istiod of 1.31.1"),
        ("istio-cni", "1.29.6", "1.29.6 doesn't serve the proxies of 1.31.1"),
        ("istio-ingressgateway", "1.31.4", "1.31.4 is newer than the istiod of 1.31.1"),
    ],
)
def test_charts_that_do_not_go_together_are_told(release: str, version: str, text: str) -> None:
    wrong = altered(release, lambda inputs: inputs.update(version=version))
    assert told(wrong) == [f"Release {release}: {text}"]


def test_the_version_of_charts_in_a_folder_is_theirs(tmp_path: Path) -> None:
    for chart in ("base", "cni", "istiod", "gateway"):
        (tmp_path / chart).mkdir()
        (tmp_path / chart / "Chart.yaml").write_text(f"name: {chart}\nversion: 1.27.1\n")
    [line] = told(local(istioCharts=str(tmp_path)))
    assert "version 1.27.1: nothing is known of it" in line
