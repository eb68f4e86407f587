"""The arguments that the parts of a service share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from apps.catalog import Service
from istio.pods import WorkloadPods


@dataclass(frozen=True)
class ServiceArgs:
    """A service and its images.

    Attributes:
        service: Its entry.
        namespace: Its namespace, labelled for injection.
        running: The versions that run.
        subsets: The versions that a route can name; those that run are among them.
        registry: The registry that its images are pushed to.
        image_platform: The platform of its images, such as linux/amd64.
        given_images: Images that exist already, by service and version.
        build_context: Returns the path of the build context.
        min_replicas: Minimum pods of each version.
        max_replicas: Maximum pods of each version.
        needs: Resources that its own are created after: the namespace and the service's policies.
        environment: Environment variables of every version, besides PORT and SERVICE_VERSION.
        annotations: The annotations of every version's pods.
    """

    service: Service
    namespace: str
    running: Sequence[str]
    subsets: Sequence[str]
    registry: pulumi.Input[str]
    image_platform: str
    given_images: Mapping[tuple[str, str], str]
    build_context: Callable[[], str]
    min_replicas: int
    max_replicas: int
    needs: Sequence[pulumi.Resource]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


def pods(service: Service, namespace: str) -> WorkloadPods:
    """The pods of a service in a namespace."""
    return WorkloadPods(namespace, service.name, {"app": service.name})
