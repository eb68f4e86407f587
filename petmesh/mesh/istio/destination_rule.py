"""The DestinationRule of networking.istio.io: how a host's pods are called, and its subsets."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from petmesh.mesh.fields import Fields, LeftOut, Metadata, Seconds, only
from petmesh.mesh.istio.common import LOCALITY, ExportTo, PortNumber
from petmesh.mesh.istio.hosts import Host
from petmesh.mesh.kubernetes import LabelSelector


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


class ConnectionKeepalive(Fields):
    """A ConnectionKeepalive: how often HTTP/2 connections get PING frames, and who is lost."""

    interval: Seconds
    timeout: Seconds


class HttpSettings(Fields):
    """An HTTPSettings: limits of an upstream cluster's requests; 0 is Istio's default, no limit."""

    http1_max_pending_requests: Annotated[int, Field(alias="http1MaxPendingRequests")] = 0
    http2_max_requests: Annotated[int, Field(alias="http2MaxRequests")] = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    max_concurrent_streams: int = 0
    idle_timeout: Seconds | None = None
    use_client_protocol: Annotated[Any, LeftOut("a sidecar here is called in HTTP/1.1")] = None
    http2_keep_alive: Annotated[ConnectionKeepalive | None, Field(alias="http2KeepAlive")] = None
    h2_upgrade_policy: Annotated[
        Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"], Field(alias="h2UpgradePolicy")
    ] = "DEFAULT"


class ConnectionPoolSettings(Fields):
    """A ConnectionPoolSettings: limits of an upstream cluster."""

    tcp: TcpSettings | None = None
    http: HttpSettings | None = None


class OutlierDetection(Fields):
    """An OutlierDetection: when a pod is ejected from load balancing."""

    consecutive_errors: int | None = None
    consecutive_5xx_errors: Annotated[int | None, Field(alias="consecutive5xxErrors")] = None
    consecutive_gateway_errors: int | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    interval: Seconds | None = None
    base_ejection_time: Seconds | None = None
    max_ejection_percent: Annotated[int, Field(ge=0, le=100)] = 0
    min_health_percent: Annotated[int, Field(ge=0, le=100)] = 0
    outlier_detection_http_error_codes: Annotated[Any, LeftOut("istiod doesn't read it")] = None


class HttpCookie(Fields):
    """An HTTPCookie that selects a pod; with a ttl the proxy sets one that is missing."""

    name: str
    path: str = ""
    ttl: Seconds | None = None
    attributes: Annotated[Any, LeftOut("no browser keeps the cookie here")] = None


class RingHash(Fields):
    """A RingHash: the least size of the ring."""

    minimum_ring_size: int = 1024


class Maglev(Fields):
    """A MagLev: the size of its table, a prime number."""

    table_size: int = 65537


class ConsistentHash(Fields):
    """A ConsistentHashLB: requests with the same value go to the same pod."""

    http_header_name: str = ""
    http_cookie: HttpCookie | None = None
    use_source_ip: bool = False
    http_query_parameter_name: str = ""
    ring_hash: RingHash | None = None
    maglev: Maglev | None = None
    minimum_ring_size: int = 0

    @model_validator(mode="after")
    def _one(self) -> "ConsistentHash":
        keys = (
            self.http_header_name,
            self.http_cookie,
            self.use_source_ip,
            self.http_query_parameter_name,
        )
        if sum(map(bool, keys)) != 1:
            raise ValueError(
                "must have exactly one of httpHeaderName, httpCookie, useSourceIp and "
                "httpQueryParameterName"
            )
        return self


class LoadBalancerSettings(Fields):
    """A LoadBalancerSettings: how a pod is selected."""

    simple: (
        Literal[
            "UNSPECIFIED",
            "LEAST_CONN",
            "LEAST_REQUEST",
            "RANDOM",
            "ROUND_ROBIN",
            "PASSTHROUGH",
        ]
        | None
    ) = None
    consistent_hash: ConsistentHash | None = None
    locality_lb_setting: Annotated[Any, LOCALITY] = None
    zone_aware_lb_setting: Annotated[Any, LOCALITY] = None
    warmup_duration_secs: Annotated[Seconds | None, LeftOut("pods here are ready at once")] = None
    warmup: Annotated[Any, LeftOut("pods here are ready at once")] = None

    @model_validator(mode="after")
    def _one(self) -> "LoadBalancerSettings":
        if self.simple and self.consistent_hash:
            raise ValueError("must have simple or consistentHash, not both")
        return self


_FILES = LeftOut("certificates of this machine are a local authority's")
# Kinds of credentials: pilot/pkg/model/credentials/resource.go.
CONFIG_MAP: Final = "configmap://"
INVALID: Final = "invalid://"


class ClientTlsSettings(Fields):
    """A ClientTLSSettings: TLS that a sidecar originates."""

    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] = "DISABLE"
    sni: str = ""
    subject_alt_names: tuple[str, ...] = ()
    insecure_skip_verify: bool = False
    client_certificate: Annotated[Any, _FILES] = None
    private_key: Annotated[Any, _FILES] = None
    ca_certificates: Annotated[Any, _FILES] = None
    ca_crl: Annotated[Any, _FILES] = None
    credential_name: Annotated[str, _FILES] = ""

    @property
    def config_map(self) -> str | None:
        """The ConfigMap whose authority is trusted, as `namespace/name`; None for another."""
        if not self.credential_name.startswith(CONFIG_MAP):
            return None
        return self.credential_name.removeprefix(CONFIG_MAP)

    @property
    def trusts_nobody(self) -> bool:
        """Whether no authority is trusted, since the one that is named can't be had."""
        return self.credential_name.startswith(INVALID)


class RetryBudget(Fields):
    """A RetryBudget: the percentage of a cluster's active requests that may be retries."""

    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    min_retry_concurrency: int = 0
    budget_interval: Seconds | None = None


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
    tunnel: Annotated[Any, only(None, because="no tunnel to another proxy is set up here")] = None
    proxy_protocol: Annotated[Any, LeftOut("clients are all on this machine")] = None


class Subset(Fields):
    """A Subset: a host's pods that have these labels."""

    name: Annotated[str, Field(min_length=1)]
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    traffic_policy: TrafficPolicy | None = None


def _named_once(subsets: tuple[Subset, ...]) -> tuple[Subset, ...]:
    names = [subset.name for subset in subsets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"{twice}: is there twice")
    return subsets


class DestinationRuleSpec(Fields):
    """A DestinationRuleSpec: a host's traffic policy and subsets."""

    host: Host
    traffic_policy: TrafficPolicy | None = None
    subsets: Annotated[tuple[Subset, ...], AfterValidator(_named_once)] = ()
    export_to: ExportTo = ()
    workload_selector: LabelSelector | None = None


class DestinationRule(Fields):
    """A DestinationRule; with a workloadSelector it holds for those callers alone."""

    metadata: Metadata
    spec: DestinationRuleSpec

    @property
    def sources(self) -> tuple[str, ...]:
        """The declared objects that it is made of, as `Kind namespace/name`."""
        return (f"DestinationRule {self.metadata.namespace}/{self.metadata.name}",)


class PolicyRule(DestinationRule):
    """Policies of the Gateway API for a host, in the form of a DestinationRule.

    Attributes:
        policies: the objects that it is made of, as `Kind namespace/name`.
    """

    policies: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The declared objects that it is made of."""
        return self.policies
