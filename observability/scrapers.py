"""Who scrapes the mesh's proxies, for their NetworkPolicies to let in."""

from collections.abc import Mapping, Sequence

from istio.network import CONTROL_PLANE_METRICS_PORT, Path

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
        "prometheus": [Path([MERGED_PORT], namespace)],
        "managed": [Path([ENVOY_PORT], MANAGED_NAMESPACE)],
    }
    scraped = proxies.get(metrics, ())
    return scraped, [Path([CONTROL_PLANE_METRICS_PORT], each.namespace) for each in scraped]
