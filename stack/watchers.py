"""Who watches the proxies and the services, and by which network paths."""

from collections.abc import Sequence
from dataclasses import dataclass

from istio.network import Path
from observability.paths import labelled
from observability.scrapers import scrapers
from observability.stack import NAMESPACE
from observability.tracing import COLLECTOR_APP, OTLP_PORTS, collector_host
from settings import Settings


@dataclass(frozen=True)
class Watchers:
    """What scrapes metrics, and what takes traces.

    Attributes:
        scraping: The network paths of what scrapes the proxies.
        scraping_istiod: The network paths of what scrapes istiod.
        collector: The Service that takes traces; empty for no tracing.
        to_collector: The network path to it, where there is one.
        collector_view: It as a sidecar's view names it, where there is one.
    """

    scraping: Sequence[Path]
    scraping_istiod: Sequence[Path]
    collector: str
    to_collector: Sequence[Path]
    collector_view: Sequence[str]


def watchers(settings: Settings) -> Watchers:
    """Those that the settings ask for."""
    collector = collector_host(NAMESPACE) if settings.tracing == "jaeger" else ""
    scraping, scraping_istiod = scrapers(settings.metrics, NAMESPACE)
    return Watchers(
        scraping=scraping,
        scraping_istiod=scraping_istiod,
        collector=collector,
        to_collector=[Path(OTLP_PORTS, NAMESPACE, labelled(COLLECTOR_APP))] if collector else [],
        collector_view=[f"{NAMESPACE}/{collector}"] if collector else [],
    )
