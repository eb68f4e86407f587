"""The routes between the services, with the canary's weight."""

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY
from istio.routing import WeightedRoute, WeightedRouteArgs
from settings import Settings
from stack.services import Services


def route_versions(
    settings: Settings, services: Services, in_cluster: pulumi.ResourceOptions
) -> WeightedRoute:
    """Declare who gets which requests; returned is the route with the canary."""
    WeightedRoute(
        PETMEDICALHISTORY.name,
        WeightedRouteArgs(
            service=PETMEDICALHISTORY.name,
            namespace=settings.namespace,
            host=services.history.host,
            stable=PETMEDICALHISTORY.versions[0],
            needs=services.history.ready,
        ),
        in_cluster,
    )
    return WeightedRoute(
        PETDETAILS.name,
        WeightedRouteArgs(
            service=PETDETAILS.name,
            namespace=settings.namespace,
            host=services.details.host,
            stable=settings.stable_version,
            canary=settings.canary_version,
            canary_weight=settings.canary_weight,
            canary_mirror_percent=settings.canary_mirror_percent,
            needs=services.details.ready,
        ),
        in_cluster,
    )
