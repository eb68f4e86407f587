"""Objects of networking.istio.io: where requests go, and how hosts are called."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds, not_empty, only


def _known_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    for scope in scopes:
        if scope.startswith("~"):
            raise ValueError(f"{scope}: the rehearsal knows ., * and names of namespaces")
    return scopes


# Namespaces that see an object: `.` is its own and `*` every one; none said means every one.
ExportTo = Annotated[
    tuple[str, ...],
    AfterValidator(_known_scopes),
]


class StringMatch(Fields):
    """A string matched in exactly one way."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "StringMatch":
        if len(self.model_fields_set) != 1:
            raise ValueError("must have exactly one of exact, prefix and regex")
        return self


class HttpMatch(Fields):
    """The condition of a route."""

    name: str = ""
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])
    without_headers: dict[str, StringMatch] = Field(default_factory=dict[str, StringMatch])


class PortNumber(Fields):
    """A port by number."""

    number: int


class Destination(Fields):
    """Where a route leads."""

    host: str
    subset: str = ""
    port: PortNumber | None = None


class WeightedDestination(Fields):
    """A destination and its share."""

    destination: Destination
    weight: Annotated[int, Field(ge=0)] = 0


class Retries(Fields):
    """How a failed request is tried again."""

    attempts: int = 0
    per_try_timeout: Seconds | None = None
    retry_on: str = ""
    retry_ignore_previous_hosts: bool | None = None
    retry_remote_localities: Annotated[Any, LeftOut("one machine has one locality")] = None
    backoff: Seconds | None = None


class Percent(Fields):
    """A percentage."""

    value: float


class HeaderChanges(Fields):
    """Headers that are set, in place of any of the same name."""

    set: dict[str, str] = Field(default_factory=dict[str, str])


class HeaderRemovals(Fields):
    """Headers that are taken away."""

    remove: Annotated[tuple[str, ...], not_empty()]


class Headers(Fields):
    """What a route does to a request's headers and to its answer's."""

    request: HeaderRemovals | None = None
    response: HeaderChanges | None = None


class HttpRoute(Fields):
    """One route of a virtual service."""

    name: str = ""
    match: tuple[HttpMatch, ...] = ()
    route: Annotated[tuple[WeightedDestination, ...], not_empty()]
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None
    timeout: Seconds | None = None
    retries: Retries | None = None
    headers: Headers | None = None


class VirtualServiceSpec(Fields):
    """Routes of some hosts."""

    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = ("mesh",)
    http: tuple[HttpRoute, ...]
    export_to: ExportTo = ()


class VirtualService(Fields):
    """A virtual service."""

    metadata: Metadata
    spec: VirtualServiceSpec


class TcpKeepalive(Fields):
    """TCP keepalive of upstream connections."""

    probes: int | None = None
    time: Seconds | None = None
    interval: Seconds | None = None


class TcpPool(Fields):
    """Connections of an upstream cluster."""

    max_connections: int = 0
    connect_timeout: Seconds | None = None
    max_connection_duration: Seconds | None = None
    idle_timeout: Seconds | None = None
    tcp_keepalive: TcpKeepalive | None = None


class HttpPool(Fields):
    """Requests of an upstream cluster; 0 means Istio's default, which is no limit."""

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


class ConnectionPool(Fields):
    """Limits of an upstream cluster."""

    tcp: TcpPool | None = None
    http: HttpPool | None = None


class OutlierDetection(Fields):
    """When a pod is taken out of load balancing."""

    consecutive_5xx_errors: Annotated[int | None, Field(alias="consecutive5xxErrors")] = None
    consecutive_gateway_errors: int | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    interval: Seconds | None = None
    base_ejection_time: Seconds | None = None
    max_ejection_percent: int = 0
    min_health_percent: int = 0


class LoadBalancer(Fields):
    """How a pod is chosen."""

    simple: Literal["UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN"] = (
        "UNSPECIFIED"
    )


class ClientTls(Fields):
    """TLS that a sidecar originates."""

    mode: Literal["DISABLE", "SIMPLE", "ISTIO_MUTUAL"]
    sni: str = ""
    subject_alt_names: tuple[str, ...] = ()


class RetryBudget(Fields):
    """How many of a cluster's requests may be retries at a time."""

    percent: Percent | None = None
    min_retry_concurrency: int = 0


class PolicyBlocks(Fields):
    """What a traffic policy or a port's own policy holds."""

    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    load_balancer: LoadBalancer | None = None
    tls: ClientTls | None = None


class PortPolicy(PolicyBlocks):
    """The policy of one port; nothing is inherited from the policy around it."""

    port: PortNumber


class TrafficPolicy(PolicyBlocks):
    """The policy of a host or a subset."""

    port_level_settings: tuple[PortPolicy, ...] = ()
    retry_budget: RetryBudget | None = None


class Subset(Fields):
    """Some of a host's pods, by label."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(Fields):
    """How a host is called."""

    host: str
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: ExportTo = ()


class DestinationRule(Fields):
    """A destination rule."""

    metadata: Metadata
    spec: DestinationRuleSpec


class ServiceEntryPort(Fields):
    """A port of an outside host."""

    number: int
    name: str
    protocol: Annotated[str, only("HTTP", because="the rehearsal routes HTTP")] = "HTTP"
    target_port: int | None = None


class ServiceEntrySpec(Fields):
    """A host outside the mesh that may be called."""

    hosts: tuple[str, ...]
    ports: tuple[ServiceEntryPort, ...]
    resolution: Annotated[str, only("DNS", because="an outside host is one name here")]
    location: Annotated[str, only("MESH_EXTERNAL", because="stand-ins have no sidecar")] = (
        "MESH_EXTERNAL"
    )
    export_to: ExportTo = ()


class ServiceEntry(Fields):
    """A service entry."""

    metadata: Metadata
    spec: ServiceEntrySpec


class GatewayPort(Fields):
    """A port that a gateway opens."""

    number: int
    name: str
    protocol: Literal["HTTP", "HTTPS"]
    target_port: Annotated[Any, LeftOut("a gateway listens on a port of this machine")] = None


class ServerTls(Fields):
    """A redirect to HTTPS, or the end of TLS: with a Secret's certificate, or the mesh's own."""

    https_redirect: bool = False
    mode: Annotated[
        str,
        only("SIMPLE", "ISTIO_MUTUAL", because="clients from outside show no certificate"),
    ] = ""
    credential_name: str = ""
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = "TLS_AUTO"


class GatewayServer(Fields):
    """A port and the hosts that it serves."""

    port: GatewayPort
    hosts: tuple[str, ...]
    name: str = ""
    tls: ServerTls = ServerTls()

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
    """Servers of the gateway pods that the selector picks."""

    selector: dict[str, str]
    servers: tuple[GatewayServer, ...]


class Gateway(Fields):
    """A gateway."""

    metadata: Metadata
    spec: GatewaySpec


class SidecarSelector(Fields):
    """A selector of pods by labels."""

    labels: dict[str, str] = Field(default_factory=dict[str, str])


class SidecarEgress(Fields):
    """Hosts that are seen, each as namespace/name."""

    hosts: Annotated[tuple[str, ...], not_empty()]

    @model_validator(mode="after")
    def _includes(self) -> "SidecarEgress":
        for host in self.hosts:
            namespace, slash, name = host.partition("/")
            if not slash or namespace.startswith("~") or "*" in name.removeprefix("*"):
                raise ValueError(f"{host}: the rehearsal knows namespace/name, ./name and */name")
        return self


class SidecarOutbound(Fields):
    """What happens to a call to a host that isn't seen."""

    mode: Annotated[
        str, only("REGISTRY_ONLY", because="nothing here may reach the outside of this machine")
    ]


class SidecarSpec(Fields):
    """What the proxies of the selected pods see."""

    workload_selector: SidecarSelector | None = None
    egress: Annotated[tuple[SidecarEgress, ...], not_empty()]
    outbound_traffic_policy: SidecarOutbound | None = None


class Sidecar(Fields):
    """A sidecar: the view of some proxies."""

    metadata: Metadata
    spec: SidecarSpec
