"""Objects of networking.istio.io: routes, and traffic policies of hosts."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds, not_empty, only


def _known_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    for scope in scopes:
        if scope.startswith("~"):
            raise ValueError(f"{scope}: the rehearsal knows ., * and names of namespaces")
    return scopes


# Namespaces that an object is visible to: `.` is its own, `*` or an empty list is every one.
ExportTo = Annotated[
    tuple[str, ...],
    AfterValidator(_known_scopes),
]


class StringMatch(Fields):
    """A StringMatch: exact, by prefix or by regular expression."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "StringMatch":
        if len(self.model_fields_set) != 1:
            raise ValueError("must have exactly one of exact, prefix and regex")
        return self


class HttpMatchRequest(Fields):
    """An HTTPMatchRequest: the condition of a route."""

    name: str = ""
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])
    without_headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])


class PortNumber(Fields):
    """A PortSelector: a port by number."""

    number: int


class Destination(Fields):
    """A Destination of a route: host, subset and port."""

    host: str
    subset: str = ""
    port: PortNumber | None = None


class HttpRouteDestination(Fields):
    """An HTTPRouteDestination: a destination and its weight."""

    destination: Destination
    weight: Annotated[int, Field(ge=0)] = 0


class HttpRetry(Fields):
    """An HTTPRetry: number, timeout and conditions of retries."""

    attempts: int = 0
    per_try_timeout: Seconds | None = None
    retry_on: str = ""
    retry_ignore_previous_hosts: bool | None = None
    retry_remote_localities: Annotated[Any, LeftOut("one machine has one locality")] = None
    backoff: Seconds | None = None


class Percent(Fields):
    """A Percent, from 0 to 100."""

    value: float


class HeaderChanges(Fields):
    """A HeaderOperations that sets headers, replacing any of the same name."""

    set: dict[str, str] = Field(default_factory=dict[str, str])


class HeaderRemovals(Fields):
    """A HeaderOperations that removes headers."""

    remove: Annotated[tuple[str, ...], not_empty()]


class Headers(Fields):
    """A Headers: changes of the request's and the response's headers."""

    request: HeaderRemovals | None = None
    response: HeaderChanges | None = None


class HttpRoute(Fields):
    """An HTTPRoute: one route of a VirtualService."""

    name: str = ""
    match: tuple[HttpMatchRequest, ...] = ()
    route: Annotated[tuple[HttpRouteDestination, ...], not_empty()]
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None
    timeout: Seconds | None = None
    retries: HttpRetry | None = None
    headers: Headers | None = None


class VirtualServiceSpec(Fields):
    """A VirtualServiceSpec: hosts, gateways and routes."""

    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = ("mesh",)
    http: tuple[HttpRoute, ...]
    export_to: ExportTo = ()


class VirtualService(Fields):
    """A VirtualService."""

    metadata: Metadata
    spec: VirtualServiceSpec


class TcpKeepalive(Fields):
    """A TcpKeepalive of upstream connections."""

    probes: int | None = None
    time: Seconds | None = None
    interval: Seconds | None = None


class TcpSettings(Fields):
    """A TCPSettings: limits of an upstream cluster's connections."""

    max_connections: int = 0
    connect_timeout: Seconds | None = None
    max_connection_duration: Seconds | None = None
    idle_timeout: Seconds | None = None
    tcp_keepalive: TcpKeepalive | None = None


class HttpSettings(Fields):
    """An HTTPSettings: limits of an upstream cluster's requests; 0 is Istio's default, no limit."""

    http1_max_pending_requests: Annotated[int, Field(alias="http1MaxPendingRequests")] = 0
    http2_max_requests: Annotated[int, Field(alias="http2MaxRequests")] = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    idle_timeout: Seconds | None = None
    h2_upgrade_policy: Annotated[
        str,
        Field(alias="h2UpgradePolicy"),
        only("DEFAULT", "DO_NOT_UPGRADE", because="the services speak HTTP/1.1"),
    ] = "DEFAULT"


class ConnectionPoolSettings(Fields):
    """A ConnectionPoolSettings: limits of an upstream cluster."""

    tcp: TcpSettings | None = None
    http: HttpSettings | None = None


class OutlierDetection(Fields):
    """An OutlierDetection: when a pod is ejected from load balancing."""

    consecutive_5xx_errors: Annotated[int | None, Field(alias="consecutive5xxErrors")] = None
    consecutive_gateway_errors: int | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    interval: Seconds | None = None
    base_ejection_time: Seconds | None = None
    max_ejection_percent: int = 0
    min_health_percent: int = 0


class LoadBalancerSettings(Fields):
    """A LoadBalancerSettings: how a pod is selected."""

    simple: Literal["UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN"] = (
        "UNSPECIFIED"
    )


class ClientTlsSettings(Fields):
    """A ClientTLSSettings: TLS that a sidecar originates."""

    mode: Literal["DISABLE", "SIMPLE", "ISTIO_MUTUAL"]
    sni: str = ""
    subject_alt_names: tuple[str, ...] = ()


class RetryBudget(Fields):
    """A RetryBudget: the share of a cluster's active requests that may be retries."""

    percent: Percent | None = None
    min_retry_concurrency: int = 0


class PolicyBlocks(Fields):
    """The fields that a traffic policy and a port's policy share."""

    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    load_balancer: LoadBalancerSettings | None = None
    tls: ClientTlsSettings | None = None


class PortTrafficPolicy(PolicyBlocks):
    """A PortTrafficPolicy: it inherits nothing from the policy around it."""

    port: PortNumber


class TrafficPolicy(PolicyBlocks):
    """A TrafficPolicy of a host or a subset."""

    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    retry_budget: RetryBudget | None = None


class Subset(Fields):
    """A Subset: a host's pods that have these labels."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Fields):
    """A DestinationRuleSpec: a host's traffic policy and subsets."""

    host: str
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: ExportTo = ()


class DestinationRule(Fields):
    """A DestinationRule."""

    metadata: Metadata
    spec: DestinationRuleSpec


class ServiceEntryPort(Fields):
    """A ServicePort of a ServiceEntry."""

    number: int
    name: str
    protocol: Annotated[str, only("HTTP", because="the rehearsal routes HTTP")] = "HTTP"
    target_port: int | None = None


class ServiceEntrySpec(Fields):
    """A ServiceEntrySpec: a host outside the mesh, and its ports."""

    hosts: tuple[str, ...]
    ports: tuple[ServiceEntryPort, ...]
    resolution: Annotated[str, only("DNS", because="an outside host is one name here")]
    location: Annotated[str, only("MESH_EXTERNAL", because="stand-ins have no sidecar")] = (
        "MESH_EXTERNAL"
    )
    export_to: ExportTo = ()


class ServiceEntry(Fields):
    """A ServiceEntry."""

    metadata: Metadata
    spec: ServiceEntrySpec


class GatewayPort(Fields):
    """A Port that a gateway opens."""

    number: int
    name: str
    protocol: Literal["HTTP", "HTTPS"]
    target_port: Annotated[Any, LeftOut("a gateway listens on a port of this machine")] = None


class ServerTlsSettings(Fields):
    """A ServerTLSSettings: a redirect to HTTPS, TLS with a Secret's certificate, or mutual TLS."""

    https_redirect: bool = False
    mode: Annotated[
        str,
        only("SIMPLE", "ISTIO_MUTUAL", because="clients from outside show no certificate"),
    ] = ""
    credential_name: str = ""
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = "TLS_AUTO"


class GatewayServer(Fields):
    """A Server of a Gateway: a port and its hosts."""

    port: GatewayPort
    hosts: tuple[str, ...]
    name: str = ""
    tls: ServerTlsSettings = ServerTlsSettings()

    @model_validator(mode="after")
    def _fits_protocol(self) -> "GatewayServer":
        own = self.tls.mode == "ISTIO_MUTUAL"
        if own and self.tls.credential_name:
            raise ValueError("for ISTIO_MUTUAL, tls must have no credentialName")
        ends_tls = own or bool(self.tls.mode and self.tls.credential_name)
        if self.port.protocol == "HTTPS" and (not ends_tls or self.tls.https_redirect):
            raise ValueError("for HTTPS, tls must have mode and credentialName, and no redirect")
        if self.port.protocol == "HTTP" and (self.tls.mode or self.tls.credential_name):
            raise ValueError("for HTTP, tls can have httpsRedirect alone")
        return self


class GatewaySpec(Fields):
    """A GatewaySpec: the servers of the selected gateway pods."""

    selector: dict[str, str]
    servers: tuple[GatewayServer, ...]


class Gateway(Fields):
    """A Gateway."""

    metadata: Metadata
    spec: GatewaySpec


class SidecarSelector(Fields):
    """A WorkloadSelector of a Sidecar, by labels."""

    labels: dict[str, str] = Field(default_factory=dict[str, str])


class IstioEgressListener(Fields):
    """An IstioEgressListener: visible hosts, each as namespace/name."""

    hosts: Annotated[tuple[str, ...], not_empty()]

    @model_validator(mode="after")
    def _includes(self) -> "IstioEgressListener":
        for host in self.hosts:
            namespace, slash, name = host.partition("/")
            if not slash or namespace.startswith("~") or "*" in name.removeprefix("*"):
                raise ValueError(f"{host}: the rehearsal knows namespace/name, ./name and */name")
        return self


class SidecarOutbound(Fields):
    """An OutboundTrafficPolicy of a Sidecar: calls to hosts that aren't visible."""

    mode: Annotated[
        str, only("REGISTRY_ONLY", because="nothing here may reach the outside of this machine")
    ]


class SidecarSpec(Fields):
    """A SidecarSpec: the hosts that are visible to the selected pods' proxies."""

    workload_selector: SidecarSelector | None = None
    egress: Annotated[tuple[IstioEgressListener, ...], not_empty()]
    outbound_traffic_policy: SidecarOutbound | None = None


class Sidecar(Fields):
    """A Sidecar: it narrows the hosts that are visible to some proxies."""

    metadata: Metadata
    spec: SidecarSpec
