"""Who scrapes the mesh's proxies, for their NetworkPolicies to let in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from istio.network import CONTROL_PLANE_METRICS_PORT, Path
from observability.paths import labelled

# Its pods, by the operator.
PROMETHEUS_APP = "prometheus"
# A proxy's own metrics merged with its service's, and its own alone.
MERGED_PORT = 15020
ENVOY_PORT = 15090
# https://cloud.google.com/stackdriver/docs/managed-prometheus/setup-managed
MANAGED_NAMESPACE = "gmp-system"


def scrapers(metrics: str, namespace: str) -> tuple[Sequence[Path], Sequence[Path]]:
    """The paths of what scrapes the proxies, and of what scrapes istiod.

    Args:
        metrics: The setting `metrics`.
        namespace: The namespace of the observability stack.
    """
    proxies: Mapping[str, Sequence[Path]] = {
        "prometheus": [Path([MERGED_PORT], namespace, labelled(PROMETHEUS_APP))],
        "managed": [Path([ENVOY_PORT], MANAGED_NAMESPACE)],
    }
    scraped = proxies.get(metrics, ())
    return scraped, [replace(each, ports=[CONTROL_PLANE_METRICS_PORT]) for each in scraped]
