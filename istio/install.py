"""Istio from its own Helm charts: base (the CRDs), its CNI plugin, istiod, the ingress gateway."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from istio.apis import SECURITY
from istio.charts import gateway_values
from istio.network import (
    INJECTION_PORT,
    ISTIOD,
    SYSTEM_NAMESPACE,
    XDS,
    XDS_PORT,
    NetworkPeer,
    allow_traffic,
    default_deny,
)
from istio.pod_security import RESTRICTED, SECCOMP
from istio.pods import WorkloadPods
from istio.revisions import Revision, Revisions

# GKE requires it: it allows pods that are critical to a node in no other namespace.
CNI_NAMESPACE = "kube-system"
# Where each sidecar is an HTTP proxy, on its pod's loopback alone; none of Istio's own ports
# (https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio). It
# knows the hosts that the sidecar knows at port 80, and answers 502 for any other: istiod has it
# ignore the port of a request's host, so that a Service at another port isn't found.
HTTP_PROXY_PORT = 15007
INGRESS_NAMESPACE = "istio-ingress"
INGRESS_GATEWAY = "istio-ingressgateway"
INGRESS_SELECTOR = {"app": INGRESS_GATEWAY, "istio": INGRESS_GATEWAY.removeprefix("istio-")}
INGRESS = WorkloadPods(INGRESS_NAMESPACE, INGRESS_GATEWAY, INGRESS_SELECTOR)
# The port and path of the gateway pods' readiness.
INGRESS_HEALTH = (15021, "/healthz/ready")
HTTP_PORT = 80
HTTPS_PORT = 443
# The local ends of a port-forward to them.
LOCAL_HTTP_PORT = 8080
LOCAL_HTTPS_PORT = 8443
TRACE_PROVIDER = "opentelemetry"
OTLP_PORT = 4317
# A wrong Istio object is refused when it is applied, not noticed when traffic fails.
VALIDATION = {"base": {"validationFailurePolicy": "Fail"}}


@dataclass(frozen=True)
class IstioMeshArgs:
    """The mesh's installation.

    Attributes:
        revisions: The istiods.
        platform: The charts' value `global.platform`, such as gke; empty for none.
        ingress_service_type: The ingress gateway's service type, LoadBalancer or ClusterIP.
        ingress_address: The address that a LoadBalancer is to have; None for one of its own.
        ingress_https: Whether the ingress gateway is reached on 443 too.
        ingress_connections: How many connections each pod of the ingress gateway holds.
        ingress_proxies: How many addresses a load balancer before the ingress gateway adds to
            X-Forwarded-For, so that the client's is the one before them; 0 where there is none.
        min_replicas: Minimum pods of istiod and of the ingress gateway.
        max_replicas: Maximum pods of istiod and of the ingress gateway.
        proxies: The namespaces of the mesh, without the ingress gateway's.
        api_server: The API server.
        ingress_sources: The CIDR ranges that may connect to the ingress gateway; none means any.
        ingress_called: What the ingress gateway may connect to.
        scrapers: What scrapes the ingress gateway's metrics.
        istiod_scrapers: What scrapes istiod's metrics.
        trace_collector: The Service that receives traces by OTLP over gRPC; empty for no
            tracing.
    """

    revisions: Revisions
    platform: str
    ingress_service_type: str
    ingress_address: pulumi.Input[str] | None
    ingress_https: bool
    ingress_connections: int
    ingress_proxies: int
    min_replicas: int
    max_replicas: int
    proxies: Sequence[str]
    api_server: NetworkPeer
    ingress_called: Sequence[NetworkPeer]
    ingress_sources: Sequence[str] = ()
    scrapers: Sequence[NetworkPeer] = ()
    istiod_scrapers: Sequence[NetworkPeer] = ()
    trace_collector: str = ""


class IstioMesh(pulumi.ComponentResource):
    """Istio's Helm releases: outside hosts closed until a ServiceEntry opens one, STRICT inside.

    Attributes:
        ready: What Istio's objects and injected pods depend on: CRDs, istiods, their webhooks. It
            is the gateway: that its pods were injected shows that the API server reaches the
            webhooks, which takes a moment longer than until istiod's pods are ready.
        ingress_ready: The ingress gateway and its Service.
        ingress_address: The address of the ingress gateway's load balancer, empty until it has one;
            none for a ClusterIP.
        port_forward: The command that makes a ClusterIP gateway reachable at `LOCAL_HTTP_PORT` and
            `LOCAL_HTTPS_PORT`; none for a LoadBalancer.
    """

    def __init__(
        self, name: str, args: IstioMeshArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("petmesh:istio:IstioMesh", name, None, opts)
        system = self._namespace(SYSTEM_NAMESPACE, RESTRICTED)
        revisions, moved = args.revisions, args.revisions.of(INGRESS_NAMESPACE)
        base = revisions.newest.release(
            "istio-base", "base", SYSTEM_NAMESPACE, _base_values(args), self._after(system)
        )
        cni = revisions.oldest.release(
            "istio-cni", "cni", CNI_NAMESPACE, _cni_values(args), self._after(base)
        )
        istiod_traffic = self._traffic(ISTIOD, _istiod_callers(args), [args.api_server], system)
        # After the plugin, and deleted before it: a pod without it can neither start nor end.
        istiods = [
            each.charts.release(
                each.istiod,
                "istiod",
                SYSTEM_NAMESPACE,
                _istiod_values(args, each),
                self._after(base, cni, istiod_traffic),
            )
            for each in revisions.every
        ]
        # After the istiod that its label names: until then its new pods would get no proxy.
        ingress = self._namespace(INGRESS_NAMESPACE, {**moved.injection, **RESTRICTED}, *istiods)
        gateway_traffic = self._traffic(
            INGRESS, _gateway_callers(args), [XDS, *args.ingress_called], ingress
        )
        gateway = moved.charts.release(
            INGRESS_GATEWAY,
            "gateway",
            INGRESS_NAMESPACE,
            _gateway_values(args),
            self._after(ingress, *istiods, gateway_traffic),
        )
        CustomResource(
            "mesh-peers",
            api_version=SECURITY,
            kind="PeerAuthentication",
            metadata={"name": "mesh", "namespace": SYSTEM_NAMESPACE},
            spec={"mtls": {"mode": "STRICT"}},
            opts=self._after(gateway),
        )
        service = kubernetes.core.v1.Service(
            INGRESS_GATEWAY,
            metadata={"name": INGRESS_GATEWAY, "namespace": INGRESS_NAMESPACE},
            spec=_service(args),
            opts=self._after(gateway),
        )
        self.ready: pulumi.Resource = gateway
        self.ingress_ready: pulumi.Resource = service
        balanced = args.ingress_service_type == "LoadBalancer"
        self.port_forward = None if balanced else _port_forward(args)
        self.ingress_address = (
            service.status.load_balancer.ingress.apply(_address) if balanced else None
        )
        self.register_outputs({"ingress_address": self.ingress_address})

    def _namespace(
        self, name: str, labels: Mapping[str, str], *needs: pulumi.Resource
    ) -> kubernetes.core.v1.Namespace:
        return kubernetes.core.v1.Namespace(
            name,
            metadata={"name": name, "labels": labels},
            opts=self._after(*needs),
        )

    def _traffic(
        self,
        pods: WorkloadPods,
        callers: Sequence[NetworkPeer],
        called: Sequence[NetworkPeer],
        namespace: pulumi.Resource,
    ) -> pulumi.Resource:
        """Allow some pods' traffic, and deny all other in their namespace."""
        allowed = allow_traffic(pods, callers, called, self._after(namespace))
        default_deny(pods.namespace, self._after(allowed))
        return allowed

    def _after(self, *needs: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=needs)


def _istiod_callers(args: IstioMeshArgs) -> Sequence[NetworkPeer]:
    return [
        # The API server calls the webhooks from an address of its own.
        NetworkPeer([INJECTION_PORT]),
        *(NetworkPeer([XDS_PORT], namespace) for namespace in (INGRESS_NAMESPACE, *args.proxies)),
        *args.istiod_scrapers,
    ]


def _gateway_callers(args: IstioMeshArgs) -> Sequence[NetworkPeer]:
    ports = [port for _, port, _ in _ports(args)]
    if args.ingress_sources:
        # A load balancer that checks the pods' health itself.
        ports.append(INGRESS_HEALTH[0])
    return [NetworkPeer(ports, addresses=args.ingress_sources), *args.scrapers]


def _base_values(args: IstioMeshArgs) -> Mapping[str, object]:
    """Return the values of base, which has the webhook that validates Istio's objects."""
    stable = args.revisions.stable.name
    return {**VALIDATION, **({"defaultRevision": stable} if stable else {})}


def _cni_values(args: IstioMeshArgs) -> Mapping[str, object]:
    """Return the CNI plugin's values: it redirects traffic, so that no pod needs a capability.

    The paths of its files and its quota of critical pods are in the chart, by platform.

    Source:
        https://istio.io/latest/docs/setup/additional-setup/cni/
    """
    return {
        **({"global": {"platform": args.platform}} if args.platform else {}),
        # A pod that starts on a new node before the plugin waits until its network is repaired.
        "repair": {"enabled": True, "repairPods": True},
        "seccompProfile": SECCOMP,
    }


def _istiod_values(args: IstioMeshArgs, revision: Revision) -> Mapping[str, object]:
    return {
        **VALIDATION,
        **revision.values,
        "global": {
            **({"platform": args.platform} if args.platform else {}),
            # A budget of one pod out of one would block every upgrade of its node.
            "defaultPodDisruptionBudget": {"enabled": args.min_replicas > 1},
            "proxy": {"seccompProfile": SECCOMP},
        },
        "pilot": {"cni": {"enabled": True}},
        # istiod sends a gateway the services that its routes lead to, and no other.
        "env": {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"},
        "seccompProfile": SECCOMP,
        "autoscaleMin": args.min_replicas,
        "autoscaleMax": args.max_replicas,
        "meshConfig": {
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "proxyHttpPort": HTTP_PROXY_PORT,
            # Whether a request is logged at all is in the mesh's Telemetry.
            "accessLogEncoding": "JSON",
            "defaultConfig": {
                "holdApplicationUntilProxyStarts": True,
                # No proxy queries the metadata server for its cloud: no NetworkPolicy opens it, and
                # the proxy would wait for seconds.
                "proxyMetadata": {"CLOUD_PLATFORM": "none"},
            },
            **({"extensionProviders": [_traces(args)]} if args.trace_collector else {}),
        },
    }


def _traces(args: IstioMeshArgs) -> Mapping[str, object]:
    collector = {"service": args.trace_collector, "port": OTLP_PORT}
    return {"name": TRACE_PROVIDER, "opentelemetry": collector}


def _gateway_values(args: IstioMeshArgs) -> Mapping[str, object]:
    proxy = args.revisions.of(INGRESS_NAMESPACE).proxy
    return {
        **gateway_values(proxy, args.min_replicas, args.max_replicas),
        "podAnnotations": {
            **proxy,
            "proxy.istio.io/config": json.dumps(_gateway_proxy(args)),
        },
    }


def _gateway_proxy(args: IstioMeshArgs) -> Mapping[str, object]:
    """Return the configuration of the gateway's proxies.

    It takes HTTP/1.0, which nginx and older health checks speak: Envoy answers it 426 otherwise.
    Connections over the limit are closed; those of probes and scrapers, on ports of their own,
    don't count. Istio knows that limit since 1.29. One that is kept over TLS takes some 22 KiB of
    Envoy's memory, of which the chart grants 1 GiB.

    Source:
        https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/ for
        the trusted part of X-Forwarded-For, `HTTP10` in
        https://github.com/istio/istio/blob/1.31.1/pkg/model/proxy.go, and
        `getNodeMetadataOptions` in
        https://github.com/istio/istio/blob/1.31.1/pkg/bootstrap/config.go
    """
    trusted = {"gatewayTopology": {"numTrustedProxies": args.ingress_proxies}}
    return {
        **(trusted if args.ingress_proxies else {}),
        "proxyMetadata": {
            "ISTIO_META_HTTP10": "1",
            "ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": str(args.ingress_connections),
        },
    }


def _port_forward(args: IstioMeshArgs) -> str:
    """The command that makes a ClusterIP gateway reachable on this machine."""
    ports = " ".join(f"{local}:{port}" for _, port, local in _ports(args))
    return f"kubectl --namespace {INGRESS_NAMESPACE} port-forward service/{INGRESS_GATEWAY} {ports}"


def _ports(args: IstioMeshArgs) -> Sequence[tuple[str, int, int]]:
    """The gateway's ports: name, number, and the local end of a port-forward."""
    http = ("http", HTTP_PORT, LOCAL_HTTP_PORT)
    return (http, ("https", HTTPS_PORT, LOCAL_HTTPS_PORT)) if args.ingress_https else (http,)


def _service(args: IstioMeshArgs) -> kubernetes.core.v1.ServiceSpecArgsDict:
    spec: kubernetes.core.v1.ServiceSpecArgsDict = {
        "type": args.ingress_service_type,
        "selector": INGRESS_SELECTOR,
        "ports": [
            {"name": name, "port": port, "target_port": port} for name, port, _ in _ports(args)
        ],
    }
    if args.ingress_address is not None:
        spec["load_balancer_ip"] = args.ingress_address
    return spec


def _address(points: Sequence[kubernetes.core.v1.outputs.LoadBalancerIngress] | None) -> str:
    return next((point.ip or point.hostname or "" for point in points or ()), "")
