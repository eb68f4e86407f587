"""What is public: petservice, by the ingress gateway, once all that guards it is there."""

from dataclasses import dataclass

import pulumi

from apps.catalog import PETSERVICE
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from istio.certificate import IssuedCertificate, IssuedCertificateArgs
from istio.edge import Edge, EdgeArgs
from istio.ingress import PublicRoute, PublicRouteArgs
from istio.install import (
    HTTP_PORT,
    INGRESS_GATEWAY,
    INGRESS_HEALTH,
    INGRESS_NAMESPACE,
    INGRESS_SELECTOR,
    IstioMesh,
)
from istio.rate_limit import RateLimit, RateLimitArgs
from istio.security import NothingElse, PublicMethods, PublicMethodsArgs
from settings import Settings
from stack.mesh import Mesh
from stack.services import Services


@dataclass(frozen=True)
class Public:
    """Where the system is reached.

    Attributes:
        url: The first host's, without a path.
        address: Of the load balancer; None where there is none.
        dns_records: What the hosts' zones must hold; None unless Google certifies them.
    """

    url: str
    address: pulumi.Output[str] | None
    dns_records: pulumi.Output[list[str]] | None


def publish(
    settings: Settings, mesh: Mesh, services: Services, in_cluster: pulumi.ResourceOptions
) -> Public:
    """Declare the public route, what guards it, and the load balancer before it."""
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
        return Public(route.url, istio.ingress_address, None)
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
    return Public(route.url, balancer.address, balancer.dns_records)


def _guards(
    settings: Settings, istio: IstioMesh, in_cluster: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """What has to be at the gateway before it lets anybody in."""
    methods = PublicMethods(
        "ingress-methods",
        PublicMethodsArgs(
            gateway=INGRESS_GATEWAY,
            namespace=INGRESS_NAMESPACE,
            selector=INGRESS_SELECTOR,
            methods=PETSERVICE.methods,
            needs=[istio.ingress_ready],
        ),
        in_cluster,
    )
    nothing_else = NothingElse(
        "ingress-allow-nothing", INGRESS_NAMESPACE, [methods.policy], in_cluster
    )
    edge = Edge("edge", EdgeArgs(settings.google_balanced, [istio.ingress_ready]), in_cluster)
    guards: list[pulumi.Resource] = [nothing_else.policy, edge.ready]
    if settings.ingress_tls == "certManager":
        certificate = IssuedCertificate(
            "ingress",
            IssuedCertificateArgs(
                hosts=settings.ingress_hosts,
                issuer=settings.ingress_issuer,
                secret=settings.gateway_secret,
                needs=[istio.ingress_ready],
            ),
            in_cluster,
        )
        guards.append(certificate.ready)
    if settings.ingress_requests_per_second:
        limit = RateLimit(
            "rate-limit",
            RateLimitArgs(settings.ingress_requests_per_second, [istio.ingress_ready]),
            in_cluster,
        )
        guards.append(limit.ready)
    return guards
