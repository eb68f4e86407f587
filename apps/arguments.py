"""The arguments that the parts of a service share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from apps.catalog import Service
from istio.network import NetworkPeer
from istio.pods import WorkloadPods


@dataclass(frozen=True)
class ServiceArgs:
    """A service, its callers and its images.

    Attributes:
        service: Its entry.
        namespace: Its namespace, labelled for injection.
        running: The versions that run.
        subsets: The versions that a route can name; those that run are among them.
        callers: The pods that may call it.
        calls: The services that it calls.
        registry: The registry that its images are pushed to.
        image_platform: The platform of its images, such as linux/amd64.
        given_images: Images that exist already, by service and version.
        build_context: Returns the path of the build context.
        min_replicas: Minimum pods of each version.
        max_replicas: Maximum pods of each version.
        needs: Resources that its own are created after.
        environment: Environment variables of every version, besides PORT and SERVICE_VERSION.
        annotations: The annotations of every version's pods.
        hosts: Hosts besides those of the services that it calls, as namespace/name.
        peers: What it connects to for these.
        scrapers: What scrapes its metrics.
    """

    service: Service
    namespace: str
    running: Sequence[str]
    subsets: Sequence[str]
    callers: Sequence[WorkloadPods]
    calls: Sequence[Service]
    registry: pulumi.Input[str]
    image_platform: str
    given_images: Mapping[tuple[str, str], str]
    build_context: Callable[[], str]
    min_replicas: int
    max_replicas: int
    needs: Sequence[pulumi.Resource]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: Sequence[str] = ()
    peers: Sequence[NetworkPeer] = ()
    scrapers: Sequence[NetworkPeer] = ()

    @property
    def pods(self) -> WorkloadPods:
        """Its pods, of all versions."""
        return pods(self.service, self.namespace)


def pods(service: Service, namespace: str) -> WorkloadPods:
    """The pods of a service in a namespace."""
    return WorkloadPods(namespace, service.name, {"app": service.name})
