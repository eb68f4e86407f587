"""The public route: one path of one service, by its hosts' names, at the ingress gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING
from istio.install import (
    HTTP_PORT,
    HTTPS_PORT,
    INGRESS_NAMESPACE,
    INGRESS_SELECTOR,
    LOCAL_HTTP_PORT,
    LOCAL_HTTPS_PORT,
)

# The public service waits up to 2 s for its own back ends. A request that reached no pod is
# retried; one that a pod answered is not: it has been through the back ends' retries already.
TIMEOUT = "5s"
RETRIES = {"attempts": 2, "perTryTimeout": "3s", "retryOn": "connect-failure,refused-stream"}

# Older versions are broken, and no client of today needs them; some still need this one.
# https://www.rfc-editor.org/rfc/rfc8996
MINIMUM_TLS = "TLSV1_2"

# A client that had a response over TLS sends nothing without it for a year: not even the first
# request, which the redirect would answer in clear. https://www.rfc-editor.org/rfc/rfc6797
STRICT_TRANSPORT = {"response": {"set": {"strict-transport-security": "max-age=31536000"}}}


@dataclass(frozen=True)
class PublicRouteArgs:
    """A public route.

    Attributes:
        hosts: The DNS names that it holds for; any other gets 404.
        prefix: The path prefix that is public; everything else gets 404.
        host: The service's name in the whole cluster.
        port: The service's port.
        https: Whether clients speak HTTPS, to the gateway or to a load balancer before it.
        tls_secret: The Secret with the gateway's certificate and key; empty where the gateway
            itself serves plain HTTP.
        forwarded: Whether a port-forward leads to the gateway, and no load balancer.
        needs: Resources that it is created after: the ingress gateway and the service's pods.
    """

    hosts: Sequence[str]
    prefix: str
    host: str
    port: int
    https: bool
    tls_secret: str
    forwarded: bool
    needs: Sequence[pulumi.Resource]


class PublicRoute(pulumi.ComponentResource):
    """A Gateway and the one VirtualService that is bound to it.

    With a certificate the gateway serves HTTPS on 443, and on 80 only a redirect to it.

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
            spec={"selector": INGRESS_SELECTOR, "servers": _servers(args)},
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
                        **({"headers": STRICT_TRANSPORT} if args.https else {}),
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway, *args.needs]),
        )
        local_port = LOCAL_HTTPS_PORT if args.https else LOCAL_HTTP_PORT
        self.url = (
            f"{'https' if args.https else 'http'}://{args.hosts[0]}"
            f"{f':{local_port}' if args.forwarded else ''}"
        )
        self.register_outputs({"url": self.url})


def _servers(args: PublicRouteArgs) -> Sequence[Mapping[str, object]]:
    plain: dict[str, object] = {
        "port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"},
        "hosts": list(args.hosts),
    }
    if not args.tls_secret:
        return [plain]
    secure = {
        "port": {"number": HTTPS_PORT, "name": "https", "protocol": "HTTPS"},
        "hosts": list(args.hosts),
        "tls": {
            "mode": "SIMPLE",
            "credentialName": args.tls_secret,
            "minProtocolVersion": MINIMUM_TLS,
        },
    }
    return [plain | {"tls": {"httpsRedirect": True}}, secure]
