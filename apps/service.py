"""A service of the mesh: its images, its pods version by version, its callers, its destination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from apps.catalog import Service
from apps.image import ServiceImage, ServiceImageArgs
from apps.workload import PORT_NAME, Workload, WorkloadArgs
from istio.destinations import Destination, DestinationArgs
from istio.network import XDS, Path, PodPaths, PodPathsArgs
from istio.security import Caller, Callers, CallersArgs
from istio.view import View, ViewArgs


@dataclass(frozen=True)
class MeshServiceArgs:
    """What a service is made of.

    Attributes:
        service: Its facts.
        namespace: Its namespace, labelled for injection.
        running: The versions that run.
        subsets: The versions that a route can name; those that run are among them.
        callers: The workloads that may call it.
        registry: Where its images are pushed to.
        image_platform: What they are built for, such as linux/amd64.
        given_images: Images that exist already, by service and version.
        min_replicas: Fewest pods of each version.
        max_replicas: Most pods of each version.
        needs: What has to be there before its objects and its pods.
        environment: Environment variables of every version.
        annotations: The annotations of every version's pods.
        reached: Hosts besides those of the services that it calls, as namespace/name.
        reached_paths: The network paths to these.
        scrapers: The network paths to it of what scrapes its metrics.
    """

    service: Service
    namespace: str
    running: Sequence[str]
    subsets: Sequence[str]
    callers: Sequence[Caller]
    registry: pulumi.Input[str]
    image_platform: str
    given_images: Mapping[tuple[str, str], str]
    min_replicas: int
    max_replicas: int
    needs: Sequence[pulumi.Resource]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    reached: Sequence[str] = ()
    reached_paths: Sequence[Path] = ()
    scrapers: Sequence[Path] = ()


class MeshService(pulumi.ComponentResource):
    """A service that the mesh can route to, version by version.

    Attributes:
        host: The service's name in the whole cluster.
        images: The image reference of each version that runs.
        ready: What a route to the service depends on: its subsets, and the pods in them.
        policy: What lets its callers ask it.
        paths: What opens its network paths.
    """

    def __init__(
        self, name: str, args: MeshServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:apps:MeshService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        service = args.service
        self.policy: pulumi.Resource = Callers(
            f"{name}-callers",
            CallersArgs(
                service=service.name,
                namespace=args.namespace,
                callers=args.callers,
                methods=service.methods,
                paths=[service.path],
                needs=args.needs,
            ),
            opts=child,
        ).policy
        destination = Destination(
            f"{name}-destination",
            DestinationArgs(
                service.name,
                args.namespace,
                args.subsets,
                args.needs,
                answers_for_others=bool(service.calls),
            ),
            opts=child,
        )
        # Its own host too: only with it do its DestinationRule's limits hold for the calls it gets.
        known = (f"./{each.name}.{args.namespace}.svc.cluster.local" for each in _known(service))
        view = View(
            f"{name}-view",
            ViewArgs(args.namespace, [*known, *args.reached], args.needs, service.name),
            opts=child,
        ).sidecar
        self.paths: pulumi.Resource = PodPaths(f"{name}-paths", _paths(args), opts=child).policy
        after_namespace = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": service.name, "namespace": args.namespace},
            automount_service_account_token=False,
            opts=after_namespace,
        )
        endpoint = kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={
                "name": service.name,
                "namespace": args.namespace,
                "labels": {"app": service.name},
            },
            spec={
                "selector": {"app": service.name},
                "ports": [{"name": PORT_NAME, "port": service.port, "target_port": PORT_NAME}],
            },
            opts=after_namespace,
        )
        self.host = destination.host
        self.images: dict[str, pulumi.Output[str]] = {}
        self.ready: list[pulumi.Resource] = [endpoint, destination.rule]
        for version in args.running:
            image = ServiceImage(
                f"{name}-{version}",
                ServiceImageArgs(
                    service=service.name,
                    version=version,
                    registry=args.registry,
                    platform=args.image_platform,
                    reference=args.given_images.get((service.name, version)),
                ),
                opts=child,
            )
            workload = Workload(
                f"{name}-{version}",
                WorkloadArgs(
                    service=service.name,
                    version=version,
                    namespace=args.namespace,
                    port=service.port,
                    image=image.reference,
                    min_replicas=args.min_replicas,
                    max_replicas=args.max_replicas,
                    environment=args.environment,
                    annotations=args.annotations,
                    needs=[*args.needs, account, self.policy, self.paths, view],
                ),
                opts=child,
            )
            self.images[version] = image.reference
            self.ready.append(workload.deployment)
        self.register_outputs({"images": self.images})


def _known(service: Service) -> Sequence[Service]:
    return (service, *service.calls)


def _paths(args: MeshServiceArgs) -> PodPathsArgs:
    service = args.service
    return PodPathsArgs(
        name=service.name,
        namespace=args.namespace,
        labels={"app": service.name},
        callers=[
            *(Path([service.port], each.namespace, each.labels) for each in args.callers),
            *args.scrapers,
        ],
        called=[
            XDS,
            *(Path([each.port], args.namespace, {"app": each.name}) for each in service.calls),
            *args.reached_paths,
        ],
        needs=args.needs,
    )
