"""The egress gateway: through it alone the outside is reached, by whom and for what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio import idle
from istio.apis import NETWORKING, SECURITY
from istio.charts import Charts, gateway_values
from istio.destinations import UNREACHED_DETECTION
from istio.egress import ExternalHost, ExternalHostArgs, connection_pool, outside_routes
from istio.install import INJECTION_LABEL
from istio.network import XDS, NoOtherPaths, Path, PodPaths, PodPathsArgs
from istio.pod_security import RESTRICTED
from istio.security import Caller, principal

EGRESS_NAMESPACE = "istio-egress"
EGRESS_GATEWAY = "istio-egressgateway"
EGRESS_SELECTOR = {"app": EGRESS_GATEWAY, "istio": EGRESS_GATEWAY.removeprefix("istio-")}
EGRESS_HOST = f"{EGRESS_GATEWAY}.{EGRESS_NAMESPACE}.svc.cluster.local"
EGRESS_PORT = 443
TO_EGRESS_GATEWAY = Path([EGRESS_PORT], EGRESS_NAMESPACE, EGRESS_SELECTOR)

# What the gateway's proxy adds and an outside host has no business with: the calling pod's address,
# identity and certificate, and what proxies tell each other of themselves.
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
    """What is installed.

    Attributes:
        charts: Where Istio's charts come from.
        min_replicas: Fewest pods.
        max_replicas: Most pods.
        callers: The network paths to it.
        called: The network paths of it, besides DNS and istiod.
        needs: What has to be there first: the mesh.
    """

    charts: Charts
    min_replicas: int
    max_replicas: int
    callers: Sequence[Path]
    called: Sequence[Path]
    needs: Sequence[pulumi.Resource]


class EgressGateway(pulumi.ComponentResource):
    """The gateway's pods in a namespace of their own, reached within the cluster alone.

    By itself it opens nothing: an `EgressRoute` does.

    Attributes:
        namespace: Its namespace.
        ready: The gateway's pods and its Service.
    """

    def __init__(
        self, name: str, args: EgressGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:EgressGateway", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.namespace: pulumi.Resource = kubernetes.core.v1.Namespace(
            EGRESS_NAMESPACE,
            metadata={"name": EGRESS_NAMESPACE, "labels": {**INJECTION_LABEL, **RESTRICTED}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.needs),
        )
        paths = PodPaths(
            f"{EGRESS_GATEWAY}-paths",
            PodPathsArgs(
                EGRESS_GATEWAY,
                EGRESS_NAMESPACE,
                EGRESS_SELECTOR,
                args.callers,
                [XDS, *args.called],
                [self.namespace],
            ),
            opts=child,
        ).policy
        NoOtherPaths(f"{EGRESS_NAMESPACE}-default-deny", EGRESS_NAMESPACE, [paths], opts=child)
        gateway = args.charts.release(
            EGRESS_GATEWAY,
            "gateway",
            EGRESS_NAMESPACE,
            gateway_values(args.charts.proxy, args.min_replicas, args.max_replicas),
            pulumi.ResourceOptions(parent=self, depends_on=[paths, *args.needs]),
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
    """Who reaches which host.

    Attributes:
        host: The outside host's DNS name.
        caller: Who may call it.
        methods: The HTTP methods that it may use.
        needs: What has to be there first: the gateway, the caller's namespace, and the network
            path between the two.
    """

    host: str
    caller: Caller
    methods: Sequence[str]
    needs: Sequence[pulumi.Resource]


class EgressRoute(pulumi.ComponentResource):
    """A host's route: from the caller's sidecar by mutual TLS to the gateway, which originates TLS.

    The switch is the VirtualService of the host in the caller's namespace, which is to lead by
    `routes` and to come after `ready` (`ExternalHost`): it leads to a gateway that is ready for
    requests, and before the gateway goes they go as they would without one. On no wire, and at no
    moment, are they in plain text: each hop's DestinationRule is there before the route that leads
    to it.

    Attributes:
        policy: What lets the caller through the gateway.
        routes: The HTTP routes to the gateway.
        ready: What has to be there before requests go by them.

    Source:
        https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway-tls-origination/
    """

    def __init__(
        self, name: str, args: EgressRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:EgressRoute", name, None, opts)
        self._name = name
        self.policy: pulumi.Resource = self._object(
            "callers",
            "AuthorizationPolicy",
            EGRESS_NAMESPACE,
            {
                "selector": {"matchLabels": EGRESS_SELECTOR},
                "action": "ALLOW",
                "rules": [
                    {
                        "from": [{"source": {"principals": [principal(args.caller)]}}],
                        "to": [
                            {"operation": {"hosts": [args.host], "methods": list(args.methods)}}
                        ],
                    }
                ],
            },
            args.needs,
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
        mutual = self._object(
            "mutual-tls",
            "DestinationRule",
            args.caller.namespace,
            {
                "host": EGRESS_HOST,
                "exportTo": ["."],
                "subsets": [
                    {
                        "name": name,
                        "trafficPolicy": {
                            "portLevelSettings": [
                                {
                                    "port": {"number": EGRESS_PORT},
                                    "connectionPool": connection_pool(idle.POOL),
                                    "outlierDetection": UNREACHED_DETECTION,
                                    "tls": {"mode": "ISTIO_MUTUAL", "sni": args.host},
                                }
                            ]
                        },
                    }
                ],
            },
            [out],
        )
        self.ready: Sequence[pulumi.Resource] = [mutual, out]
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
            api_version=SECURITY if kind == "AuthorizationPolicy" else NETWORKING,
            kind=kind,
            metadata={"name": self._name, "namespace": namespace},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
