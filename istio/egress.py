"""A host outside the mesh that the mesh lets its services reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING

HTTP_PORT = 80
TLS_PORT = 443

# Limits for each calling pod: an outside API is asked once for each request, and one that hangs is
# given up by its caller's own deadline. What waits for a connection is bounded.
_TCP_LIMITS = {"maxConnections": 100, "connectTimeout": "1s"}
_HTTP_LIMITS = {"http1MaxPendingRequests": 100}

# A host that closes an idle connection as a request is sent answers nothing at all. Such a request
# is sent again, over another connection, where its method says that this does no harm: for all
# that is known, it was carried out. https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
_SAFE = "GET|HEAD|OPTIONS"
_RETRIES = {"attempts": 2, "retryOn": "reset,connect-failure,refused-stream"}


def connection_pool(idle_seconds: int) -> Mapping[str, object]:
    """The connections of a calling pod on the way out, each kept idle for so many seconds."""
    http = {**_HTTP_LIMITS, "idleTimeout": idle.seconds(idle_seconds)}
    return {"tcp": _TCP_LIMITS, "http": http}


def outside_routes(host: str) -> Sequence[Mapping[str, object]]:
    """The HTTP routes to an outside host: what is safe to send again is, where it got no answer."""
    route = {"route": [{"destination": {"host": host, "port": {"number": HTTP_PORT}}}]}
    safe = {"name": "safe", "match": [{"method": {"regex": _SAFE}}], "retries": _RETRIES}
    return [{**safe, **route}, {"name": "outside", **route}]


@dataclass(frozen=True)
class ExternalHostArgs:
    """Which host.

    Attributes:
        host: Its DNS name.
        namespace: The namespace whose services may reach it; no other namespace sees it.
        needs: What has to be there first: the namespace.
        routes: The HTTP routes by which the namespace's sidecars reach it, `outside_routes` or an
            egress gateway's; none where a gateway of the namespace asks the host itself.
    """

    host: str
    namespace: str
    needs: Sequence[pulumi.Resource]
    routes: Sequence[Mapping[str, object]] = ()


class ExternalHost(pulumi.ComponentResource):
    """A ServiceEntry that opens the way, a DestinationRule that makes it TLS, a VirtualService.

    A service calls `http://host/…` on port 80; its sidecar originates TLS to port 443 and checks
    that the certificate is the host's. So the mesh sees the requests, and the wire doesn't.

    Attributes:
        entry: The ServiceEntry.
    """

    def __init__(
        self, name: str, args: ExternalHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:ExternalHost", name, None, opts)
        before: list[pulumi.Resource] = [*args.needs]
        if args.routes:
            route = CustomResource(
                f"{name}-route",
                api_version=NETWORKING,
                kind="VirtualService",
                metadata={"name": name, "namespace": args.namespace},
                spec={"hosts": [args.host], "exportTo": ["."], "http": args.routes},
                opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
            )
            before.append(route)
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
                            "connectionPool": connection_pool(idle.OUTSIDE_POOL),
                            "tls": {
                                "mode": "SIMPLE",
                                "sni": args.host,
                                "subjectAltNames": [args.host],
                            },
                        }
                    ]
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
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
            # Open only while TLS and the route are in force: opened after them, closed before them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[tls, *before]),
        )
        self.register_outputs({})
