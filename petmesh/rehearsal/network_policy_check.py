"""Checks the paths that the mesh uses against the NetworkPolicies, without applying them.

Processes of one machine share a network, so no NetworkPolicy can be enforced. A missing one can
be found: every path that Sidecars, routes and AuthorizationPolicies open has to be open in both
pods' NetworkPolicies too, and so have those to istiod and to DNS.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Address

from petmesh.envoy.mtls_mode import ROOT_NAMESPACE
from petmesh.envoy.names import MESH_GATEWAY, full_host, selects
from petmesh.envoy.sidecar_scope import exported_to, visible_to
from petmesh.mesh import kubernetes
from petmesh.mesh.istio.security import AuthorizationPolicy
from petmesh.mesh.mesh import GatewayProxy, Mesh, Workload
from petmesh.mesh.network_policy import NetworkPolicyPeer, NetworkPolicyPort

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
# Any public address: a NetworkPolicy has addresses, no host names.
_OUTSIDE = IPv4Address("1.1.1.1")


@dataclass(frozen=True)
class End:
    """One end of a path: a pod, or with an address a host outside the cluster."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    address: IPv4Address | None = None


# Called by every proxy and its pod: istiod, and cluster DNS.
_ALWAYS_CALLED = (
    (End("istiod", ROOT_NAMESPACE, {"app": "istiod"}), 15012),
    (End("kube-dns", "kube-system", {"k8s-app": "kube-dns"}), 53),
)


def closed_paths(mesh: Mesh) -> Iterator[str]:
    """Yield one line for each path that the mesh uses and a NetworkPolicy closes."""
    for caller, called, port in _paths(mesh):
        for pod, other, direction in ((caller, called, "Egress"), (called, caller, "Ingress")):
            if pod.address is None and not _is_open(mesh, pod, other, port, direction):
                yield (
                    f"NetworkPolicy: {caller.name} calls {called.name} on {port}, "
                    f"but no rule opens {direction.lower()} of {pod.name}"
                )


def used_paths(mesh: Mesh) -> Iterator[tuple[End, End, int]]:
    """Yield caller, called and the called pod's port of each path between the mesh's workloads.

    Paths to istiod and cluster DNS aren't among them.
    """
    always = {called.name for called, _ in _ALWAYS_CALLED}
    yield from ((caller, to, port) for caller, to, port in _paths(mesh) if to.name not in always)


def _paths(mesh: Mesh) -> Iterator[tuple[End, End, int]]:
    for workload in mesh.workloads:
        caller = End(workload.name, workload.namespace, workload.labels)
        for called, port in _ALWAYS_CALLED:
            yield caller, called, port
        view = visible_to(mesh, workload.namespace, workload.labels)
        hosts = {view.service_host(service) for service in view.services}
        yield from _calls(mesh, caller, workload, hosts)
        elsewhere = set(_led_elsewhere(view))
        yield from _ways_out(view, caller, lambda host, away=elsewhere: host not in away)
    for proxy in mesh.gateway_proxies:
        caller = End(proxy.name, proxy.namespace, proxy.labels)
        for called, port in _ALWAYS_CALLED:
            yield caller, called, port
        hosts = set(_routed(mesh, proxy))
        yield from _calls(mesh, caller, proxy, hosts)
        visible = exported_to(mesh, proxy.namespace)
        yield from _ways_out(visible, caller, hosts.__contains__)


def _led_elsewhere(view: Mesh) -> Iterator[str]:
    """Yield the hosts whose requests a route of the mesh sends to other hosts."""
    for route in view.virtual_services:
        if MESH_GATEWAY in route.spec.gateways:
            own = route.metadata.namespace
            destinations = {full_host(each.host, own) for each in route.spec.destinations}
            yield from {full_host(host, own) for host in route.spec.hosts} - destinations


def _ways_out(
    view: Mesh, caller: End, is_called: Callable[[str], bool]
) -> Iterator[tuple[End, End, int]]:
    """Yield paths to the visible outside hosts that are called directly, not by way of another."""
    for entry in view.service_entries:
        for host in filter(is_called, entry.spec.hosts):
            for port in entry.spec.ports:
                outside = End(host, address=_OUTSIDE)
                yield caller, outside, port.target_port or port.number


def _routed(mesh: Mesh, proxy: GatewayProxy) -> Iterator[str]:
    """Yield the hosts to which a gateway's routes lead."""
    gateways = {
        f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        for gateway in mesh.gateways
        if selects(gateway.spec.selector, proxy.labels)
    }
    for route in mesh.virtual_services:
        own = route.metadata.namespace
        if gateways & {name if "/" in name else f"{own}/{name}" for name in route.spec.gateways}:
            yield from (full_host(each.host, own) for each in route.spec.destinations)


def _calls(
    mesh: Mesh, caller: End, proxy: Workload | GatewayProxy, hosts: set[str]
) -> Iterator[tuple[End, End, int]]:
    identity = f"{mesh.config.trust_domain}/ns/{proxy.namespace}/sa/{proxy.service_account}"
    for service in mesh.services:
        if mesh.service_host(service) not in hosts:
            continue
        for called in mesh.called:
            if (
                called.namespace == service.metadata.namespace
                and service.spec.selects(called.labels)
                and _is_allowed(mesh, identity, proxy.namespace, called)
            ):
                pod = End(called.name, called.namespace, called.labels)
                for port in service.spec.ports:
                    yield caller, pod, _target(port, called)


def _target(port: kubernetes.ServicePort, called: Workload | GatewayProxy) -> int:
    """Return the pod's port behind a Service's."""
    if isinstance(port.target_port, str) and isinstance(called, Workload):
        named = (p for p in called.container.ports if p.name == port.target_port)
        return next((p.container_port for p in named), port.port)
    return port.port if isinstance(port.target_port, str) else port.target_port or port.port


def _is_allowed(mesh: Mesh, identity: str, namespace: str, called: Workload | GatewayProxy) -> bool:
    """Return whether some ALLOW policy admits a caller, for any request."""
    policies = [
        policy
        for policy in mesh.authorization_policies
        if policy.spec.action == "ALLOW"
        and policy.metadata.namespace in (called.namespace, ROOT_NAMESPACE)
        and (
            policy.spec.selector is None
            or selects(policy.spec.selector.match_labels, called.labels)
        )
    ]
    return not policies or any(_names(policy, identity, namespace) for policy in policies)


def _names(policy: AuthorizationPolicy, identity: str, namespace: str) -> bool:
    return any(
        not rule.from_
        or any(
            any(fnmatchcase(identity, pattern) for pattern in each.source.principals)
            or any(fnmatchcase(namespace, pattern) for pattern in each.source.namespaces)
            for each in rule.from_
        )
        for rule in policy.spec.rules
    )


def _is_open(mesh: Mesh, pod: End, other: End, port: int, direction: str) -> bool:
    policies = [
        policy.spec
        for policy in mesh.network_policies
        if policy.metadata.namespace == pod.namespace
        and direction in policy.spec.policy_types
        and policy.spec.pod_selector.matches(pod.labels)
    ]
    rules: list[tuple[Sequence[NetworkPolicyPeer], Sequence[NetworkPolicyPort]]] = [
        (rule.from_, rule.ports) for spec in policies for rule in spec.ingress
    ]
    if direction == "Egress":
        rules = [(rule.to, rule.ports) for spec in policies for rule in spec.egress]
    return not policies or any(
        (not peers or any(_is_peer(mesh, peer, pod, other) for peer in peers))
        and (not ports or any(p.protocol == "TCP" and p.port in (None, port) for p in ports))
        for peers, ports in rules
    )


def _is_peer(mesh: Mesh, peer: NetworkPolicyPeer, pod: End, other: End) -> bool:
    if peer.ip_block or other.address:
        return bool(
            peer.ip_block
            and other.address
            and other.address in peer.ip_block.cidr
            and not any(other.address in less for less in peer.ip_block.except_)
        )
    if peer.namespace_selector is None:
        in_namespace = pod.namespace == other.namespace
    else:
        in_namespace = peer.namespace_selector.matches(_labels(mesh, other.namespace))
    return in_namespace and (peer.pod_selector is None or peer.pod_selector.matches(other.labels))


def _labels(mesh: Mesh, namespace: str) -> Mapping[str, str]:
    labels = {_NAMESPACE_LABEL: namespace}
    for declared in mesh.namespaces:
        if declared.metadata.name == namespace:
            labels |= declared.metadata.labels
    return labels
