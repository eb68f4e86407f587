"""The Helm charts of the observability stack: repositories, versions, shared values."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from observability.namespace import NAMESPACE

TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Chart:
    """A chart of a repository; its version pins its images too.

    Attributes:
        name: Its name.
        repository: Its repository's address.
        version: Its version.
        images: Patterns of its images' names: a * stands for a name without a slash.
    """

    name: str
    repository: str
    version: str
    images: tuple[str, ...]


KUBE_PROMETHEUS_STACK = Chart(
    "kube-prometheus-stack",
    "https://prometheus-community.github.io/helm-charts",
    "88.5.3",
    (
        "quay.io/prometheus-operator/*",
        "quay.io/prometheus/*",
        "registry.k8s.io/kube-state-metrics/*",
    ),
)
GRAFANA = Chart(
    "grafana",
    "https://grafana-community.github.io/helm-charts",
    "12.11.1",
    ("docker.io/grafana/*",),
)
# Kiali's version is the one that Istio's release names in samples/addons/kiali.yaml.
KIALI = Chart("kiali-server", "https://kiali.org/helm-charts", "2.27.0", ("quay.io/kiali/*",))
COLLECTOR = Chart(
    "opentelemetry-collector",
    "https://open-telemetry.github.io/opentelemetry-helm-charts",
    "0.170.0",
    ("ghcr.io/open-telemetry/opentelemetry-collector-releases/*",),
)
JAEGER = Chart(
    "jaeger",
    "https://jaegertracing.github.io/helm-charts",
    "4.11.1",
    ("docker.io/jaegertracing/*",),
)

# What Pod Security's level `restricted` requires of a container.
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def restricted_pod(user: int) -> Mapping[str, object]:
    """What Pod Security's level `restricted` requires of a pod that runs as a user."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(cpu: str, memory: str, most_memory: str) -> Mapping[str, object]:
    """A container's requests of CPU and memory, and its limit of memory."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most_memory}}


def release(
    chart: Chart, values: Mapping[str, object], opts: pulumi.ResourceOptions
) -> kubernetes.helm.v3.Release:
    """Return a chart's Helm release, named as the chart is.

    Args:
        chart: The chart.
        values: What differs from the chart's own values.
        opts: The release's options; it is created after its pods' NetworkPolicies.
    """
    return kubernetes.helm.v3.Release(
        chart.name,
        name=chart.name,
        namespace=NAMESPACE,
        chart=chart.name,
        repository_opts={"repo": chart.repository},
        version=chart.version,
        values=values,
        timeout=TIMEOUT_SECONDS,
        opts=opts,
    )
