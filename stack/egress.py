"""Hosts outside of the mesh: the dog API while it is enabled, through the egress gateway or not."""

import pulumi

from apps.catalog import PETSERVICE
from istio.egress import ExternalHost, ExternalHostArgs, outside_routes
from istio.egress_gateway import EGRESS_NAMESPACE, EgressRoute, EgressRouteArgs
from istio.security import allow_nothing
from settings import Settings
from stack.mesh import Mesh
from stack.options import after
from stack.services import Services, pods


def allow_egress(
    settings: Settings, mesh: Mesh, services: Services, in_cluster: pulumi.ResourceOptions
) -> None:
    """Declare the dog API for petservice, and have the egress gateway refuse any other request."""
    ready: list[pulumi.Resource] = [*mesh.pets.ready]
    routes = outside_routes(settings.dog_api_host)
    if mesh.egress:
        allowed = [mesh.egress.ready]
        if settings.dog_api_enabled:
            route = EgressRoute(
                "dog-api-egress",
                EgressRouteArgs(
                    host=settings.dog_api_host,
                    caller=pods(settings, PETSERVICE),
                    methods=["GET"],
                    needs=[*ready, services.petservice.traffic, mesh.egress.ready],
                ),
                in_cluster,
            )
            allowed.append(route.policy)
            ready.extend(route.ready)
            routes = route.routes
        allow_nothing(EGRESS_NAMESPACE, after(allowed, in_cluster))
    if settings.dog_api_enabled:
        ExternalHost(
            "dog-api",
            ExternalHostArgs(settings.dog_api_host, settings.namespace, ready, routes),
            in_cluster,
        )
