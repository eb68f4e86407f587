"""A stack under deletion protection: resources that hang together, and some that don't."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

from stack.protection import DeletionProtection, declared_from_here_on


class Made(ResourceProvider):
    """Creates and deletes nothing."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("made", props)


class Something(Resource):
    """A resource."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(Made(), name, {}, opts)


class Part(pulumi.ComponentResource):
    """Two resources of which nothing hangs on the cluster."""

    def __init__(self, name: str) -> None:
        super().__init__("tried:index:Part", name)
        child = pulumi.ResourceOptions(parent=self)
        self.last = Something(f"{name}-last", child)
        Something(f"{name}-other", child)
        self.register_outputs({})


config = pulumi.Config("petmesh")
protect = config.require_bool("deletionProtection")
everything = declared_from_here_on()
cluster = Something("cluster", pulumi.ResourceOptions(protect=protect))
mesh = Part("mesh")
Something("pods", pulumi.ResourceOptions(depends_on=[cluster, mesh.last]))
if config.get("canaryVersion"):
    Something("canary", pulumi.ResourceOptions(depends_on=[cluster]))
DeletionProtection(everything, protect=protect)
