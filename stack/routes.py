"""The routes between the services, with the canary's weight."""

from collections.abc import Mapping

import pulumi

from apps.catalog import Catalog, Service
from infra.platform import Platform
from istio.routing import Release, release_route
from settings import Settings
from stack.services import Services


def release_of(settings: Settings, service: Service) -> Release:
    """The versions of a service that get requests, and their weights."""
    if service.name != settings.canary_service:
        return Release(
            service.name,
            settings.namespace,
            stable=service.versions[0],
            is_safe=service.is_safe,
        )
    return Release(
        service.name,
        settings.namespace,
        stable=settings.stable_version,
        canary=settings.canary_version,
        canary_weight=settings.canary_weight,
        canary_mirror_percent=settings.canary_mirror_percent,
        is_safe=service.is_safe,
    )


def route_versions(
    settings: Settings, catalog: Catalog, platform: Platform, services: Services
) -> pulumi.Output[Mapping[str, int]]:
    """Declare the routes, and return the weights of the canary's once it is in force."""
    weights = release_of(settings, catalog[settings.canary_service]).weights
    in_force = pulumi.Output.from_input(weights)
    for service in catalog:
        if not catalog.callers(service):
            continue
        ready = services.by_name[service.name].ready
        route = release_route(release_of(settings, service), platform.after(*ready))
        if service.name == settings.canary_service:
            in_force = route.id.apply(lambda _: weights)
    return in_force
