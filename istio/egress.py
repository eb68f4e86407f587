"""A host outside the mesh that the mesh lets its services reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import NETWORKING

HTTP_PORT = 80
TLS_PORT = 443

# Limits for each calling pod: an outside API is asked once for each request, and one that hangs is
# given up by its caller's own deadline. What waits for a connection is bounded.
CONNECTION_POOL = {
    "tcp": {"maxConnections": 100, "connectTimeout": "1s"},
    "http": {"http1MaxPendingRequests": 100},
}


@dataclass(frozen=True)
class ExternalHostArgs:
    """Which host.

    Attributes:
        host: Its DNS name.
        namespace: The namespace whose services may reach it; no other namespace sees it.
        needs: What has to be there first: the namespace.
    """

    host: str
    namespace: str
    needs: Sequence[pulumi.Resource]


class ExternalHost(pulumi.ComponentResource):
    """A ServiceEntry that opens the way, and a DestinationRule that makes it TLS.

    A service calls `http://host/…` on port 80; its sidecar originates TLS to port 443 and checks
    that the certificate is the host's. So the mesh sees the requests, and the wire doesn't.

    Attributes:
        entry: The ServiceEntry.
    """

    def __init__(
        self, name: str, args: ExternalHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:ExternalHost", name, None, opts)
        tls = CustomResource(
            f"{name}-tls",
            api_version=NETWORKING,
            kind="DestinationRule",
            metadata={"name": name, "namespace": args.namespace},
            spec={
                "host": args.host,
                "exportTo": ["."],
                "trafficPolicy": {
                    "portLevelSettings": [
                        {
                            "port": {"number": HTTP_PORT},
                            "connectionPool": CONNECTION_POOL,
                            "tls": {
                                "mode": "SIMPLE",
                                "sni": args.host,
                                "subjectAltNames": [args.host],
                            },
                        }
                    ]
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        self.entry = CustomResource(
            f"{name}-entry",
            api_version=NETWORKING,
            kind="ServiceEntry",
            metadata={"name": name, "namespace": args.namespace},
            spec={
                "hosts": [args.host],
                "exportTo": ["."],
                "location": "MESH_EXTERNAL",
                "resolution": "DNS",
                "ports": [
                    {
                        "number": HTTP_PORT,
                        "name": "http",
                        "protocol": "HTTP",
                        "targetPort": TLS_PORT,
                    }
                ],
            },
            # Open only while TLS is in force: after it on the way in, before it on the way out.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[tls, *args.needs]),
        )
        self.register_outputs({})
