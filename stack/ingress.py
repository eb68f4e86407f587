"""The ingress: the way in, what guards it, and the routes of the public services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from apps.catalog import Catalog
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.platform import Platform
from istio.certificate import ingress_certificate
from istio.ingress import PublicHosts, ingress_gateway, public_route
from istio.ingress_filters import edge_filter, rate_limit, user_filter
from istio.install import (
    HTTP_PORT,
    INGRESS,
    INGRESS_GATEWAY,
    INGRESS_HEALTH,
    INGRESS_NAMESPACE,
    IstioMesh,
)
from istio.security import allow_anybody, allow_nothing
from istio.users import UserCookie
from settings import Settings
from stack.labels import resource_labels
from stack.mesh import InstalledMesh
from stack.policies import Policies
from stack.routes import InnerRoutes, release_of


@dataclass(frozen=True)
class Ingress:
    """How the public services are reached.

    Attributes:
        ready: What a public route is created after.
        address: The load balancer's IP address; None where there is none.
        dns_records: The records that the hosts' zones must hold; None unless Google certifies them.
        port_forward: The command that makes it reachable on this machine; None where it is already.
    """

    ready: Sequence[pulumi.Resource]
    address: pulumi.Input[str] | None
    dns_records: pulumi.Output[list[str]] | None
    port_forward: pulumi.Input[str] | None


def open_ingress(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    mesh: InstalledMesh,
    policies: Policies,
) -> Ingress:
    """Declare the Gateway, what guards it, and the load balancer in front of it."""
    istio = mesh.istio
    needs = [istio.ingress_ready, *policies.guards, *_guards(settings, catalog, platform, istio)]
    ready = [ingress_gateway(settings.hosts, settings.gateway_secret, platform.after(*needs))]
    if not settings.google_balanced:
        return Ingress(ready, istio.ingress_address, None, istio.port_forward)
    health_port, health_path = INGRESS_HEALTH
    balancer = LoadBalancer(
        "edge",
        LoadBalancerArgs(
            name=settings.cluster_name,
            hosts=settings.all_hosts,
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
    return Ingress(ready, balancer.address, balancer.dns_records, istio.port_forward)


def ingress_of(reference: pulumi.StackReference) -> Ingress:
    """The ingress of a platform's stack, as an application's has it."""
    address, forward = (reference.get_output(each) for each in ("ingressAddress", "portForward"))
    return Ingress((), address, None, forward)


def public_hosts(settings: Settings) -> PublicHosts:
    """The host names of the services, and how clients reach them."""
    return PublicHosts(
        hosts=settings.ingress_hosts,
        https=settings.ingress_tls != "none",
        forwarded=settings.ingress_service_type == "ClusterIP" and not settings.google_balanced,
        user_cookie=_user_cookie(settings),
    )


def publish(
    settings: Settings, catalog: Catalog, platform: Platform, ingress: Ingress, inner: InnerRoutes
) -> Mapping[str, pulumi.CustomResource]:
    """Declare the public services' routes, and return them by service."""
    front = public_hosts(settings)
    return {
        service.name: public_route(
            front,
            service.entry.public,
            release_of(settings, catalog, service),
            platform.after(*ingress.ready, *inner.before(service)),
        )
        for service in catalog.public
    }


def _guards(
    settings: Settings, catalog: Catalog, platform: Platform, istio: IstioMesh
) -> list[pulumi.Resource]:
    """Declare what the Gateway is created after: its pods' policies and filters."""
    opts = platform.after(istio.ingress_ready)
    # Which hosts and paths lead anywhere, the routes decide.
    methods = [*dict.fromkeys(each for one in catalog.public for each in one.entry.methods)]
    allowed = allow_anybody(INGRESS, {"methods": methods}, opts)
    guards: list[pulumi.Resource] = [
        allow_nothing(INGRESS_NAMESPACE, platform.after(allowed)),
        edge_filter(
            balanced=settings.google_balanced, keeps_users=bool(settings.user_cookie), opts=opts
        ),
    ]
    if settings.user_cookie:
        guards.append(user_filter(settings.user_cookie, opts))
    if settings.ingress_tls == "certManager":
        guards.append(
            ingress_certificate(
                settings.all_hosts, settings.ingress_issuer, settings.gateway_secret, opts
            )
        )
    if settings.ingress_requests_per_second:
        guards.append(rate_limit(settings.ingress_requests_per_second, opts))
    return guards


def _user_cookie(settings: Settings) -> UserCookie | None:
    """The cookie by which users keep their side of every canary; None for none."""
    if not settings.user_cookie:
        return None
    secure = ["Secure"] if settings.ingress_tls != "none" else []
    return UserCookie(
        settings.user_cookie,
        settings.user_cookie_days,
        [*dict.fromkeys([*settings.user_cookie_attributes, *secure])],
    )
