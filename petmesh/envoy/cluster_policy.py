"""A DestinationRule's traffic policy as fields of Envoy's cluster."""

from petmesh.envoy.names import UNLIMITED, Json, duration, typed
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.istio.destination_rule import (
    ConsistentHash,
    HttpSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PolicyBlocks,
    RetryBudget,
    RingHash,
    TcpSettings,
)

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# The percentage that istiod takes where a RetryBudget names none.
_RETRY_PERCENT = 20.0
_BALANCERS = {
    "UNSPECIFIED": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "RANDOM": "RANDOM",
    "ROUND_ROBIN": "ROUND_ROBIN",
    # The caller's own choice of an address: there is one here.
    "PASSTHROUGH": "ROUND_ROBIN",
}


def build_cluster(  # noqa: PLR0913
    name: str,
    ports: list[int],
    connect_timeout: float,
    policy: PolicyBlocks,
    *,
    budget: RetryBudget | None = None,
    http2: bool = False,
) -> Json:
    """Return a cluster of ports of this machine, without TLS.

    Args:
        name: the cluster's.
        ports: of its endpoints.
        connect_timeout: the mesh's, in seconds.
        policy: the effective traffic policy.
        budget: of retries.
        http2: whether its endpoints speak HTTP/2 alone.
    """
    pool = policy.connection_pool
    tcp = (pool.tcp if pool else None) or TcpSettings()
    http = (pool.http if pool else None) or HttpSettings()
    version = "http2_protocol_options" if http2 or _upgrades(http) else "http_protocol_options"
    options: Json = {}
    if "2" in version and http.max_concurrent_streams:
        options["max_concurrent_streams"] = http.max_concurrent_streams
    if "2" in version and http.http2_keep_alive:
        options["connection_keepalive"] = {
            "interval": duration(http.http2_keep_alive.interval),
            "timeout": duration(http.http2_keep_alive.timeout),
        }
    cluster: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": duration(tcp.connect_timeout or connect_timeout),
        **_balancer(policy.load_balancer),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(port) for port in ports]}] if ports else [],
        },
        "circuit_breakers": {"thresholds": [_threshold(tcp, http, budget)]},
        # Panic mode is off, istiod's default for services of few pods; Envoy's default is 50%.
        "common_lb_config": {"healthy_panic_threshold": {"value": _least_healthy(policy)}},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: typed(
                HTTP_OPTIONS,
                explicit_http_config={version: options},
                common_http_protocol_options=_connection_options(tcp, http),
            )
        },
    }
    if tcp.tcp_keepalive:
        values = {
            "keepalive_probes": tcp.tcp_keepalive.probes,
            "keepalive_time": _whole(tcp.tcp_keepalive.time),
            "keepalive_interval": _whole(tcp.tcp_keepalive.interval),
        }
        kept = {key: value for key, value in values.items() if value is not None}
        cluster["upstream_connection_options"] = {"tcp_keepalive": kept}
    if policy.outlier_detection:
        cluster["outlier_detection"] = _outlier_detection(policy.outlier_detection)
    return cluster


def _least_healthy(policy: PolicyBlocks) -> int:
    return policy.outlier_detection.min_health_percent if policy.outlier_detection else 0


def _upgrades(http: HttpSettings) -> bool:
    return http.h2_upgrade_policy == "UPGRADE"


def _balancer(settings: LoadBalancerSettings | None) -> Json:
    if settings and settings.consistent_hash:
        return _hashing(settings.consistent_hash)
    return {"lb_policy": _BALANCERS[(settings and settings.simple) or "UNSPECIFIED"]}


def _hashing(hashed: ConsistentHash) -> Json:
    if hashed.maglev:
        return {
            "lb_policy": "MAGLEV",
            "maglev_lb_config": {"table_size": str(hashed.maglev.table_size)},
        }
    ring = hashed.ring_hash.minimum_ring_size if hashed.ring_hash else hashed.minimum_ring_size
    return {
        "lb_policy": "RING_HASH",
        "ring_hash_lb_config": {"minimum_ring_size": str(ring or RingHash().minimum_ring_size)},
    }


def _endpoint(port: int) -> Json:
    address = {"socket_address": {"address": LOOPBACK, "port_value": port}}
    return {"endpoint": {"address": address}}


def _threshold(tcp: TcpSettings, http: HttpSettings, budget: RetryBudget | None) -> Json:
    """Return the circuit breakers; without declared limits istiod raises Envoy's defaults."""
    threshold: Json = {
        "max_connections": tcp.max_connections or UNLIMITED,
        "max_pending_requests": http.http1_max_pending_requests or UNLIMITED,
        "max_requests": http.http2_max_requests or UNLIMITED,
        "max_retries": http.max_retries or UNLIMITED,
        "track_remaining": True,
    }
    if budget:
        percent = _RETRY_PERCENT if budget.percent is None else budget.percent
        retries: Json = {
            "budget_percent": {"value": percent},
            "min_retry_concurrency": budget.min_retry_concurrency or 3,
        }
        if budget.budget_interval is not None:
            retries["budget_interval"] = duration(budget.budget_interval)
        threshold["retry_budget"] = retries
    return threshold


def _connection_options(tcp: TcpSettings, http: HttpSettings) -> Json:
    options: Json = {}
    idle = http.idle_timeout if http.idle_timeout is not None else tcp.idle_timeout
    if idle is not None:
        options["idle_timeout"] = duration(idle)
    if http.max_requests_per_connection:
        options["max_requests_per_connection"] = http.max_requests_per_connection
    if tcp.max_connection_duration is not None:
        options["max_connection_duration"] = duration(tcp.max_connection_duration)
    return options


def _outlier_detection(declared: OutlierDetection) -> Json:
    detection: Json = {"enforcing_success_rate": 0}
    consecutive = declared.consecutive_5xx_errors
    if consecutive is None:
        consecutive = declared.consecutive_errors
    if consecutive is not None:
        detection["consecutive_5xx"] = consecutive
        detection["enforcing_consecutive_5xx"] = 100 if consecutive else 0
    if declared.consecutive_gateway_errors is not None:
        errors = declared.consecutive_gateway_errors
        detection["consecutive_gateway_failure"] = errors
        detection["enforcing_consecutive_gateway_failure"] = 100 if errors else 0
    if declared.interval is not None:
        detection["interval"] = duration(declared.interval)
    if declared.base_ejection_time is not None:
        detection["base_ejection_time"] = duration(declared.base_ejection_time)
    if declared.max_ejection_percent:
        detection["max_ejection_percent"] = declared.max_ejection_percent
    if declared.split_external_local_origin_errors:
        detection["split_external_local_origin_errors"] = True
        detection["enforcing_local_origin_success_rate"] = 0
        if declared.consecutive_local_origin_failures:
            failures = declared.consecutive_local_origin_failures
            detection["consecutive_local_origin_failure"] = failures
            detection["enforcing_consecutive_local_origin_failure"] = 100
    return detection


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
