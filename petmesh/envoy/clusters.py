"""Clusters: the upstreams of a proxy, with their endpoints and TLS."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from petmesh.envoy.callers import Caller
from petmesh.envoy.cluster_policy import HTTP_OPTIONS, build_cluster
from petmesh.envoy.destination_rules import policy_for, rule_for
from petmesh.envoy.mtls_mode import accepts_tls
from petmesh.envoy.names import (
    Json,
    cluster_name,
    inbound_cluster_name,
    selects,
    sni_name,
    typed,
)
from petmesh.envoy.tls import mutual_tls_client, originated_tls
from petmesh.envoy.topology import GatewayPod, Identity, Pod, Topology, stub_names
from petmesh.mesh.istio.destination_rule import (
    ClientTlsSettings,
    DestinationRule,
    PolicyBlocks,
    Subset,
)
from petmesh.mesh.istio.networking import ServiceEntry, ServiceEntryPort
from petmesh.mesh.kubernetes import Service, ServicePort
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import Spoken, spoken

_PLAIN = {
    "name": "envoy.transport_sockets.raw_buffer",
    "typed_config": typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
}
_TAKES_TLS = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
# Ports at which a server outside the mesh speaks TLS, whatever its clients send.
_TLS_PORTS = (443, 8443)


def speaks_tls(port: int, spoken_there: Spoken | None = None) -> bool:
    """Return whether a server outside the mesh speaks TLS at a port."""
    return port in _TLS_PORTS or spoken_there == "TLS"


@dataclass(frozen=True)
class Served:
    """The host and port that lead to a port of a pod's container, and what is spoken there.

    Attributes:
        grpc: whether it is gRPC.
        detected: whether nothing says what is spoken, so that Istio detects it.
    """

    host: str
    number: int
    speaks: Spoken
    grpc: bool = False
    detected: bool = False


@dataclass(frozen=True)
class _End:
    """An endpoint: a pod's port on this machine, the pod's identity, and whether it takes TLS.

    Attributes:
        http1: whether behind TLS of its own is a stand-in, which speaks HTTP/1.1 alone.
    """

    port: int
    uri: str = ""
    takes_tls: bool = False
    http1: bool = False


@dataclass(frozen=True)
class _Upstream:
    """A host's port: what it speaks, and its endpoints by the labels of a subset.

    Attributes:
        names: those that its ServiceEntry says its certificates have.
    """

    host: str
    number: int
    speaks: Spoken
    ends: list[tuple[Subset | None, list[_End]]]
    names: tuple[str, ...] = ()


def outbound_clusters(
    mesh: Mesh, topology: Topology, caller: Caller, identity: Identity
) -> list[Json]:
    """Return every cluster that istiod sends a proxy.

    Args:
        mesh: the objects that are visible to the proxy.
        topology: the addresses of pods, gateways and outside hosts.
        caller: the proxy.
        identity: of the proxy.
    """
    clusters: list[Json] = []
    passes = any(
        server.tls.mode == "AUTO_PASSTHROUGH"
        for gateway in mesh.gateways
        if f"{gateway.metadata.namespace}/{gateway.metadata.name}" in caller.gateways
        for server in gateway.spec.servers
    )
    for upstream in _upstreams(mesh, topology, caller):
        rule = rule_for(mesh, upstream.host, caller.namespace, caller.labels)
        for subset, ends in upstream.ends:
            policy, budget = policy_for(rule, subset, upstream.number)
            name = subset.name if subset else ""
            cluster = build_cluster(
                cluster_name(upstream.host, upstream.number, name),
                [end.port for end in ends],
                mesh.config.connect_timeout,
                policy,
                budget=budget,
                http2=upstream.speaks == "HTTP2" and not any(end.http1 for end in ends),
            )
            tls = _own_tls(policy, rule, caller)
            mutual = mutual_tls_client(
                identity,
                topology.trust,
                (tls.sni if tls else "") or sni_name(upstream.host, upstream.number, name),
                (tls.subject_alt_names if tls else ())
                or {*upstream.names, *(end.uri for end in ends if end.uri)},
            )
            if passes:
                # A gateway passes the TLS of a sidecar, which names this cluster, to the pod.
                raw = sni_name(upstream.host, upstream.number, name)
                clusters.append({**cluster, "name": raw})
            _secure(cluster, _named(tls, upstream), ends, topology, mutual)
            clusters.append(cluster)
    return clusters


def _own_tls(
    policy: PolicyBlocks, rule: DestinationRule | None, caller: Caller
) -> ClientTlsSettings | None:
    """Return the TLS of a policy; a sidecar gets a Secret only by a rule that selects its pod.

    Without it the TLS is left out: `buildUpstreamClusterTLSContext` in
    pilot/pkg/networking/core/cluster_tls.go.
    """
    tls = policy.tls
    if tls is None or rule is None or rule.spec.workload_selector or not caller.is_sidecar:
        return tls
    is_secret = tls.credential_name and not tls.config_map
    if is_secret and tls.mode in ("SIMPLE", "MUTUAL"):
        return ClientTlsSettings(mode="DISABLE")
    return tls


def _named(tls: ClientTlsSettings | None, upstream: _Upstream) -> ClientTlsSettings | None:
    """Return TLS that verifies the names of the ServiceEntry where it has none of its own."""
    if tls is None or tls.subject_alt_names or not upstream.names:
        return tls
    return tls.model_copy(update={"subject_alt_names": upstream.names})


def inbound_cluster(mesh: Mesh, pod: Pod, served: Served, target: int) -> Json:
    """Return the cluster of a port of a pod's own process.

    The connection limits of the host's DestinationRule apply.
    """
    rule = rule_for(mesh, served.host, pod.namespace, pod.labels)
    policy, budget = policy_for(rule, None, served.number)
    limits = PolicyBlocks(connection_pool=policy.connection_pool)
    http2 = served.speaks == "HTTP2" and not pod.is_stand_in
    name = inbound_cluster_name(target)
    timeout = mesh.config.connect_timeout
    port = pod.process_port(target)
    return build_cluster(name, [port], timeout, limits, budget=budget, http2=http2)


def _upstreams(mesh: Mesh, topology: Topology, caller: Caller) -> Iterator[_Upstream]:
    for service in mesh.services:
        host = mesh.service_host(service)
        subsets = _subsets(mesh, host, caller)
        for port in service.spec.ports:
            speaks = spoken(port)
            if speaks != "UDP":
                ends = [(each, _pods(mesh, topology, service, each, port)) for each in subsets]
                yield _Upstream(host, port.port, speaks, ends)
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            subsets = _subsets(mesh, host, caller)
            for port in entry.spec.ports:
                outside = partial(_outside, mesh, topology, entry, host, port)
                ends = [(each, outside(each)) for each in subsets]
                names = entry.spec.subject_alt_names
                yield _Upstream(host, port.number, port.spoken, ends, names)


def _subsets(mesh: Mesh, host: str, caller: Caller) -> list[Subset | None]:
    rule = rule_for(mesh, host, caller.namespace, caller.labels)
    return [None, *(rule.spec.subsets if rule else ())]


def _pods(
    mesh: Mesh, topology: Topology, service: Service, subset: Subset | None, port: ServicePort
) -> list[_End]:
    pods = [
        _end(mesh, pod, pod.target(port)) for pod in topology.pods if _belongs(pod, service, subset)
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


def _end(mesh: Mesh, pod: Pod, target: int) -> _End:
    takes_tls = pod.in_mesh and accepts_tls(mesh, pod.namespace, pod.labels, target)
    http1 = pod.is_stand_in and pod.speaks_tls(target)
    return _End(pod.inbound(target), pod.identity.uri, takes_tls, http1)


def _belongs(pod: Pod | GatewayPod, service: Service, subset: Subset | None) -> bool:
    return (
        pod.namespace == service.metadata.namespace
        and service.spec.selects(pod.labels)
        and (subset is None or selects(subset.labels, pod.labels))
    )


def _outside(  # noqa: PLR0913, PLR0917
    mesh: Mesh,
    topology: Topology,
    entry: ServiceEntry,
    host: str,
    port: ServiceEntryPort,
    subset: Subset | None,
) -> list[_End]:
    """Return the endpoints of a ServiceEntry: the pods that it selects, and servers outside."""
    labels = subset.labels if subset else {}
    selector = entry.spec.workload_selector
    ends = [
        _end(mesh, pod, port.target_port or port.number)
        for pod in topology.pods
        if selector
        and pod.namespace == entry.metadata.namespace
        and selects({**selector.labels, **labels}, pod.labels)
    ]
    target = port.target_port or port.number
    is_secure = speaks_tls(target, port.spoken)
    servers = topology.outside if is_secure else topology.outside_plain
    stubs = (
        servers.get(name) for name, own in stub_names(mesh, entry, host) if selects(labels, own)
    )
    return ends + [_End(stub) for stub in stubs if stub is not None]


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
    if tls and tls.mode in ("SIMPLE", "MUTUAL"):
        _originate(cluster, tls, topology, mutual)
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


def _trust(tls: ClientTlsSettings, topology: Topology) -> Path:
    """Return the certificates of the authorities that a server's may be of."""
    if tls.config_map or tls.trusts_nobody:
        return topology.authorities.get(tls.config_map or "", topology.nobody)
    return topology.outside_trust


def _originate(cluster: Json, tls: ClientTlsSettings, topology: Topology, mutual: Json) -> None:
    socket = originated_tls(tls, _trust(tls, topology))
    if tls.mode == "MUTUAL":
        own: Iterable[Json] = mutual["typed_config"]["common_tls_context"]["tls_certificates"]
        socket["typed_config"]["common_tls_context"]["tls_certificates"] = own
    cluster["transport_socket"] = socket
    automatic: Json = {}
    if not tls.sni:
        automatic["auto_sni"] = True
        if not tls.subject_alt_names and not tls.insecure_skip_verify:
            automatic["auto_san_validation"] = True
    if automatic:
        options = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]
        options["upstream_http_protocol_options"] = automatic
