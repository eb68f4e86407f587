"""The ingress: petservice's public route, and what guards it."""

from dataclasses import dataclass

import pulumi

from apps.catalog import PETSERVICE
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from istio.certificate import ingress_certificate
from istio.ingress import PublicRoute, PublicRouteArgs
from istio.ingress_filters import edge_filter, rate_limit
from istio.install import (
    HTTP_PORT,
    INGRESS,
    INGRESS_GATEWAY,
    INGRESS_HEALTH,
    INGRESS_NAMESPACE,
    IstioMesh,
)
from istio.security import allow_callers, allow_nothing
from settings import Settings
from stack.mesh import Mesh
from stack.options import after
from stack.services import Services


@dataclass(frozen=True)
class Ingress:
    """How the public service is reached.

    Attributes:
        url: The first host's, without a path.
        address: The load balancer's IP address; None where there is none.
        dns_records: The records that the hosts' zones must hold; None unless Google certifies them.
    """

    url: str
    address: pulumi.Output[str] | None
    dns_records: pulumi.Output[list[str]] | None


def publish(
    settings: Settings, mesh: Mesh, services: Services, in_cluster: pulumi.ResourceOptions
) -> Ingress:
    """Declare the public route, what guards it, and the load balancer in front of it."""
    istio = mesh.istio
    route = PublicRoute(
        "petmesh",
        PublicRouteArgs(
            hosts=settings.ingress_hosts,
            prefix="/pet/",
            host=services.petservice.host,
            port=PETSERVICE.port,
            https=settings.ingress_tls != "none",
            tls_secret=settings.gateway_secret,
            forwarded=bool(istio.port_forward) and not settings.google_balanced,
            needs=[
                istio.ingress_ready,
                *services.petservice.ready,
                *services.guards,
                *_guards(settings, istio, in_cluster),
            ],
        ),
        in_cluster,
    )
    if not settings.google_balanced:
        return Ingress(route.url, istio.ingress_address, None)
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
            needs=[istio.ingress_ready],
        ),
        in_cluster,
    )
    return Ingress(route.url, balancer.address, balancer.dns_records)


def _guards(
    settings: Settings, istio: IstioMesh, in_cluster: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Declare what the public route is created after: the policies and filters of the gateway."""
    opts = after([istio.ingress_ready], in_cluster)
    # Which hosts and paths lead anywhere, the routes decide.
    methods = allow_callers(INGRESS_GATEWAY, INGRESS, [], {"methods": PETSERVICE.methods}, opts)
    guards: list[pulumi.Resource] = [
        allow_nothing(INGRESS_NAMESPACE, after([methods], in_cluster)),
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
