"""What is reached outside of the mesh: the dog API while it is on, through the gateway or not."""

import pulumi

from apps.catalog import PETSERVICE
from istio.egress import ExternalHost, ExternalHostArgs, outside_routes
from istio.egress_gateway import EGRESS_NAMESPACE, EgressRoute, EgressRouteArgs
from istio.security import NothingElse
from settings import Settings
from stack.mesh import Mesh
from stack.services import Services, caller


def open_outside(
    settings: Settings, mesh: Mesh, services: Services, in_cluster: pulumi.ResourceOptions
) -> None:
    """Declare the dog API to petservice, and have the egress gateway let nothing else out."""
    ready: list[pulumi.Resource] = [*mesh.pets.ready]
    routes = outside_routes(settings.dog_api_host)
    if mesh.egress:
        let_through = [mesh.egress.ready]
        if settings.dog_api_enabled:
            route = EgressRoute(
                "dog-api-egress",
                EgressRouteArgs(
                    host=settings.dog_api_host,
                    caller=caller(settings, PETSERVICE),
                    methods=["GET"],
                    needs=[*ready, services.petservice.paths, mesh.egress.ready],
                ),
                in_cluster,
            )
            let_through.append(route.policy)
            ready.extend(route.ready)
            routes = route.routes
        NothingElse("egress-allow-nothing", EGRESS_NAMESPACE, let_through, in_cluster)
    if settings.dog_api_enabled:
        ExternalHost(
            "dog-api",
            ExternalHostArgs(settings.dog_api_host, settings.namespace, ready, routes),
            in_cluster,
        )
