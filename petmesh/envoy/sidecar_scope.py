"""The objects of the mesh that are visible to a proxy: all, or those that its Sidecar names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from petmesh.envoy.mtls_mode import ROOT_NAMESPACE
from petmesh.envoy.names import full_host, selects
from petmesh.envoy.policy_targets import applies
from petmesh.mesh.fields import Metadata
from petmesh.mesh.istio.destination_rule import DestinationRule
from petmesh.mesh.istio.networking import ServiceEntry, Sidecar
from petmesh.mesh.istio.security import MutualTls, PeerAuthentication, PeerAuthenticationSpec
from petmesh.mesh.istio.telemetry import Telemetry
from petmesh.mesh.istio.virtual_service import HttpRetry, VirtualService
from petmesh.mesh.mesh import Mesh

_NO_MTLS = PeerAuthentication(
    metadata=Metadata(name="none", namespace=ROOT_NAMESPACE),
    spec=PeerAuthenticationSpec(mtls=MutualTls(mode="DISABLE")),
)
Exported = TypeVar("Exported", DestinationRule, ServiceEntry, VirtualService)


def exported_to(mesh: Mesh, namespace: str) -> Mesh:
    """Return the mesh without objects that aren't exported to a namespace, as its gateways get it.

    https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntry-export_to
    """
    return replace(
        mesh,
        service_entries=_exported(mesh.service_entries, namespace),
        virtual_services=_exported(mesh.virtual_services, namespace),
        destination_rules=_exported(mesh.destination_rules, namespace),
    )


def network_alone(mesh: Mesh) -> Mesh:
    """Return what a pod without a sidecar has of a mesh: names of Services, in plain HTTP."""
    return replace(
        mesh,
        config=mesh.config.model_copy(update={"default_http_retry_policy": HttpRetry(attempts=0)}),
        virtual_services=(),
        destination_rules=(),
        sidecars=(),
        authorization_policies=(),
        peer_authentications=(_NO_MTLS,),
        telemetries=(),
    )


def with_telemetry(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Mesh:
    """Return the mesh with the access logs and tracing of a proxy.

    Each is of the narrowest Telemetry that has any: the workload's, its namespace's, the root's.
    """
    ranked: list[tuple[int, Telemetry]] = []
    for each in mesh.telemetries:
        own = each.metadata.namespace
        if applies(each.spec, own, namespace, labels):
            is_narrow = bool(each.spec.selected or each.spec.targets)
            ranked.append((2 * (own == namespace) + is_narrow, each))
    ranked.sort(key=lambda rank: -rank[0])
    ordered = [each.spec for _, each in ranked]
    return replace(
        mesh,
        access_logging=next((e.access_logging for e in ordered if e.access_logging), ()),
        tracing=next((e.tracing for e in ordered if e.tracing), ()),
    )


def visible_to(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Mesh:
    """Return the mesh without the hosts that aren't visible to a pod's sidecar.

    A DestinationRule is visible with its host, so the limits of the pod's own service apply to its
    inbound requests only if the pod's Sidecar includes that service (`DestinationRule` in
    pilot/pkg/model/sidecar.go). A visible VirtualService makes its destinations visible.
    """
    mesh = exported_to(mesh, namespace)
    sidecar = _in_force(mesh, namespace, labels)
    if sidecar is None:
        return mesh
    seen = [host for listener in sidecar.spec.egress for host in listener.hosts] or ["*/*"]
    own = sidecar.metadata.namespace if sidecar.metadata.namespace != ROOT_NAMESPACE else namespace
    routes = tuple(
        route
        for route in mesh.virtual_services
        if any(
            _sees(seen, own, route.metadata.namespace, full_host(host, route.metadata.namespace))
            for host in route.spec.hosts
        )
    )
    # Without hosts it is a delegate of another.
    delegates = [each for each in mesh.virtual_services if not each.spec.hosts]
    led_to = {
        full_host(destination.host, route.metadata.namespace)
        for route in (*routes, *delegates)
        for destination in route.spec.destinations
    }
    services = tuple(
        service
        for service in mesh.services
        if _sees(seen, own, service.metadata.namespace, mesh.service_host(service))
        or mesh.service_host(service) in led_to
    )
    entries = tuple(
        entry
        for entry in mesh.service_entries
        if any(
            _sees(seen, own, entry.metadata.namespace, host) or host in led_to
            for host in entry.spec.hosts
        )
    )
    known = {mesh.service_host(service) for service in services}
    known |= {host for entry in entries for host in entry.spec.hosts}
    return replace(
        mesh,
        services=services,
        service_entries=entries,
        # Those without hosts are delegates of others.
        virtual_services=(
            *routes,
            *(each for each in mesh.virtual_services if not each.spec.hosts),
        ),
        destination_rules=tuple(
            rule
            for rule in mesh.destination_rules
            if _covers_one(full_host(rule.spec.host, rule.metadata.namespace), known)
        ),
    )


def _exported(declared: tuple[Exported, ...], namespace: str) -> tuple[Exported, ...]:
    """Return the visible objects: its own alone, then those exported by name, then everybody's.

    So istiod orders them: `VirtualServicesForGateway` in pilot/pkg/model/push_context.go.
    """
    visible = (
        each
        for each in declared
        if not each.spec.export_to
        or {"*", namespace} & set(each.spec.export_to)
        or ("." in each.spec.export_to and each.metadata.namespace == namespace)
    )
    return tuple(sorted(visible, key=_reach))


def _reach(declared: DestinationRule | ServiceEntry | VirtualService) -> int:
    exported = set(declared.spec.export_to or "*")
    return 0 if exported == {"."} else 2 if "*" in exported else 1


def _covers_one(pattern: str, hosts: set[str]) -> bool:
    return pattern in hosts or (
        pattern.startswith("*") and any(host.endswith(pattern[1:]) for host in hosts)
    )


def _in_force(mesh: Mesh, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
    """Return the Sidecar that applies: the pod's own, else its namespace's, else the mesh's."""
    ranked: list[tuple[int, Sidecar]] = []
    for sidecar in mesh.sidecars:
        selector = sidecar.spec.workload_selector
        if sidecar.metadata.namespace == namespace and selector:
            if selects(selector.labels, labels):
                ranked.append((3, sidecar))
        elif sidecar.metadata.namespace == namespace:
            ranked.append((2, sidecar))
        elif sidecar.metadata.namespace == ROOT_NAMESPACE and not selector:
            ranked.append((1, sidecar))
    return max(ranked, default=(0, None), key=lambda rank: rank[0])[1]


def _sees(seen: list[str], own: str, namespace: str, host: str) -> bool:
    for pattern in seen:
        scope, _, name = pattern.partition("/")
        in_scope = scope == "*" or (own if scope == "." else scope) == namespace
        if in_scope and (
            name == host or (name.startswith("*") and host.endswith(name.removeprefix("*")))
        ):
            return True
    return False
