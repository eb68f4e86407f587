"""The routes between the services, with the canary's weight."""

from collections.abc import Mapping

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY
from istio.routing import Release, release_route
from settings import Settings
from stack.options import after
from stack.services import Services


def route_versions(
    settings: Settings, services: Services, in_cluster: pulumi.ResourceOptions
) -> pulumi.Output[Mapping[str, int]]:
    """Declare the routes, and return the weights of the canary's once it is in force."""
    history = Release(
        PETMEDICALHISTORY.name, settings.namespace, stable=PETMEDICALHISTORY.versions[0]
    )
    release_route(history, after(services.history.ready, in_cluster))
    details = Release(
        PETDETAILS.name,
        settings.namespace,
        stable=settings.stable_version,
        canary=settings.canary_version,
        canary_weight=settings.canary_weight,
        canary_mirror_percent=settings.canary_mirror_percent,
    )
    route = release_route(details, after(services.details.ready, in_cluster))
    return route.id.apply(lambda _: details.weights)
