"""The mesh: every declared object that the rehearsal translates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from petmesh.mesh import cert_manager, envoy_filter, helm, kubernetes, network_policy
from petmesh.mesh.fields import Omission, RefusedError
from petmesh.mesh.istio import (
    destination_rule,
    networking,
    security,
    telemetry,
    virtual_service,
)

CLUSTER_DOMAIN = "cluster.local"
ROOT_NAMESPACE = "istio-system"


@dataclass(frozen=True)
class Workload:
    """A Deployment's pods: their number, labels, identity and container, and how they end.

    Attributes:
        replicas: the number of pods that start.
        settle_seconds: from a pod's deletion to its process's SIGTERM; preStop sleeps meanwhile.
        grace_seconds: from a pod's deletion to its process's SIGKILL.
        in_mesh: whether its pods get a sidecar.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    replicas: int
    container: kubernetes.Container
    settle_seconds: int
    grace_seconds: int
    in_mesh: bool = True


@dataclass(frozen=True)
class GatewayProxy:
    """The gateway pod of a release of the gateway chart.

    Attributes:
        takes_http10: whether it accepts requests of HTTP/1.0.
        most_connections: the limit of connections at a time; None for no limit.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    takes_http10: bool
    most_connections: int | None


@dataclass(frozen=True)
class Mesh:
    """Every declared object that the rehearsal translates, and the omissions."""

    config: helm.MeshConfig
    services: tuple[kubernetes.Service, ...]
    workloads: tuple[Workload, ...]
    gateway_proxies: tuple[GatewayProxy, ...]
    virtual_services: tuple[virtual_service.VirtualService, ...]
    destination_rules: tuple[destination_rule.DestinationRule, ...]
    service_entries: tuple[networking.ServiceEntry, ...]
    workload_entries: tuple[networking.WorkloadEntry, ...]
    gateways: tuple[networking.Gateway, ...]
    envoy_filters: tuple[envoy_filter.EnvoyFilter, ...]
    certificates: tuple[cert_manager.Certificate, ...]
    peer_authentications: tuple[security.PeerAuthentication, ...]
    request_authentications: tuple[security.RequestAuthentication, ...]
    authorization_policies: tuple[security.AuthorizationPolicy, ...]
    telemetries: tuple[telemetry.Telemetry, ...]
    sidecars: tuple[networking.Sidecar, ...]
    namespaces: tuple[kubernetes.Namespace, ...]
    network_policies: tuple[network_policy.NetworkPolicy, ...]
    omissions: tuple[Omission, ...]
    # The certificates of authorities in ConfigMaps, by `namespace/name`.
    authorities: Mapping[str, str] = field(default_factory=dict[str, str])
    # What the Telemetries of one proxy say; nothing in a mesh that is no proxy's view.
    access_logging: tuple[telemetry.AccessLogging, ...] = ()
    tracing: tuple[telemetry.Tracing, ...] = ()

    @property
    def ingress(self) -> GatewayProxy:
        """The gateway that callers outside the mesh connect to.

        Raises:
            RefusedError: there is none, or more than one.
        """
        found = public_gateways(self.gateway_proxies, self.gateways)
        if len(found) != 1:
            raise RefusedError(
                f"{len(found)} releases of the gateway chart are declared for callers from "
                "outside: the rehearsal runs exactly one ingress"
            )
        return found[0]

    @property
    def outer_gateways(self) -> tuple[GatewayProxy, ...]:
        """The gateways that callers outside the mesh connect to, the first one's ports first."""
        return public_gateways(self.gateway_proxies, self.gateways)

    @property
    def inner_gateways(self) -> tuple[GatewayProxy, ...]:
        """The gateways that only callers inside the mesh connect to."""
        outer = public_gateways(self.gateway_proxies, self.gateways)
        return tuple(proxy for proxy in self.gateway_proxies if proxy not in outer)

    @property
    def called(self) -> tuple[Workload | GatewayProxy, ...]:
        """Workloads and gateways whose pods a Service can select."""
        return (*self.workloads, *self.inner_gateways)

    def service_host(self, service: kubernetes.Service) -> str:
        """Return a Service's fully qualified name."""
        return f"{service.metadata.name}.{service.metadata.namespace}.svc.{CLUSTER_DOMAIN}"


def public_gateways(
    proxies: Sequence[GatewayProxy], gateways: Sequence[networking.Gateway]
) -> tuple[GatewayProxy, ...]:
    """Return those that accept callers without an identity of the mesh.

    One that is alone and that no Gateway configures is taken for such.
    """

    def modes(proxy: GatewayProxy) -> list[str]:
        return [
            server.tls.mode
            for gateway in gateways
            if gateway.spec.selector.items() <= proxy.labels.items()
            for server in gateway.spec.servers
        ]

    return tuple(
        proxy
        for proxy in proxies
        if any(mode != "ISTIO_MUTUAL" for mode in modes(proxy))
        or (len(proxies) == 1 and not modes(proxy))
    )
