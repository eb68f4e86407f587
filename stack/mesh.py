"""The mesh, closed towards the outside, its namespaces, and what is seen of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from apps.catalog import PETSERVICE
from infra.load_balancer import PROXIES, SOURCES
from infra.platform import Platform
from istio.charts import Charts
from istio.egress_gateway import (
    EGRESS_NAMESPACE,
    EGRESS_PORT,
    EgressGateway,
    EgressGatewayArgs,
)
from istio.install import INGRESS_NAMESPACE, IstioMesh, IstioMeshArgs
from istio.namespace import MeshNamespace, MeshNamespaceArgs
from istio.network import PUBLIC_TLS, Path, api_server
from observability.stack import Observability, ObservabilityArgs
from settings import Settings
from stack.watchers import Watchers


@dataclass(frozen=True)
class Mesh:
    """What the services stand in.

    Attributes:
        istio: Istio, and the ingress gateway.
        pets: The namespace of the services.
        egress: The gateway to the outside; None where there is none.
        observability: What is seen of the mesh.
        proxy: The annotation of each pod that a proxy is injected into.
    """

    istio: IstioMesh
    pets: MeshNamespace
    egress: EgressGateway | None
    observability: Observability
    proxy: Mapping[str, str]


def install_mesh(
    settings: Settings, platform: Platform, watchers: Watchers, in_cluster: pulumi.ResourceOptions
) -> Mesh:
    """Declare Istio, the services' namespace, the egress gateway and the observability stack."""
    charts = Charts(settings.istio_release, settings.istio_charts)
    gateways = [EGRESS_NAMESPACE] if settings.egress_gateway else []
    to_api_server = api_server(settings.api_server_ranges or platform.api_server_ranges)
    istio = IstioMesh(
        "istio",
        IstioMeshArgs(
            charts=charts,
            platform=platform.helm_platform,
            ingress_service_type=settings.ingress_service_type,
            ingress_address=platform.ingress_address,
            ingress_https=bool(settings.gateway_secret),
            ingress_connections=settings.ingress_connections,
            ingress_proxies=PROXIES if settings.google_balanced else 0,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            proxies=[settings.namespace, *gateways],
            api_server=to_api_server,
            ingress_sources=SOURCES if settings.google_balanced else (),
            ingress_called=[
                Path([PETSERVICE.port], settings.namespace, {"app": PETSERVICE.name}),
                *watchers.to_collector,
            ],
            scrapers=watchers.scraping,
            istiod_scrapers=watchers.scraping_istiod,
            trace_collector=watchers.collector,
        ),
        in_cluster,
    )
    pets = MeshNamespace("pets", MeshNamespaceArgs(settings.namespace, [istio.ready]), in_cluster)
    egress = None
    if settings.egress_gateway:
        asking = Path([EGRESS_PORT], settings.namespace, {"app": PETSERVICE.name})
        is_open = settings.dog_api_enabled
        egress = EgressGateway(
            "egress",
            EgressGatewayArgs(
                charts=charts,
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                callers=[*([asking] if is_open else []), *watchers.scraping],
                called=[*([PUBLIC_TLS] if is_open else []), *watchers.to_collector],
                needs=[istio.ready],
            ),
            in_cluster,
        )
    observability = Observability(
        "observability",
        ObservabilityArgs(
            metrics=settings.metrics,
            grafana=settings.grafana,
            kiali=settings.kiali,
            tracing=settings.tracing,
            sampling_percent=settings.tracing_sampling_percent,
            access_logs=settings.access_logs,
            services=settings.namespace,
            gateways=[INGRESS_NAMESPACE, *gateways],
            api_server=to_api_server,
            needs=[istio.ready, *pets.ready, *([egress.namespace] if egress else [])],
        ),
        in_cluster,
    )
    return Mesh(istio, pets, egress, observability, charts.proxy)
