"""An upgrade of Istio: the pods that have a proxy of the version before get another."""

from pathlib import Path

import pytest

from istio import idle
from petmesh.program.declaration import Declaration, ProgramError
from tests.unit.declared import is_after, local, manifest, manifests

CHARTS = ("base", "cni", "istiod", "gateway")


def proxies(stack: Declaration) -> dict[str, str]:
    """What each workload's pods say of the Istio that injects their proxies."""
    services = {
        name: each.inputs["spec"]["template"]["metadata"]["annotations"]
        for name, each in manifests(stack, "Deployment").items()
        if each.inputs["metadata"]["namespace"] == "pets"
    }
    gateways = {
        each.name: each.inputs["values"]["podAnnotations"]
        for each in stack.of_type("kubernetes:helm.sh/v3:Release")
        if each.name.endswith("gateway")
    }
    return {name: each["petmesh/istio-version"] for name, each in {**services, **gateways}.items()}


def test_an_upgrade_of_istio_rolls_every_pod_that_has_a_proxy() -> None:
    before, after = (
        local(egressGateway="true", istioVersion=version) for version in ("1.30.3", "1.31.1")
    )
    assert len(proxies(before)) == 6
    assert {*proxies(before).values()} == {"1.30.3"}
    assert proxies(after) == dict.fromkeys(proxies(before), "1.31.1")
    istiod = after.one("kubernetes:helm.sh/v3:Release", "istiod")
    for name in manifests(after, "Deployment"):
        assert is_after(after, manifest(after, "Deployment", name), istiod)


@pytest.mark.parametrize("text", ["", "name: istiod", "version: [", "- 1.31.1", "version: ''"])
def test_a_folder_whose_charts_have_no_version_is_refused(tmp_path: Path, text: str) -> None:
    for chart in CHARTS:
        (tmp_path / chart).mkdir()
        (tmp_path / chart / "Chart.yaml").write_text(text)
    with pytest.raises(ProgramError, match=r"^istioCharts = .*: must be "):
        local(istioCharts=str(tmp_path))


def test_a_folder_of_charts_has_a_version_of_its_own(tmp_path: Path) -> None:
    for chart in CHARTS:
        (tmp_path / chart).mkdir()
        (tmp_path / chart / "Chart.yaml").write_text(f"name: {chart}\nversion: 1.30.7\n")
    assert {*proxies(local(istioCharts=str(tmp_path))).values()} == {"1.30.7"}


def test_none_of_them_goes_before_another_is_ready() -> None:
    stack = local(egressGateway="true", minReplicas="8", maxReplicas="8")
    gateways = [
        each.inputs["values"]["strategy"]
        for each in stack.of_type("kubernetes:helm.sh/v3:Release")
        if each.name.endswith("gateway")
    ]
    services = [each.inputs["spec"]["strategy"] for each in manifests(stack, "Deployment").values()]
    assert (len(gateways), len(services)) == (2, 4)
    for each in (*gateways, *services):
        assert each == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_a_gateway_that_ends_answers_what_its_connections_still_ask() -> None:
    stack = local(egressGateway="true")
    gateways = [
        each.inputs["values"]
        for each in stack.of_type("kubernetes:helm.sh/v3:Release")
        if each.name.endswith("gateway")
    ]
    assert len(gateways) == 2
    for values in gateways:
        assert values["env"] == {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"}
        # A connection without a request is closed by then.
        assert values["terminationGracePeriodSeconds"] > idle.GATEWAY
