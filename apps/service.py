"""A service of the mesh: its destination, images, and the workload of each version."""

import pulumi
import pulumi_kubernetes as kubernetes

from apps.arguments import ServiceArgs
from apps.image import image_reference
from apps.workload import PORT_NAME, Workload
from istio.destinations import cluster_host, destination_rule


class MeshService(pulumi.ComponentResource):
    """A Service with its destination, and a Deployment for each version.

    Attributes:
        host: The service's name in the whole cluster.
        images: The image reference of each version that runs.
        ready: What a route to the service depends on: its subsets, and the pods in them.
    """

    def __init__(self, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        service, namespace = args.service, args.namespace
        name = service.name
        super().__init__("petmesh:apps:MeshService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        after_namespace = pulumi.ResourceOptions(parent=self, depends_on=args.needs)
        rule = destination_rule(
            name,
            namespace,
            args.subsets,
            after_namespace,
            answers_for_others=bool(service.entry.calls or service.entry.outside),
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
        needs = [*args.needs, account]
        for version in args.running:
            self.images[version] = image_reference(args, version, child)
            workload = Workload(args, version, self.images[version], needs, child)
            self.ready.append(workload.deployment)
        self.register_outputs({"images": self.images})
