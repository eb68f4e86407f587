"""The routes of the services, with their canaries' weights, and the releases that they serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from apps.catalog import Catalog, Service
from infra.platform import Platform
from istio.ingress import public_route_name
from istio.routing import WEIGHTED, Release, release_route
from settings import Settings, Versions, known_versions, versions_of
from stack.services import Services


@dataclass(frozen=True)
class RoutedRelease:
    """A release and its routes.

    Attributes:
        release: The versions and their weights.
        versions: The same, with the config keys that say so.
        known: Every version that could run.
        routes: The VirtualServices with its weights, by their names.
    """

    release: Release
    versions: Versions
    known: Sequence[str]
    routes: Mapping[str, pulumi.CustomResource]

    @property
    def exported(self) -> Mapping[str, object]:
        """The release as the stack's output `releases` has it, once its routes are in force."""
        release = self.release
        first, *further = (self._exported_route(name) for name in self.routes)
        return {
            "service": release.service,
            "namespace": release.namespace,
            "host": release.host,
            "route": first,
            **({"furtherRoutes": further} if further else {}),
            "stable": release.stable,
            "canary": release.canary,
            "weight": self._in_force.apply(lambda _: release.canary_weight),
            "mirror": release.canary_mirror_percent,
            "keepPrevious": self.versions.keep_previous,
            "previous": self.versions.previous,
            "previousUntil": self.versions.previous_until,
            "workloads": {version: f"{release.service}-{version}" for version in self.known},
            "config": self.versions.keys,
        }

    @property
    def weights(self) -> pulumi.Output[Mapping[str, int]]:
        """Each version's percent of the requests, once the routes are in force."""
        return self._in_force.apply(lambda _: self.release.weights)

    @property
    def _in_force(self) -> pulumi.Output[list[str]]:
        return pulumi.Output.all(*(route.id for route in self.routes.values()))

    def _exported_route(self, name: str) -> Mapping[str, object]:
        return {
            "urn": self.routes[name].urn,
            "kind": "VirtualService",
            "namespace": self.release.namespace,
            "name": name,
            "http": WEIGHTED,
        }


def release_of(settings: Settings, catalog: Catalog, service: Service) -> Release:
    """The versions of a service that get requests, and their weights."""
    versions = versions_of(settings, catalog.versions, service.name)
    return Release(
        service.name,
        settings.namespace,
        stable=versions.stable,
        canary=versions.canary,
        canary_weight=versions.weight,
        canary_mirror_percent=versions.mirror_percent,
        is_safe=service.is_safe,
        keeps_users=bool(settings.user_cookie),
    )


@dataclass(frozen=True)
class InnerRoutes:
    """The routes between the services.

    Attributes:
        by_name: The VirtualServices, by the called service.
    """

    catalog: Catalog
    services: Services
    by_name: Mapping[str, pulumi.CustomResource]

    def before(self, service: Service) -> Sequence[pulumi.Resource]:
        """What a route to a service comes after: its pods, and the routes of what it calls.

        So of releases that change together, a callee's is in force first.
        """
        called = [each.name for each in self.catalog.called(service)]
        routes = [self.by_name[name] for name in called if name in self.by_name]
        return [*self.services.by_name[service.name].ready, *routes]


def route_services(
    settings: Settings, catalog: Catalog, platform: Platform, services: Services
) -> InnerRoutes:
    """Declare the routes between the services."""
    routes: dict[str, pulumi.CustomResource] = {}
    inner = InnerRoutes(catalog, services, routes)
    for service in catalog.callees_first:
        if catalog.callers(service):
            release = release_of(settings, catalog, service)
            routes[service.name] = release_route(release, platform.after(*inner.before(service)))
    return inner


def releases(
    settings: Settings,
    catalog: Catalog,
    inner: InnerRoutes,
    public: Mapping[str, pulumi.CustomResource],
) -> Mapping[str, RoutedRelease]:
    """Return every service that can have a canary with its routes, by name.

    Args:
        settings: The stack's settings.
        catalog: The services.
        inner: The routes between the services.
        public: The routes of the ingress.
    """
    return {
        service.name: RoutedRelease(
            release_of(settings, catalog, service),
            versions_of(settings, catalog.versions, service.name),
            known_versions(settings, catalog.versions, service.name),
            {
                name: declared[service.name]
                for name, declared in (
                    (public_route_name(service.name), public),
                    (service.name, inner.by_name),
                )
                if service.name in declared
            },
        )
        for service in catalog
        if service.name not in catalog.without_release
    }
