"""Values of Istio's Helm charts: fields that the rehearsal uses, and those that it leaves out."""

from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field

from petmesh.mesh.fields import Fields, LeftOut, Seconds, only
from petmesh.mesh.istio.virtual_service import HttpRetry

CONTROL_PLANE = LeftOut("there is no control plane here: the rehearsal translates instead")
GATEWAY_POD = LeftOut("a gateway is one process of this machine")
LOGS = LeftOut("proxies log as JSON into the rehearsal's folder")


class OutboundTrafficPolicy(Fields):
    """An OutboundTrafficPolicy of the mesh: calls to hosts that no object declares."""

    mode: Annotated[
        str, only("REGISTRY_ONLY", because="nothing here may reach the outside of this machine")
    ]


class PathNormalization(Fields):
    """A ProxyPathNormalization: how a path is normalized before routes and policies match it."""

    normalization: Literal[
        "DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"
    ] = "DEFAULT"


class MeshTls(Fields):
    """A TLSConfig: TLS between workloads."""

    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = "TLS_AUTO"


class ProxyConfig(Fields):
    """A ProxyConfig: the default settings of every proxy."""

    hold_application_until_proxy_starts: Annotated[
        Any, LeftOut("a service is called only once every proxy is ready")
    ] = None
    termination_drain_duration: Annotated[Any, LeftOut("no proxy is drained here")] = None
    drain_duration: Annotated[Any, LeftOut("no proxy is drained here")] = None
    proxy_metadata: Annotated[Any, CONTROL_PLANE] = None
    proxy_stats_matcher: Annotated[Any, LeftOut("proxies here keep all of Envoy's statistics")] = (
        None
    )
    tracing: Annotated[Any, LeftOut("no tracing back end is started")] = None
    concurrency: Annotated[Any, LeftOut("proxies here have one worker thread each")] = None


class MeshConfig(Fields):
    """A MeshConfig: istiod's mesh-wide settings."""

    outbound_traffic_policy: OutboundTrafficPolicy
    path_normalization: PathNormalization = PathNormalization()
    default_http_retry_policy: HttpRetry | None = None
    connect_timeout: Seconds = 10.0
    proxy_http_port: Annotated[int, Field(ge=0, le=65535)] = 0
    trust_domain: str = "cluster.local"
    enable_auto_mtls: Annotated[bool, only(True, because="workloads here speak mutual TLS")] = True  # noqa: FBT003
    mesh_mtls: Annotated[MeshTls, Field(alias="meshMTLS")] = MeshTls()
    default_config: ProxyConfig = ProxyConfig()
    access_log_file: Annotated[Any, LOGS] = None
    access_log_encoding: Annotated[Any, LOGS] = None
    access_log_format: Annotated[Any, LOGS] = None
    enable_tracing: Annotated[Any, LeftOut("no tracing back end is started")] = None
    enable_prometheus_merge: Annotated[Any, LeftOut("there is no Prometheus here")] = None
    extension_providers: Annotated[Any, LeftOut("no telemetry back end is started")] = None
    default_providers: Annotated[Any, LeftOut("no telemetry back end is started")] = None


class IstiodValues(Fields):
    """The values of the istiod chart."""

    mesh_config: MeshConfig
    revision: Annotated[Any, CONTROL_PLANE] = None
    pilot: Annotated[Any, CONTROL_PLANE] = None
    seccomp_profile: Annotated[Any, CONTROL_PLANE] = None
    global_: Annotated[Any, Field(alias="global"), CONTROL_PLANE] = None
    base: Annotated[Any, CONTROL_PLANE] = None
    autoscale_enabled: Annotated[Any, CONTROL_PLANE] = None
    autoscale_min: Annotated[Any, CONTROL_PLANE] = None
    autoscale_max: Annotated[Any, CONTROL_PLANE] = None
    replica_count: Annotated[Any, CONTROL_PLANE] = None
    resources: Annotated[Any, CONTROL_PLANE] = None
    pod_disruption_budget: Annotated[Any, CONTROL_PLANE] = None
    sidecar_injector_webhook: Annotated[Any, CONTROL_PLANE] = None
    env: Annotated[Any, CONTROL_PLANE] = None
    affinity: Annotated[Any, CONTROL_PLANE] = None
    topology_spread_constraints: Annotated[Any, CONTROL_PLANE] = None


class GatewayAccount(Fields):
    """The gateway's ServiceAccount."""

    create: bool = True
    name: str = ""


class GatewayMetadata(Fields):
    """The proxyMetadata of a gateway's pods: environment variables that istiod reads."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=None
    )

    http10: Annotated[Literal["", "1"], Field(alias="ISTIO_META_HTTP10")] = ""
    most_connections: Annotated[
        Annotated[int, Field(ge=1)] | None,
        Field(alias="ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"),
    ] = None


class GatewayEnvironment(Fields):
    """The environment variables of a gateway's pods; those of pilot-agent don't configure Envoy."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, alias_generator=None
    )

    exit_on_zero_active_connections: Annotated[
        Any, Field(alias="EXIT_ON_ZERO_ACTIVE_CONNECTIONS"), GATEWAY_POD
    ] = None


class GatewayConfig(Fields):
    """The ProxyConfig of a gateway's pods."""

    gateway_topology: Annotated[Any, LeftOut("clients connect to the gateway directly here")] = None
    proxy_metadata: GatewayMetadata = GatewayMetadata()


def _read(text: object) -> object:
    """Parse the annotation as YAML, which includes JSON, as Istio does."""
    try:
        return yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError:
        raise ValueError("must be YAML or JSON") from None


class GatewayAnnotations(Fields):
    """The annotations of a gateway's pods."""

    config: Annotated[
        GatewayConfig, Field(alias="proxy.istio.io/config"), BeforeValidator(_read)
    ] = GatewayConfig()
    istio_version: Annotated[Any, Field(alias="petmesh/istio-version"), GATEWAY_POD] = None
    istio_revision: Annotated[Any, Field(alias="petmesh/istio-revision"), GATEWAY_POD] = None


class GatewayValues(Fields):
    """The values of the gateway chart."""

    name: str = ""
    global_: Annotated[Any, Field(alias="global"), CONTROL_PLANE] = None
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    service_account: GatewayAccount = GatewayAccount()
    service: Annotated[Any, GATEWAY_POD] = None
    autoscaling: Annotated[Any, GATEWAY_POD] = None
    replica_count: Annotated[Any, GATEWAY_POD] = None
    resources: Annotated[Any, GATEWAY_POD] = None
    pod_disruption_budget: Annotated[Any, GATEWAY_POD] = None
    security_context: Annotated[Any, GATEWAY_POD] = None
    container_security_context: Annotated[Any, GATEWAY_POD] = None
    image_pull_policy: Annotated[Any, GATEWAY_POD] = None
    image_pull_secrets: Annotated[Any, GATEWAY_POD] = None
    topology_spread_constraints: Annotated[Any, GATEWAY_POD] = None
    affinity: Annotated[Any, GATEWAY_POD] = None
    env: GatewayEnvironment = GatewayEnvironment()
    termination_grace_period_seconds: Annotated[Any, GATEWAY_POD] = None
    min_ready_seconds: Annotated[Any, GATEWAY_POD] = None
    strategy: Annotated[Any, GATEWAY_POD] = None
    pod_annotations: GatewayAnnotations = GatewayAnnotations()
    annotations: Annotated[Any, GATEWAY_POD] = None
