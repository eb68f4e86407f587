"""Dashboards and metrics: what there is, in which form and order."""

from collections.abc import Mapping
from typing import Any

import pytest

from observability.charts import COLLECTOR, GRAFANA, JAEGER, KIALI, KUBE_PROMETHEUS_STACK, Chart
from petmesh.program.declaration import Declaration
from tests.unit.declared import (
    in_cluster,
    in_namespace,
    is_after,
    local,
    manifest,
    manifests,
    release,
    spec,
)
from tests.unit.observability.stacks import (
    CHARTS,
    NAMESPACE,
    PODS,
    RELEASE,
    everything,
    managed,
    placed,
    values,
)
from tests.unit.schemas import SchemaError, check

# What there is


@pytest.mark.parametrize(
    ("config", "charts"),
    [
        ({}, []),
        ({"metrics": "prometheus"}, [KUBE_PROMETHEUS_STACK]),
        ({"metrics": "prometheus", "grafana": "true"}, [KUBE_PROMETHEUS_STACK, GRAFANA]),
        ({"metrics": "prometheus", "kiali": "true"}, [KUBE_PROMETHEUS_STACK, KIALI]),
        ({"tracing": "jaeger"}, [JAEGER, COLLECTOR]),
    ],
)
def test_only_what_is_asked_for_is_there(config: Mapping[str, str], charts: list[Chart]) -> None:
    stack = local(**config)
    assert placed(stack) == {chart.name for chart in charts}
    assert (NAMESPACE in manifests(stack, "Namespace")) == bool(charts)


def test_the_managed_prometheus_places_nothing_in_the_cluster_but_what_it_is_told() -> None:
    stack = managed()
    assert not placed(stack)
    assert NAMESPACE not in manifests(stack, "Namespace")
    told = [each for each in in_cluster(stack) if "monitoring.googleapis.com" in each.type]
    assert {(each.inputs["kind"], each.inputs["metadata"].get("namespace")) for each in told} == {
        ("PodMonitoring", "pets"),
        ("PodMonitoring", "istio-ingress"),
        ("PodMonitoring", "istio-system"),
        # What the ingress counts, a namespace's own rules don't see.
        ("ClusterRules", None),
    }
    for each in told:
        assert is_after(stack, each, stack.one(RELEASE, "istiod"))
        assert is_after(stack, each, manifest(stack, "Namespace", "pets"))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_pinned_and_comes_from_its_repository(chart: Chart) -> None:
    declared = release(everything(), chart.name)
    assert declared["version"] == chart.version
    assert declared["repositoryOpts"] == {"repo": chart.repository}
    assert chart.repository.startswith("https://")


def test_the_same_alerts_are_evaluated_by_either_prometheus() -> None:
    own = spec(everything(), "PrometheusRule", "petmesh-pets")
    assert own == spec(managed(), "ClusterRules", "petmesh-pets")
    assert len(own["groups"]) == 1


def test_a_prometheus_that_is_let_in_is_told_how() -> None:
    forwards = everything().outputs["observability"]
    assert forwards == {
        "grafana": f"kubectl --namespace {NAMESPACE} port-forward service/grafana 3000:80",
        "jaeger": f"kubectl --namespace {NAMESPACE} port-forward service/jaeger 16686:16686",
        "kiali": f"kubectl --namespace {NAMESPACE} port-forward service/kiali 20001:20001",
        "prometheus": f"kubectl --namespace {NAMESPACE} port-forward "
        "service/kube-prometheus-stack-prometheus 9090:9090",
    }
    assert local().outputs["observability"] == {}


# Form


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_what_the_operator_reads_fits_its_crd(kind: str) -> None:
    [each] = manifests(everything(), kind).values()
    check(each.inputs)
    with pytest.raises(SchemaError, match="selektor"):
        check({**each.inputs, "spec": {**each.inputs["spec"], "selektor": {}}})


@pytest.mark.parametrize("access_logs", ["all", "errors", "off"])
def test_what_proxies_are_told_fits_its_crd(access_logs: str) -> None:
    check(
        manifest(
            local(accessLogs=access_logs, tracing="jaeger"), "Telemetry", "mesh-default"
        ).inputs
    )


def test_what_kubernetes_reads_fits_its_schema() -> None:
    stack = everything()
    for kind in ("NetworkPolicy", "ConfigMap", "Namespace", "Role", "ClusterRoleBinding"):
        for each in manifests(stack, kind).values():
            check(each.inputs)


# Order


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_what_the_operator_reads_comes_after_its_crds(kind: str) -> None:
    stack = everything()
    [each] = manifests(stack, kind).values()
    chart = stack.one(RELEASE, KUBE_PROMETHEUS_STACK.name)
    assert is_after(stack, each, chart)
    assert each.inputs["metadata"]["labels"] == {"release": chart.inputs["name"]}


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_is_installed_once_its_namespace_is_closed_and_its_paths_are_open(
    chart: Chart,
) -> None:
    stack = everything()
    installed = stack.one(RELEASE, chart.name)
    policies = in_namespace(stack, "NetworkPolicy", NAMESPACE)
    for name in ("default-deny", *PODS[chart]):
        assert is_after(stack, installed, policies[name])


def test_grafana_starts_with_its_dashboards() -> None:
    stack = everything()
    dashboards = manifest(stack, "ConfigMap", "grafana-dashboards")
    assert is_after(stack, stack.one(RELEASE, GRAFANA.name), dashboards)
    assert values(stack, GRAFANA.name)["dashboardsConfigMaps"] == {"petmesh": "grafana-dashboards"}


def test_kiali_starts_once_grafanas_secret_is_there() -> None:
    stack = everything()
    assert is_after(stack, stack.one(RELEASE, KIALI.name), stack.one(RELEASE, GRAFANA.name))


def test_a_change_of_weight_touches_nothing_that_watches_it() -> None:
    def watching(stack: Declaration) -> dict[str, Any]:
        return {
            each.urn: each.inputs for each in in_cluster(stack) if "VirtualService" not in each.type
        }

    config = {"metrics": "prometheus", "grafana": "true"}
    assert watching(local(**config)) == watching(local(canaryWeight="25", **config))
