"""Istio, the services' namespaces, the egress gateway and the observability stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.arguments import pods
from apps.catalog import Catalog
from infra.load_balancer import PROXIES, SOURCES
from infra.platform import Platform
from istio.egress_gateway import (
    EGRESS_GATEWAY,
    EGRESS_NAMESPACE,
    EGRESS_PORT,
    EgressGateway,
    EgressGatewayArgs,
)
from istio.install import INGRESS_GATEWAY, INGRESS_NAMESPACE, IstioMesh, IstioMeshArgs
from istio.namespace import MeshNamespace
from istio.network import PUBLIC_TLS, NetworkPeer, api_server
from istio.revisions import Revisions
from observability.stack import Observability, ObservabilityArgs
from settings import Settings
from stack.revisions import revisions_of
from stack.telemetry import Telemetry


@dataclass(frozen=True)
class InstalledMesh:
    """The mesh that the services run in.

    Attributes:
        istio: Istio, and the ingress gateway.
        namespaces: The namespaces of services, by name.
        egress: The egress gateway; None where there is none.
        observability: The observability stack.
        revisions: The istiods, and which namespaces are whose.
    """

    istio: IstioMesh
    namespaces: Mapping[str, MeshNamespace]
    egress: EgressGateway | None
    observability: Observability
    revisions: Revisions

    @property
    def gateways(self) -> Mapping[str, Sequence[str]]:
        """The workloads of the gateways, by namespace."""
        inner = {EGRESS_NAMESPACE: [EGRESS_GATEWAY]} if self.egress else {}
        return {INGRESS_NAMESPACE: [INGRESS_GATEWAY], **inner}


def install_mesh(
    settings: Settings, catalog: Catalog, platform: Platform, telemetry: Telemetry
) -> InstalledMesh:
    """Declare Istio, the services' namespaces, the egress gateway and the observability stack."""
    revisions = revisions_of(settings)
    gateways = [EGRESS_NAMESPACE] if settings.egress_gateway else []
    to_api_server = api_server(settings.api_server_ranges or platform.api_server_ranges)
    istio = IstioMesh(
        "istio",
        IstioMeshArgs(
            revisions=revisions,
            platform=platform.helm_platform,
            ingress_service_type=settings.ingress_service_type,
            ingress_address=platform.ingress_address,
            ingress_https=bool(settings.gateway_secret),
            ingress_connections=settings.ingress_connections,
            ingress_proxies=PROXIES if settings.google_balanced else 0,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            proxies=[*settings.hosts, *gateways],
            api_server=to_api_server,
            ingress_sources=SOURCES if settings.google_balanced else (),
            ingress_called=[
                *(
                    NetworkPeer.of(pods(each, namespace), each.port)
                    for namespace in settings.hosts
                    for each in catalog.public
                ),
                *telemetry.collector_peers,
            ],
            scrapers=telemetry.scrapers,
            istiod_scrapers=telemetry.istiod_scrapers,
            trace_collector=telemetry.collector,
        ),
        platform.after(),
    )
    namespaces = {
        each: MeshNamespace(each, revisions.of(each), [istio.ready], platform.after())
        for each in settings.hosts
    }
    egress = None
    if settings.egress_gateway:
        open_hosts = [name for name, host in settings.outside.items() if host.is_open]
        callers = [
            NetworkPeer.of(pods(each, namespace), EGRESS_PORT)
            for namespace in settings.hosts
            for each in catalog
            if any(name in each.entry.outside for name in open_hosts)
        ]
        egress = EgressGateway(
            "egress",
            EgressGatewayArgs(
                revision=revisions.of(EGRESS_NAMESPACE),
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                callers=[*callers, *telemetry.scrapers],
                called=[*([PUBLIC_TLS] if callers else []), *telemetry.collector_peers],
                needs=[istio.ready],
            ),
            platform.after(),
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
            services=[*settings.hosts],
            canary_service=settings.canary_service,
            gateways=[INGRESS_NAMESPACE, *gateways],
            api_server=to_api_server,
            needs=[
                istio.ready,
                *(each for namespace in namespaces.values() for each in namespace.ready),
                *([egress.namespace] if egress else []),
            ],
        ),
        platform.after(),
    )
    return InstalledMesh(istio, namespaces, egress, observability, revisions)
