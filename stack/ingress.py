"""The ingress: the routes of the public services, and what guards them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from apps.catalog import Catalog
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.platform import Platform
from istio.certificate import ingress_certificate
from istio.ingress import PublicHosts, ingress_gateway, public_route
from istio.ingress_filters import edge_filter, rate_limit
from istio.install import (
    HTTP_PORT,
    INGRESS,
    INGRESS_GATEWAY,
    INGRESS_HEALTH,
    INGRESS_NAMESPACE,
    IstioMesh,
)
from istio.security import allow_anybody, allow_nothing
from settings import Settings
from stack.labels import resource_labels
from stack.mesh import InstalledMesh
from stack.routes import release_of
from stack.services import Services


@dataclass(frozen=True)
class Ingress:
    """How the public services are reached.

    Attributes:
        url: The first host's, without a path.
        address: The load balancer's IP address; None where there is none.
        dns_records: The records that the hosts' zones must hold; None unless Google certifies them.
        routes: The route of each public service, by its name.
    """

    url: str
    address: pulumi.Output[str] | None
    dns_records: pulumi.Output[list[str]] | None
    routes: Mapping[str, pulumi.CustomResource]


def publish(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    mesh: InstalledMesh,
    services: Services,
) -> Ingress:
    """Declare the public routes, what guards them, and the load balancer in front of them."""
    istio = mesh.istio
    front = PublicHosts(
        hosts=settings.ingress_hosts,
        https=settings.ingress_tls != "none",
        tls_secret=settings.gateway_secret,
        forwarded=bool(istio.port_forward) and not settings.google_balanced,
    )
    needs = [
        istio.ingress_ready,
        *(each for service in catalog.public for each in services.by_name[service.name].ready),
        *services.guards,
        *_guards(settings, catalog, platform, istio),
    ]
    gateway = ingress_gateway(front, platform.after(*needs))
    routes = {
        service.name: public_route(
            front,
            service.entry.public,
            release_of(settings, catalog, service),
            platform.after(gateway, *needs),
        )
        for service in catalog.public
    }
    if not settings.google_balanced:
        return Ingress(front.url, istio.ingress_address, None, routes)
    health_port, health_path = INGRESS_HEALTH
    balancer = LoadBalancer(
        "edge",
        LoadBalancerArgs(
            name=settings.cluster_name,
            hosts=settings.ingress_hosts,
            namespace=INGRESS_NAMESPACE,
            service=INGRESS_GATEWAY,
            port=HTTP_PORT,
            health_port=health_port,
            health_path=health_path,
            deletion_protection=settings.deletion_protection,
            labels=resource_labels(settings),
            cloud_armor=settings.cloud_armor,
            needs=[istio.ingress_ready],
        ),
        platform.after(),
    )
    return Ingress(front.url, balancer.address, balancer.dns_records, routes)


def _guards(
    settings: Settings, catalog: Catalog, platform: Platform, istio: IstioMesh
) -> list[pulumi.Resource]:
    """Declare what the public routes are created after: the gateway's policies and filters."""
    opts = platform.after(istio.ingress_ready)
    # Which hosts and paths lead anywhere, the routes decide.
    methods = [*dict.fromkeys(each for one in catalog.public for each in one.entry.methods)]
    allowed = allow_anybody(INGRESS, {"methods": methods}, opts)
    guards: list[pulumi.Resource] = [
        allow_nothing(INGRESS_NAMESPACE, platform.after(allowed)),
        edge_filter(balanced=settings.google_balanced, opts=opts),
    ]
    if settings.ingress_tls == "certManager":
        guards.append(
            ingress_certificate(
                settings.ingress_hosts, settings.ingress_issuer, settings.gateway_secret, opts
            )
        )
    if settings.ingress_requests_per_second:
        guards.append(rate_limit(settings.ingress_requests_per_second, opts))
    return guards
