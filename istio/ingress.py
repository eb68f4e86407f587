"""What is public: one path of one service, through the ingress gateway."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.install import HTTP_PORT, INGRESS_NAMESPACE, INGRESS_SELECTOR

# The public service waits up to 2 s for its own back ends. What reached no pod is tried again;
# what a pod answered is not: it has been through the back ends' retries already.
TIMEOUT = "5s"
RETRIES = {"attempts": 2, "perTryTimeout": "3s", "retryOn": "connect-failure,refused-stream"}


@dataclass(frozen=True)
class PublicRouteArgs:
    """What is made public.

    Attributes:
        hosts: The DNS names that are answered to; any other is 404.
        prefix: The path prefix that is public; everything else is 404.
        host: The service's name in the whole cluster.
        port: The service's port.
        local_port: The local end of a port-forward to the gateway; none where there is a load
            balancer.
        needs: What has to be there first: the ingress gateway, and the service's pods.
    """

    hosts: Sequence[str]
    prefix: str
    host: str
    port: int
    local_port: int | None
    needs: Sequence[pulumi.Resource]


class PublicRoute(pulumi.ComponentResource):
    """A Gateway and the one VirtualService that is bound to it.

    Attributes:
        url: The first host's, without a path. Its name has to lead to the gateway.
    """

    def __init__(
        self, name: str, args: PublicRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:PublicRoute", name, None, opts)
        gateway = CustomResource(
            f"{name}-gateway",
            api_version=NETWORKING,
            kind="Gateway",
            metadata={"name": name, "namespace": INGRESS_NAMESPACE},
            spec={
                "selector": INGRESS_SELECTOR,
                "servers": [
                    {
                        "port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"},
                        "hosts": list(args.hosts),
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        CustomResource(
            f"{name}-route",
            api_version=NETWORKING,
            kind="VirtualService",
            metadata={"name": name, "namespace": INGRESS_NAMESPACE},
            spec={
                "hosts": list(args.hosts),
                "gateways": [f"{INGRESS_NAMESPACE}/{name}"],
                "http": [
                    {
                        "name": "public",
                        "match": [{"uri": {"prefix": args.prefix}}],
                        "route": [
                            {"destination": {"host": args.host, "port": {"number": args.port}}}
                        ],
                        "timeout": TIMEOUT,
                        "retries": RETRIES,
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway, *args.needs]),
        )
        self.url = f"http://{args.hosts[0]}" + (f":{args.local_port}" if args.local_port else "")
        self.register_outputs({"url": self.url})
