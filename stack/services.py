"""The services: every version that runs, and who alone may call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pulumi

from apps.arguments import ServiceArgs, pods
from apps.catalog import Catalog, Service
from apps.context import build_context
from apps.service import MeshService
from infra.platform import Platform
from istio.egress_gateway import EGRESS, EGRESS_HOST, EGRESS_NAMESPACE, EGRESS_PORT
from istio.install import HTTP_PROXY_PORT, INGRESS
from istio.network import PUBLIC_TLS, NetworkPeer, default_deny
from istio.routing import CALLER_DEADLINE_SECONDS
from istio.security import allow_nothing
from observability.tracing import service_environment
from settings import Settings, known_versions, versions_of
from stack.mesh import InstalledMesh
from stack.telemetry import Telemetry


@dataclass(frozen=True)
class Services:
    """The services.

    Attributes:
        by_name: Each service by its name.
        guards: The policies that deny what no other policy allows.
    """

    by_name: Mapping[str, MeshService]
    guards: Sequence[pulumi.Resource]

    @property
    def images(self) -> Mapping[str, Mapping[str, pulumi.Output[str]]]:
        """The image reference of each version that runs, by service."""
        return {name: service.images for name, service in self.by_name.items()}


def deploy_services(
    settings: Settings,
    catalog: Catalog,
    platform: Platform,
    mesh: InstalledMesh,
    telemetry: Telemetry,
) -> Services:
    """Declare every service, and deny all other traffic and requests in their namespace."""
    services: dict[str, MeshService] = {}
    # One for all images, and none where all are given.
    context = cache(build_context)
    for service in catalog:
        hosts, peers = _outside(settings, service)
        callers = [pods(each, settings.namespace) for each in catalog.callers(service)]
        services[service.name] = MeshService(
            ServiceArgs(
                service=service,
                namespace=settings.namespace,
                running=versions_of(settings, catalog.versions, service.name).running,
                subsets=known_versions(settings, catalog.versions, service.name),
                callers=[*callers, *([INGRESS] if service.entry.public else [])],
                calls=catalog.called(service),
                registry=platform.image_registry,
                image_platform=settings.image_platform,
                given_images=settings.given_images,
                build_context=context,
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                needs=[mesh.istio.ready, *mesh.namespace.ready],
                environment=_environment(settings, catalog, service, telemetry),
                annotations=mesh.proxy,
                hosts=[*hosts, *telemetry.collector_hosts],
                peers=[*peers, *telemetry.collector_peers],
                scrapers=telemetry.scrapers,
            ),
            platform.after(),
        )
    every = services.values()
    guards = [
        default_deny(settings.namespace, platform.after(*(each.traffic for each in every))),
        allow_nothing(settings.namespace, platform.after(*(each.policy for each in every))),
    ]
    return Services(services, guards)


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


def _outside(settings: Settings, service: Service) -> tuple[Sequence[str], Sequence[NetworkPeer]]:
    """The outside hosts that a service may call, and what it connects to for them."""
    open_hosts = [
        f"./{settings.outside[name].host}"
        for name in service.entry.outside
        if settings.outside[name].is_open
    ]
    if not open_hosts:
        return (), ()
    if settings.egress_gateway:
        gateway = NetworkPeer.of(EGRESS, EGRESS_PORT)
        return [*open_hosts, f"{EGRESS_NAMESPACE}/{EGRESS_HOST}"], [gateway]
    return open_hosts, [PUBLIC_TLS]
