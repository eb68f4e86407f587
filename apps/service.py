"""A service of the mesh: its policies, destination, images, and the workload of each version."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from apps.arguments import ServiceArgs, pods
from apps.image import image_reference
from apps.workload import PORT_NAME, Workload
from istio.destinations import cluster_host, destination_rule
from istio.network import XDS, NetworkPeer, allow_traffic
from istio.security import allow_callers
from istio.sidecar_scope import sidecar_scope


class MeshService(pulumi.ComponentResource):
    """A Service with its policies and destination, and a Deployment for each version.

    Attributes:
        host: The service's name in the whole cluster.
        images: The image reference of each version that runs.
        ready: What a route to the service depends on: its subsets, and the pods in them.
        policy: The AuthorizationPolicy of its callers.
        traffic: The NetworkPolicy of its pods.
    """

    def __init__(self, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        service, namespace = args.service, args.namespace
        name = service.name
        super().__init__("petmesh:apps:MeshService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        after_namespace = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        self.policy: pulumi.Resource = allow_callers(
            name,
            args.pods,
            args.callers,
            {"methods": service.entry.methods, "paths": service.entry.paths},
            after_namespace,
        )
        rule = destination_rule(
            name,
            namespace,
            args.subsets,
            after_namespace,
            answers_for_others=bool(args.calls or service.entry.outside),
        )
        # Its own host too: only with it do its DestinationRule's limits hold for the calls it gets.
        known = (f"./{cluster_host(each.name, namespace)}" for each in (service, *args.calls))
        scope = sidecar_scope(namespace, [*known, *args.hosts], after_namespace, name)
        self.traffic: pulumi.Resource = allow_traffic(
            args.pods,
            [*(NetworkPeer.of(each, service.port) for each in args.callers), *args.scrapers],
            [
                XDS,
                *(NetworkPeer.of(pods(each, namespace), each.port) for each in args.calls),
                *args.peers,
            ],
            after_namespace,
        )
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": name, "namespace": namespace},
            automount_service_account_token=False,
            opts=after_namespace,
        )
        endpoint = kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={"name": name, "namespace": namespace, "labels": {"app": name}},
            spec={
                "selector": {"app": name},
                "ports": [{"name": PORT_NAME, "port": service.port, "target_port": PORT_NAME}],
            },
            opts=after_namespace,
        )
        self.host = cluster_host(name, namespace)
        self.images: dict[str, pulumi.Output[str]] = {}
        self.ready: list[pulumi.Resource] = [endpoint, rule]
        needs: Sequence[pulumi.Resource] = [*args.needs, account, self.policy, self.traffic, scope]
        for version in args.running:
            self.images[version] = image_reference(args, version, child)
            workload = Workload(args, version, self.images[version], needs, child)
            self.ready.append(workload.deployment)
        self.register_outputs({"images": self.images})
