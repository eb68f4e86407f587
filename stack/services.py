"""The services: every version that runs, and who alone may call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

from apps.catalog import PETDETAILS, PETMEDICALHISTORY, PETSERVICE, VERSIONS, Service, callers
from apps.service import MeshService, MeshServiceArgs
from infra.platform import Platform
from istio.egress_gateway import EGRESS, EGRESS_HOST, EGRESS_NAMESPACE, EGRESS_PORT
from istio.install import HTTP_PROXY_PORT, INGRESS
from istio.network import PUBLIC_TLS, NetworkPeer, default_deny
from istio.pods import Pods
from istio.routing import CALLER_DEADLINE_SECONDS
from istio.security import allow_nothing
from observability.tracing import service_environment
from settings import Settings, known_versions
from stack.mesh import Mesh
from stack.options import after
from stack.telemetry import Telemetry


@dataclass(frozen=True)
class Services:
    """The services.

    Attributes:
        petservice: The public one.
        details: Its back end with a canary.
        history: Its other back end.
        guards: The policies that deny what no other policy allows.
    """

    petservice: MeshService
    details: MeshService
    history: MeshService
    guards: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class _Outside:
    """What a service calls besides other services: hosts, and network peers."""

    hosts: Sequence[str] = ()
    peers: Sequence[NetworkPeer] = ()


_NOTHING_OUTSIDE = _Outside()


def pods(settings: Settings, service: Service) -> Pods:
    """A service's pods."""
    return Pods(settings.namespace, service.name, {"app": service.name})


def deploy_services(
    settings: Settings,
    platform: Platform,
    mesh: Mesh,
    telemetry: Telemetry,
    in_cluster: pulumi.ResourceOptions,
) -> Services:
    """Declare the three services, and deny all other traffic in their namespace."""

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
        if telemetry.collector:
            traces = service_environment(service.name, settings.namespace)
        return MeshService(
            service.name,
            MeshServiceArgs(
                service=service,
                namespace=settings.namespace,
                running=running or service.versions,
                subsets=subsets or service.versions,
                callers=[pods(settings, each) for each in callers(service)] or [INGRESS],
                registry=platform.image_registry,
                image_platform=settings.image_platform,
                given_images=settings.given_images,
                min_replicas=settings.min_replicas,
                max_replicas=settings.max_replicas,
                needs=[mesh.istio.ready, *mesh.pets.ready],
                environment={**environment, **traces},
                annotations=mesh.proxy,
                hosts=[*outside.hosts, *telemetry.collector_hosts],
                called=[*outside.peers, *telemetry.collector_peers],
                scrapers=telemetry.scrapers,
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
            # Its sidecar: no name server gets an outside name, whether the host is open or not.
            "DOG_API_PROXY": f"http://127.0.0.1:{HTTP_PROXY_PORT}",
        },
        outside=_outside(settings),
    )
    every = (details, history, petservice)
    guards = [
        default_deny(settings.namespace, after([each.traffic for each in every], in_cluster)),
        allow_nothing(settings.namespace, after([each.policy for each in every], in_cluster)),
    ]
    return Services(petservice, details, history, guards)


def _outside(settings: Settings) -> _Outside:
    if not settings.dog_api_enabled:
        return _NOTHING_OUTSIDE
    host = f"./{settings.dog_api_host}"
    if settings.egress_gateway:
        return _Outside(
            [host, f"{EGRESS_NAMESPACE}/{EGRESS_HOST}"], [NetworkPeer.of(EGRESS, EGRESS_PORT)]
        )
    return _Outside([host], [PUBLIC_TLS])
