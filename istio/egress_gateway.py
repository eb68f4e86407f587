"""The egress gateway: its pods, and the route of each outside host through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING
from istio.charts import gateway_values
from istio.destinations import UNREACHED_DETECTION, cluster_host
from istio.egress import ExternalHost, ExternalHostArgs, connection_pool, outside_routes
from istio.network import XDS, NetworkPeer, allow_traffic, default_deny
from istio.pod_security import RESTRICTED
from istio.pods import WorkloadPods
from istio.revisions import Revision
from istio.security import allow_callers

EGRESS_NAMESPACE = "istio-egress"
EGRESS_GATEWAY = "istio-egressgateway"
EGRESS_SELECTOR = {"app": EGRESS_GATEWAY, "istio": EGRESS_GATEWAY.removeprefix("istio-")}
EGRESS = WorkloadPods(EGRESS_NAMESPACE, EGRESS_GATEWAY, EGRESS_SELECTOR)
EGRESS_HOST = cluster_host(EGRESS_GATEWAY, EGRESS_NAMESPACE)
EGRESS_PORT = 443

# Headers that the gateway's proxy adds and an outside host has no business with: the calling pod's
# address, identity and certificate, and the metadata that proxies exchange.
# SetCurrentClientCertDetails in istio's pilot/pkg/networking/core/gateway.go, and
# https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/
INNER_HEADERS = (
    "x-forwarded-for",
    "x-forwarded-client-cert",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
)


@dataclass(frozen=True)
class EgressGatewayArgs:
    """An egress gateway.

    Attributes:
        revision: Its pods' istiod.
        min_replicas: Minimum pods.
        max_replicas: Maximum pods.
        callers: Who may connect to it.
        called: What it may connect to, besides DNS and istiod.
        needs: Resources that it is created after: the mesh.
    """

    revision: Revision
    min_replicas: int
    max_replicas: int
    callers: Sequence[NetworkPeer]
    called: Sequence[NetworkPeer]
    needs: Sequence[pulumi.Resource]


class EgressGateway(pulumi.ComponentResource):
    """The gateway's Helm release in a Namespace of its own, reached within the cluster alone.

    By itself it opens nothing: an `EgressRoute` does.

    Attributes:
        namespace: The Namespace.
        ready: The Service, created after the gateway's pods.
    """

    def __init__(
        self, name: str, args: EgressGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:EgressGateway", name, None, opts)
        self.namespace: pulumi.Resource = kubernetes.core.v1.Namespace(
            EGRESS_NAMESPACE,
            metadata={
                "name": EGRESS_NAMESPACE,
                "labels": {**args.revision.injection, **RESTRICTED},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        traffic = allow_traffic(
            EGRESS,
            args.callers,
            [XDS, *args.called],
            pulumi.ResourceOptions(parent=self, depends_on=[self.namespace]),
        )
        default_deny(EGRESS_NAMESPACE, pulumi.ResourceOptions(parent=self, depends_on=[traffic]))
        gateway = args.revision.charts.release(
            EGRESS_GATEWAY,
            "gateway",
            EGRESS_NAMESPACE,
            gateway_values(args.revision.proxy, args.min_replicas, args.max_replicas),
            pulumi.ResourceOptions(parent=self, depends_on=[traffic, *args.needs]),
        )
        self.ready: pulumi.Resource = kubernetes.core.v1.Service(
            EGRESS_GATEWAY,
            metadata={"name": EGRESS_GATEWAY, "namespace": EGRESS_NAMESPACE},
            spec={
                "type": "ClusterIP",
                "selector": EGRESS_SELECTOR,
                "ports": [{"name": "https", "port": EGRESS_PORT, "target_port": EGRESS_PORT}],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )
        self.register_outputs({})


@dataclass(frozen=True)
class EgressRouteArgs:
    """An outside host, and who may call it.

    Attributes:
        host: The outside host's DNS name.
        namespaces: The callers' namespaces.
        callers: Who may call it.
        methods: The HTTP methods that it may use.
        needs: Resources that it is created after: the gateway, the callers' namespace, and the
            NetworkPolicies between the two.
    """

    host: str
    namespaces: Sequence[str]
    callers: Sequence[WorkloadPods]
    methods: Sequence[str]
    needs: Sequence[pulumi.Resource]


class EgressRoute(pulumi.ComponentResource):
    """A host's route: from a caller's sidecar by mutual TLS to the gateway, which originates TLS.

    The switch is the VirtualService of the host in the callers' namespace (`ExternalHost`), which
    has `routes` and is created after `ready`: it leads to a gateway that is ready for requests, and
    is deleted before the gateway, after which requests go directly. At no moment are they in plain
    text on the network: each hop's DestinationRule is created before the route that leads to it.

    Attributes:
        policy: The AuthorizationPolicy that lets the callers through the gateway.
        routes: The HTTP routes to the gateway.
        ready: The resources that a route by them is created after.

    Source:
        https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway-tls-origination/
    """

    def __init__(
        self, name: str, args: EgressRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:EgressRoute", name, None, opts)
        self._name = name
        self.policy: pulumi.Resource = allow_callers(
            name,
            EGRESS,
            args.callers,
            {"hosts": [args.host], "methods": args.methods},
            pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        outside = ExternalHost(
            f"{name}-outside",
            ExternalHostArgs(args.host, EGRESS_NAMESPACE, args.needs),
            opts=pulumi.ResourceOptions(parent=self),
        ).entry
        gateway = self._object(
            "gateway",
            "Gateway",
            EGRESS_NAMESPACE,
            {
                "selector": EGRESS_SELECTOR,
                "servers": [
                    {
                        "port": {"number": EGRESS_PORT, "name": "https", "protocol": "HTTPS"},
                        "hosts": [args.host],
                        "tls": {"mode": "ISTIO_MUTUAL"},
                    }
                ],
            },
            [self.policy, outside],
        )
        out = self._object(
            "out",
            "VirtualService",
            EGRESS_NAMESPACE,
            {
                "hosts": [args.host],
                "gateways": [f"{EGRESS_NAMESPACE}/{name}"],
                "exportTo": ["."],
                "http": [
                    {**route, "headers": {"request": {"remove": list(INNER_HEADERS)}}}
                    for route in outside_routes(args.host)
                ],
            },
            [gateway],
        )
        mutual = [
            self._object(
                f"{namespace}-mutual-tls",
                "DestinationRule",
                namespace,
                _mutual_tls(name, args.host),
                [out],
            )
            for namespace in args.namespaces
        ]
        self.ready: Sequence[pulumi.Resource] = [*mutual, out]
        destination = {"host": EGRESS_HOST, "subset": name, "port": {"number": EGRESS_PORT}}
        self.routes: Sequence[Mapping[str, object]] = [
            {"name": "through-gateway", "route": [{"destination": destination}]}
        ]
        self.register_outputs({})

    def _object(
        self,
        what: str,
        kind: str,
        namespace: str,
        spec: pulumi.Input[object],
        needs: Sequence[pulumi.Resource],
    ) -> CustomResource:
        return CustomResource(
            f"{self._name}-{what}",
            api_version=NETWORKING,
            kind=kind,
            metadata={"name": self._name, "namespace": namespace},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )


def _mutual_tls(subset: str, host: str) -> Mapping[str, object]:
    """The DestinationRule's spec of the gateway's subset for a host: mutual TLS by its name."""
    settings = {
        "port": {"number": EGRESS_PORT},
        "connectionPool": connection_pool(idle.POOL),
        "outlierDetection": UNREACHED_DETECTION,
        "tls": {"mode": "ISTIO_MUTUAL", "sni": host},
    }
    return {
        "host": EGRESS_HOST,
        "exportTo": ["."],
        "subsets": [{"name": subset, "trafficPolicy": {"portLevelSettings": [settings]}}],
    }
