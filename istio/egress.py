"""Hosts outside of the mesh: ServiceEntry, DestinationRule and VirtualService of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING

HTTP_PORT = 80
TLS_PORT = 443

# Limits for each calling pod: an outside API gets one request for each that a service gets, and
# one that hangs is given up at its caller's deadline. What waits for a connection is bounded.
_TCP_LIMITS = {"maxConnections": 100, "connectTimeout": "1s"}
_HTTP_LIMITS = {"http1MaxPendingRequests": 100}

# A host that closes an idle connection as a request is sent gives no response at all. Such a
# request is retried over another connection where its method is safe: it may have been carried out.
# https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
_SAFE = "GET|HEAD|OPTIONS"
_RETRIES = {"attempts": 2, "retryOn": "reset,connect-failure,refused-stream"}


def connection_pool(idle_seconds: int) -> Mapping[str, object]:
    """Return the limits of a pod's connections to outside hosts, with their idle timeout."""
    http = {**_HTTP_LIMITS, "idleTimeout": idle.seconds(idle_seconds)}
    return {"tcp": _TCP_LIMITS, "http": http}


def outside_routes(host: str) -> Sequence[Mapping[str, object]]:
    """Return the HTTP routes to an outside host; requests of a safe method are retried."""
    route = {"route": [{"destination": {"host": host, "port": {"number": HTTP_PORT}}}]}
    safe = {"name": "safe", "match": [{"method": {"regex": _SAFE}}], "retries": _RETRIES}
    return [{**safe, **route}, {"name": "outside", **route}]


@dataclass(frozen=True)
class ExternalHostArgs:
    """An outside host, and who may reach it.

    Attributes:
        host: The host's DNS name.
        namespace: The namespace whose services may reach it; it is exported to no other.
        needs: Resources that it is created after: the namespace.
        routes: The HTTP routes by which the namespace's sidecars reach it, `outside_routes` or an
            egress gateway's; none where a gateway of the namespace calls the host itself.
    """

    host: str
    namespace: str
    needs: Sequence[pulumi.Resource]
    routes: Sequence[Mapping[str, object]] = ()


class ExternalHost(pulumi.ComponentResource):
    """A ServiceEntry that opens a host, a DestinationRule that originates TLS, a VirtualService.

    A service calls `http://host/…` on port 80; its sidecar originates TLS to port 443 and checks
    that the certificate is the host's. So the mesh sees the requests, and the network doesn't.

    Attributes:
        entry: The ServiceEntry.
    """

    def __init__(
        self, name: str, args: ExternalHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        there = f"{args.namespace}-{name}"
        super().__init__("petmesh:istio:ExternalHost", there, None, opts)
        before: list[pulumi.Resource] = [*args.needs]
        if args.routes:
            route = CustomResource(
                f"{there}-route",
                api_version=NETWORKING,
                kind="VirtualService",
                metadata={"name": name, "namespace": args.namespace},
                spec={"hosts": [args.host], "exportTo": ["."], "http": args.routes},
                opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
            )
            before.append(route)
        tls = CustomResource(
            f"{there}-tls",
            api_version=NETWORKING,
            kind="DestinationRule",
            metadata={"name": name, "namespace": args.namespace},
            spec=_originated_tls(args.host),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.entry = CustomResource(
            f"{there}-entry",
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
            # Created after TLS and the route and deleted before them: never open without them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[tls, *before]),
        )
        self.register_outputs({})


def _originated_tls(host: str) -> Mapping[str, object]:
    """The DestinationRule's spec of a host: TLS from its callers' sidecars, by its certificate."""
    settings = {
        "port": {"number": HTTP_PORT},
        "connectionPool": connection_pool(idle.OUTSIDE_POOL),
        "tls": {"mode": "SIMPLE", "sni": host, "subjectAltNames": [host]},
    }
    return {
        "host": host,
        "exportTo": ["."],
        "trafficPolicy": {"portLevelSettings": [settings]},
    }
