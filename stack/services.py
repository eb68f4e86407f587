"""The services: every version that runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pulumi

from apps.arguments import ServiceArgs
from apps.catalog import Catalog, Service
from apps.context import build_context
from apps.service import MeshService
from infra.platform import Platform
from istio.install import HTTP_PROXY_PORT
from istio.routing import CALLER_DEADLINE_SECONDS
from observability.tracing import service_environment
from settings import Settings, known_versions, versions_of
from stack.policies import Policies
from stack.revisions import revisions_of
from stack.telemetry import Telemetry


@dataclass(frozen=True)
class Services:
    """The services.

    Attributes:
        by_name: Each service by its name.
    """

    by_name: Mapping[str, MeshService]

    @property
    def images(self) -> Mapping[str, Mapping[str, pulumi.Output[str]]]:
        """The image reference of each version that runs, by service."""
        return {name: service.images for name, service in self.by_name.items()}

    @property
    def workloads(self) -> Sequence[str]:
        """The Deployment of each version that runs."""
        return [
            f"{name}-{version}" for name, each in self.by_name.items() for version in each.images
        ]


def deploy_services(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    policies: Policies | None,
    telemetry: Telemetry,
) -> Services:
    """Declare every service, created after its policies where they are this stack's."""
    namespace = settings.namespace
    services: dict[str, MeshService] = {}
    # One for all images, and none where all are given.
    context = cache(build_context)
    for service in catalog:
        services[service.name] = MeshService(
            ServiceArgs(
                service=service,
                namespace=namespace,
                running=versions_of(settings, catalog.versions, service.name).running,
                subsets=known_versions(settings, catalog.versions, service.name),
                registry=platform.image_registry,
                image_platform=settings.image_platform,
                given_images=settings.given_images,
                build_context=context,
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                needs=policies.ready(namespace, service, catalog.called(service))
                if policies
                else (),
                environment=_environment(settings, catalog, service, telemetry),
                annotations=revisions_of(settings).of(namespace).proxy,
            ),
            platform.after(),
        )
    return Services(services)


def _environment(
    settings: Settings, catalog: Catalog, service: Service, telemetry: Telemetry
) -> Mapping[str, str]:
    """The environment variables that a service's entry and the stack's config give it."""
    variables: dict[str, str] = {}
    for variable, name in service.entry.calls.items():
        variables[variable] = f"http://{name}:{catalog[name].port}"
    if service.entry.calls:
        variables["UPSTREAM_TIMEOUT_SECONDS"] = CALLER_DEADLINE_SECONDS
    for name, use in service.entry.outside.items():
        outside = settings.outside[name]
        variables[use.url] = f"http://{outside.host}{outside.path}"
        # Its sidecar: no name server gets an outside name, whether the host is open or not.
        variables[use.proxy] = f"http://127.0.0.1:{HTTP_PROXY_PORT}"
    variables.update(service.entry.environment)
    if telemetry.collector:
        variables.update(service_environment(service.name, settings.namespace))
    return variables
