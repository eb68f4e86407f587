"""The ingress's public address, which DNS records name."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp


@dataclass(frozen=True)
class IngressAddressArgs:
    """Which address.

    Attributes:
        name: Its name: the cluster's.
        region: The cluster's region.
        deletion_protection: Whether the engine refuses to delete it.
    """

    name: str
    region: str
    deletion_protection: bool


class IngressAddress(pulumi.ComponentResource):
    """A reserved address: it outlives the Service that answers on it, however often that is made.

    Attributes:
        address: It.

    Source:
        https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
    """

    def __init__(
        self, name: str, args: IngressAddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:infra:IngressAddress", name, None, opts)
        self.address = gcp.compute.Address(
            f"{name}-address",
            name=args.name,
            region=args.region,
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        ).address
        self.register_outputs({"address": self.address})
