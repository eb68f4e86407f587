"""What scrapes the metrics of the proxies and istiod, and what collects traces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from istio.network import CONTROL_PLANE_METRICS_PORT, NetworkPeer
from observability import managed, prometheus
from observability.namespace import NAMESPACE, neighbor
from observability.tracing import COLLECTOR_APP, COLLECTOR_HOST, OTLP_PORTS
from settings import Settings


@dataclass(frozen=True)
class Telemetry:
    """The network peers of metrics and traces.

    Attributes:
        scrapers: What scrapes the proxies.
        istiod_scrapers: What scrapes istiod.
        collector: The host of the Service that receives traces; empty for no tracing.
        collector_peers: The collector, where there is one.
        collector_hosts: The collector as a Sidecar lists it, where there is one.
    """

    scrapers: Sequence[NetworkPeer]
    istiod_scrapers: Sequence[NetworkPeer]
    collector: str
    collector_peers: Sequence[NetworkPeer]
    collector_hosts: Sequence[str]


def telemetry(settings: Settings) -> Telemetry:
    """Return the peers that a stack's config has."""
    scrapers = {
        "prometheus": [neighbor(prometheus.APP, prometheus.MERGED_PORT)],
        "managed": [NetworkPeer([managed.ENVOY_PORT], managed.COLLECTORS_NAMESPACE)],
    }.get(settings.metrics, [])
    collector = COLLECTOR_HOST if settings.tracing == "jaeger" else ""
    return Telemetry(
        scrapers=scrapers,
        istiod_scrapers=[replace(each, ports=[CONTROL_PLANE_METRICS_PORT]) for each in scrapers],
        collector=collector,
        collector_peers=[neighbor(COLLECTOR_APP, *OTLP_PORTS)] if collector else [],
        collector_hosts=[f"{NAMESPACE}/{collector}"] if collector else [],
    )
