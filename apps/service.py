"""A service of the mesh: its policies, destination, images, and the workload of each version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from apps.catalog import Service
from apps.image import ServiceImage, ServiceImageArgs
from apps.workload import PORT_NAME, Workload, WorkloadArgs
from istio.destinations import cluster_host, destination_rule
from istio.network import XDS, NetworkPeer, allow_traffic
from istio.pods import Pods
from istio.security import allow_callers
from istio.sidecar_scope import sidecar_scope


@dataclass(frozen=True)
class MeshServiceArgs:
    """A service, its callers and its images.

    Attributes:
        service: Its facts.
        namespace: Its namespace, labelled for injection.
        running: The versions that run.
        subsets: The versions that a route can name; those that run are among them.
        callers: The pods that may call it.
        registry: The registry that its images are pushed to.
        image_platform: The platform of its images, such as linux/amd64.
        given_images: Images that exist already, by service and version.
        min_replicas: Minimum pods of each version.
        max_replicas: Maximum pods of each version.
        needs: Resources that its own are created after.
        environment: Environment variables of every version.
        annotations: The annotations of every version's pods.
        hosts: Hosts besides those of the services that it calls, as namespace/name.
        called: What it connects to for these.
        scrapers: What scrapes its metrics.
    """

    service: Service
    namespace: str
    running: Sequence[str]
    subsets: Sequence[str]
    callers: Sequence[Pods]
    registry: pulumi.Input[str]
    image_platform: str
    given_images: Mapping[tuple[str, str], str]
    min_replicas: int
    max_replicas: int
    needs: Sequence[pulumi.Resource]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: Sequence[str] = ()
    called: Sequence[NetworkPeer] = ()
    scrapers: Sequence[NetworkPeer] = ()


class MeshService(pulumi.ComponentResource):
    """A Service with its policies and destination, and a Deployment for each version.

    Attributes:
        host: The service's name in the whole cluster.
        images: The image reference of each version that runs.
        ready: What a route to the service depends on: its subsets, and the pods in them.
        policy: The AuthorizationPolicy of its callers.
        traffic: The NetworkPolicy of its pods.
    """

    def __init__(
        self, name: str, args: MeshServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:apps:MeshService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        service = args.service
        after_namespace = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        pods = Pods(args.namespace, service.name, {"app": service.name})
        self.policy: pulumi.Resource = allow_callers(
            name,
            pods,
            args.callers,
            {"methods": service.methods, "paths": [service.path]},
            after_namespace,
        )
        rule = destination_rule(
            service.name,
            args.namespace,
            args.subsets,
            after_namespace,
            answers_for_others=bool(service.calls),
        )
        # Its own host too: only with it do its DestinationRule's limits hold for the calls it gets.
        known = (
            f"./{cluster_host(each.name, args.namespace)}" for each in (service, *service.calls)
        )
        scope = sidecar_scope(args.namespace, [*known, *args.hosts], after_namespace, service.name)
        self.traffic: pulumi.Resource = allow_traffic(
            pods,
            [*(NetworkPeer.of(each, service.port) for each in args.callers), *args.scrapers],
            [
                XDS,
                *(
                    NetworkPeer([each.port], args.namespace, {"app": each.name})
                    for each in service.calls
                ),
                *args.called,
            ],
            after_namespace,
        )
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
        self.host = cluster_host(service.name, args.namespace)
        self.images: dict[str, pulumi.Output[str]] = {}
        self.ready: list[pulumi.Resource] = [endpoint, rule]
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
                    needs=[*args.needs, account, self.policy, self.traffic, scope],
                ),
                opts=child,
            )
            self.images[version] = image.reference
            self.ready.append(workload.deployment)
        self.register_outputs({"images": self.images})
