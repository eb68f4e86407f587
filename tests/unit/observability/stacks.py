"""Stacks with all that watches the mesh, and what is in them."""

from typing import Any

from observability.charts import COLLECTOR, GRAFANA, JAEGER, KIALI, KUBE_PROMETHEUS_STACK
from petmesh.program.declaration import Declaration
from tests.unit.declared import gke, local, release

RELEASE = "kubernetes:helm.sh/v3:Release"
CHARTS = (KUBE_PROMETHEUS_STACK, GRAFANA, KIALI, JAEGER, COLLECTOR)
NAMESPACE = "observability"
# Whose paths have to be open before a chart starts pods.
PODS = {
    KUBE_PROMETHEUS_STACK: (
        "prometheus",
        "kube-prometheus-stack-prometheus-operator",
        "kube-state-metrics",
    ),
    GRAFANA: ("grafana",),
    KIALI: ("kiali",),
    JAEGER: ("jaeger",),
    COLLECTOR: ("opentelemetry-collector",),
}


def everything() -> Declaration:
    return local(metrics="prometheus", grafana="true", kiali="true", tracing="jaeger")


def managed() -> Declaration:
    return gke(metrics="managed")


def values(stack: Declaration, name: str) -> Any:  # noqa: ANN401 (data)
    return release(stack, name)["values"]


def placed(stack: Declaration) -> set[str]:
    """The releases in the observability namespace."""
    return {each.name for each in stack.of_type(RELEASE) if each.inputs["namespace"] == NAMESPACE}
