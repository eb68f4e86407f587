"""Clusters: the upstreams of a proxy, with their TLS, limits and outlier detection."""

from collections.abc import Iterable
from dataclasses import dataclass

from petmesh.envoy.mtls_mode import accepts_tls
from petmesh.envoy.names import (
    UNLIMITED,
    Json,
    cluster_name,
    duration,
    full_host,
    inbound_cluster_name,
    selects,
    sni_name,
    typed,
)
from petmesh.envoy.tls import mutual_tls_client, originated_tls
from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology
from petmesh.host.ports import LOOPBACK
from petmesh.mesh.istio.networking import (
    ClientTlsSettings,
    DestinationRule,
    HttpSettings,
    OutlierDetection,
    PolicyBlocks,
    RetryBudget,
    Subset,
    TcpSettings,
    TrafficPolicy,
)
from petmesh.mesh.kubernetes import Service, ServicePort
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken

_PLAIN = {
    "name": "envoy.transport_sockets.raw_buffer",
    "typed_config": typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
}
_TAKES_TLS = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class _End:
    """An endpoint: a pod's port on this machine, the pod's identity, and whether it takes TLS."""

    port: int
    uri: str
    takes_tls: bool


def outbound_clusters(mesh: Mesh, topology: Topology, identity: Identity) -> list[Json]:
    """Return every cluster that istiod sends a proxy of an identity."""
    clusters: list[Json] = []
    for service in mesh.services:
        host = mesh.service_host(service)
        rule = _rule(mesh, host)
        for port in service.spec.ports:
            if spoken(port) == "UDP":
                continue
            for subset in (None, *(rule.spec.subsets if rule else ())):
                ends = _ends(mesh, topology, service, subset, port)
                policy, budget = _policy(rule, subset, port.port)
                subset_name = subset.name if subset else ""
                cluster = _cluster(
                    cluster_name(host, port.port, subset_name),
                    [end.port for end in ends],
                    mesh.config.connect_timeout,
                    policy,
                    budget,
                )
                tls = policy.tls
                mutual = mutual_tls_client(
                    identity,
                    topology.trust,
                    (tls.sni if tls else "") or sni_name(host, port.port, subset_name),
                    (tls.subject_alt_names if tls else ()) or {end.uri for end in ends},
                )
                _secure(cluster, tls, ends, topology, mutual)
                clusters.append(cluster)
    clusters.extend(_outside_clusters(mesh, topology))
    return clusters


def _secure(
    cluster: Json,
    tls: ClientTlsSettings | None,
    ends: list[_End],
    topology: Topology,
    mutual: Json,
) -> None:
    """Add a cluster's TLS: as declared, else mutual TLS to each endpoint that accepts it.

    istiod decides by endpoint too (`enableAutoMtls`): with both kinds, a match selects.
    """
    if tls and tls.mode == "SIMPLE":
        _originate(cluster, tls, topology)
        return
    if (tls and tls.mode == "DISABLE") or (not tls and not any(end.takes_tls for end in ends)):
        return
    if tls or all(end.takes_tls for end in ends):
        cluster["transport_socket"] = mutual
        return
    cluster["transport_socket_matches"] = [
        {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": mutual},
        {"name": "tlsMode-disabled", "match": {}, "transport_socket": _PLAIN},
    ]
    [locality] = cluster["load_assignment"]["endpoints"]
    for end, endpoint in zip(ends, locality["lb_endpoints"], strict=True):
        if end.takes_tls:
            endpoint["metadata"] = _TAKES_TLS


def inbound_cluster(mesh: Mesh, pod: Pod, service: Service, port: ServicePort, target: int) -> Json:
    """Return the cluster of a port of a pod's own process.

    The connection limits of the Service's DestinationRule apply.
    """
    policy, _ = _policy(_rule(mesh, mesh.service_host(service)), None, port.port)
    limits = PolicyBlocks(connection_pool=policy.connection_pool)
    return _cluster(
        inbound_cluster_name(target), [pod.app_port], mesh.config.connect_timeout, limits, None
    )


def _outside_clusters(mesh: Mesh, topology: Topology) -> Iterable[Json]:
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            rule = _rule(mesh, host)
            for port in entry.spec.ports:
                policy, budget = _policy(rule, None, port.number)
                stand_in = topology.outside.get(host)
                cluster = _cluster(
                    cluster_name(host, port.number),
                    [] if stand_in is None else [stand_in],
                    mesh.config.connect_timeout,
                    policy,
                    budget,
                )
                if policy.tls and policy.tls.mode == "SIMPLE":
                    _originate(cluster, policy.tls, topology)
                yield cluster


def _rule(mesh: Mesh, host: str) -> DestinationRule | None:
    for rule in mesh.destination_rules:
        if full_host(rule.spec.host, rule.metadata.namespace) == host:
            return rule
    return None


def _ends(
    mesh: Mesh, topology: Topology, service: Service, subset: Subset | None, port: ServicePort
) -> list[_End]:
    pods = [
        _End(
            pod.inbound(pod.target(port)),
            pod.identity.uri,
            pod.in_mesh and accepts_tls(mesh, pod.namespace, pod.labels, pod.target(port)),
        )
        for pod in topology.pods
        if _belongs(pod, service, subset)
    ]
    target = port.target_port or port.port
    gateways = [
        _End(here, gateway.identity.uri, accepts_tls(mesh, gateway.namespace, gateway.labels))
        for gateway in topology.gateways
        if _belongs(gateway, service, subset)
        for number, here in gateway.ports.items()
        if number == target
    ]
    return pods + gateways


def _belongs(pod: Pod | GatewayPod, service: Service, subset: Subset | None) -> bool:
    return (
        pod.namespace == service.metadata.namespace
        and service.spec.selects(pod.labels)
        and (subset is None or selects(subset.labels, pod.labels))
    )


def _policy(
    rule: DestinationRule | None, subset: Subset | None, port: int
) -> tuple[PolicyBlocks, RetryBudget | None]:
    """Return the effective policy: a subset's fields override, a port's policy replaces all."""
    policies = [
        policy
        for policy in (rule and rule.spec.traffic_policy, subset and subset.traffic_policy)
        if policy
    ]
    merged = TrafficPolicy()
    for policy in policies:
        set_blocks = {name: getattr(policy, name) for name in policy.model_fields_set}
        merged = merged.model_copy(update=set_blocks)
    for own in merged.port_level_settings:
        if own.port.number == port:
            return own, None
    return merged, merged.retry_budget


def _cluster(
    name: str,
    ports: list[int],
    connect_timeout: float,
    policy: PolicyBlocks,
    budget: RetryBudget | None,
) -> Json:
    pool = policy.connection_pool
    tcp = (pool.tcp if pool else None) or TcpSettings()
    http = (pool.http if pool else None) or HttpSettings()
    cluster: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": duration(tcp.connect_timeout or connect_timeout),
        "lb_policy": _BALANCERS[policy.load_balancer.simple if policy.load_balancer else ""],
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(port) for port in ports]}] if ports else [],
        },
        "circuit_breakers": {"thresholds": [_threshold(tcp, http, budget)]},
        "common_lb_config": {},
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: typed(
                _HTTP_OPTIONS,
                explicit_http_config={"http_protocol_options": {}},
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
        # Panic mode is off, istiod's default for services of few pods; Envoy's default is 50%.
        cluster["common_lb_config"]["healthy_panic_threshold"] = {
            "value": policy.outlier_detection.min_health_percent
        }
    return cluster


_BALANCERS = {
    "": "LEAST_REQUEST",
    "UNSPECIFIED": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "RANDOM": "RANDOM",
    "ROUND_ROBIN": "ROUND_ROBIN",
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
        threshold["retry_budget"] = {
            "budget_percent": {"value": budget.percent.value if budget.percent else 20.0},
            "min_retry_concurrency": budget.min_retry_concurrency or 3,
        }
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
    if declared.consecutive_5xx_errors is not None:
        detection["consecutive_5xx"] = declared.consecutive_5xx_errors
        detection["enforcing_consecutive_5xx"] = 100 if declared.consecutive_5xx_errors else 0
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


def _originate(cluster: Json, tls: ClientTlsSettings, topology: Topology) -> None:
    cluster["transport_socket"] = originated_tls(tls, topology.outside_trust)
    automatic: Json = {}
    if not tls.sni:
        automatic["auto_sni"] = True
        if not tls.subject_alt_names:
            automatic["auto_san_validation"] = True
    if automatic:
        options = cluster["typed_extension_protocol_options"][_HTTP_OPTIONS]
        options["upstream_http_protocol_options"] = automatic


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
