"""The services: every version that runs, called by those alone that need it, and by no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, VERSIONS, Service, callers
from apps.service import MeshService, MeshServiceArgs
from infra.platform import Platform
from istio.egress_gateway import EGRESS_HOST, EGRESS_NAMESPACE, TO_EGRESS_GATEWAY
from istio.install import HTTP_PROXY_PORT, INGRESS
from istio.network import PUBLIC_TLS, NoOtherPaths, Path
from istio.routing import CALLER_DEADLINE_SECONDS
from istio.security import Caller, NothingElse
from observability.tracing import service_environment
from settings import Settings, known_versions
from stack.mesh import Mesh
from stack.watchers import Watchers


@dataclass(frozen=True)
class Services:
    """The services.

    Attributes:
        petservice: The public one.
        details: Its back end with a canary.
        history: Its other back end.
        guards: What closes the paths and refuses the requests that nothing opens or allows.
    """

    petservice: MeshService
    details: MeshService
    history: MeshService
    guards: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class _Outside:
    """What a service knows and reaches besides what it calls: hosts, and the network paths."""

    hosts: Sequence[str] = ()
    paths: Sequence[Path] = ()


_NOTHING_OUTSIDE = _Outside()


def caller(settings: Settings, service: Service) -> Caller:
    """A service as the caller of another."""
    return Caller(settings.namespace, service.name, {"app": service.name})


def deploy_services(
    settings: Settings,
    platform: Platform,
    mesh: Mesh,
    watchers: Watchers,
    in_cluster: pulumi.ResourceOptions,
) -> Services:
    """Declare the three services, and close their namespace for everybody else."""

    def deploy(
        service: Service,
        *,
        running: Sequence[str] = (),
        subsets: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        outside: _Outside = _NOTHING_OUTSIDE,
    ) -> MeshService:
        """One service: all that this checkout builds of it, unless other versions are named."""
        traces: Mapping[str, str] = {}
        if watchers.collector:
            traces = service_environment(watchers.collector, service.name, settings.namespace)
        return MeshService(
            service.name,
            MeshServiceArgs(
                service=service,
                namespace=settings.namespace,
                running=running or service.versions,
                subsets=subsets or service.versions,
                callers=[caller(settings, each) for each in callers(service)] or [INGRESS],
                registry=platform.image_registry,
                image_platform=settings.image_platform,
                given_images=settings.given_images,
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                needs=[mesh.istio.ready, *mesh.pets.ready],
                environment={**environment, **traces},
                annotations=mesh.proxy,
                reached=[*outside.hosts, *watchers.collector_view],
                reached_paths=[*outside.paths, *watchers.to_collector],
                scrapers=watchers.scraping,
            ),
            in_cluster,
        )

    details = deploy(
        PETDETAILS,
        running=settings.live_versions,
        subsets=known_versions(settings, VERSIONS),
    )
    history = deploy(PETMEDICALHISTORY)
    petservice = deploy(
        PETSERVICE,
        environment={
            "PETDETAILS_URL": f"http://{PETDETAILS.name}:{PETDETAILS.port}",
            "PETMEDICALHISTORY_URL": f"http://{PETMEDICALHISTORY.name}:{PETMEDICALHISTORY.port}",
            "UPSTREAM_TIMEOUT_SECONDS": CALLER_DEADLINE_SECONDS,
            "DOG_API_URL": f"http://{settings.dog_api_host}{settings.dog_api_path}",
            # Its sidecar: no name server is asked for an outside name, whether it is open or not.
            "DOG_API_PROXY": f"http://127.0.0.1:{HTTP_PROXY_PORT}",
        },
        outside=_outside(settings),
    )
    every = (details, history, petservice)
    closed = NoOtherPaths(
        "pets-default-deny", settings.namespace, [each.paths for each in every], in_cluster
    )
    refused = NothingElse(
        "pets-allow-nothing", settings.namespace, [each.policy for each in every], in_cluster
    )
    return Services(petservice, details, history, [closed.policy, refused.policy])


def _outside(settings: Settings) -> _Outside:
    if not settings.dog_api_enabled:
        return _NOTHING_OUTSIDE
    host = f"./{settings.dog_api_host}"
    if settings.egress_gateway:
        return _Outside([host, f"{EGRESS_NAMESPACE}/{EGRESS_HOST}"], [TO_EGRESS_GATEWAY])
    return _Outside([host], [PUBLIC_TLS])
