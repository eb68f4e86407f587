"""Finds declared objects that can't work: names of nothing, and paths that are closed."""

from collections.abc import Iterator

from petmesh.envoy.delegates import routes_of
from petmesh.envoy.names import MESH_GATEWAY, full_host, selects
from petmesh.mesh.istio.virtual_service import VirtualService
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.reading import NO_EFFECT
from petmesh.rehearsal.backend_tls import tls_findings
from petmesh.rehearsal.network_policy_check import closed_paths
from petmesh.rehearsal.settings import RehearsalSettings


def findings(mesh: Mesh, settings: RehearsalSettings | None = None) -> tuple[str, ...]:
    """Return one line for each name of nothing, and for each path that is used but closed.

    Args:
        mesh: the declared objects.
        settings: the content of rehearsal.yaml.
    """
    return (
        *_services(mesh),
        *_subsets(mesh),
        *_gateways(mesh),
        *(line for service in mesh.virtual_services for line in _routes(mesh, service)),
        *(line for service in mesh.virtual_services for line in _delegates(mesh, service)),
        *closed_paths(mesh),
        *of_no_effect(mesh),
        *tls_findings(mesh, settings or RehearsalSettings()),
    )


def of_no_effect(mesh: Mesh) -> Iterator[str]:
    """Yield a line for each object that a cluster's proxies would heed, and those here don't."""
    for omission in mesh.omissions:
        if omission.reason.startswith(NO_EFFECT):
            yield f"{omission.what} {', '.join(omission.objects)}: {omission.reason}"


def _services(mesh: Mesh) -> Iterator[str]:
    for service in mesh.services:
        pods = [
            each
            for each in mesh.called
            if each.namespace == service.metadata.namespace and service.spec.selects(each.labels)
        ]
        if not pods:
            yield f"Service {service.metadata.name}: no pod has the labels of its selector"


def _subsets(mesh: Mesh) -> Iterator[str]:
    """Yield a line for each subset without pods to which a route sends requests."""
    for virtual_service in mesh.virtual_services:
        for host, subset in _targets(virtual_service):
            labels = _subset_labels(mesh, host, subset)
            if labels is None:
                continue
            service = next((s for s in mesh.services if mesh.service_host(s) == host), None)
            selector = {**(service.spec.selector if service else {}), **labels}
            if not any(selects(selector, each.labels) for each in mesh.called):
                yield (
                    f"VirtualService {virtual_service.metadata.name}: "
                    f"subset {subset} of {host} has no pods: 503"
                )


def _routes(mesh: Mesh, virtual_service: VirtualService) -> Iterator[str]:
    name = f"VirtualService {virtual_service.metadata.name}"
    known = {mesh.service_host(service) for service in mesh.services}
    known |= {host for entry in mesh.service_entries for host in entry.spec.hosts}
    for host, subset in _targets(virtual_service):
        if host not in known:
            yield f"{name}: {host} is no declared service: 503"
        elif subset and _subset_labels(mesh, host, subset) is None:
            yield f"{name}: no DestinationRule has subset {subset} of {host}: 503"
    for route in virtual_service.spec.http:
        total = sum(weighted.weight for weighted in route.route)
        if len(route.route) > 1 and total != 100:  # noqa: PLR2004 (percent)
            yield f"{name}: the weights of route {route.name or '(unnamed)'} add up to {total}"
    gateways = {f"{g.metadata.namespace}/{g.metadata.name}" for g in mesh.gateways}
    for gateway in virtual_service.spec.gateways:
        own = virtual_service.metadata.namespace
        full = gateway if "/" in gateway else f"{own}/{gateway}"
        if gateway != MESH_GATEWAY and full not in gateways:
            yield f"{name}: there is no Gateway {full}"


def _delegates(mesh: Mesh, virtual_service: VirtualService) -> Iterator[str]:
    """Yield a line for each route whose delegate isn't there, or meets no request that it does."""
    reached = {
        (routed.owner.metadata.namespace, routed.owner.metadata.name)
        for routed in routes_of(mesh, virtual_service)
    }
    known = {
        (each.metadata.namespace, each.metadata.name)
        for each in mesh.virtual_services
        if not each.spec.hosts
    }
    for index, route in enumerate(virtual_service.spec.http):
        if route.delegate is None:
            continue
        namespace = route.delegate.namespace or virtual_service.metadata.namespace
        name = f"{namespace}/{route.delegate.name}"
        where = f"VirtualService {virtual_service.metadata.name}: http[{index}]"
        if (namespace, route.delegate.name) not in known:
            yield f"{where}: there is no delegate {name}: the route is ignored"
        elif (namespace, route.delegate.name) not in reached:
            yield f"{where}: no match of delegate {name} is within its own: the route is ignored"


def _gateways(mesh: Mesh) -> Iterator[str]:
    for gateway in mesh.gateways:
        if not any(selects(gateway.spec.selector, proxy.labels) for proxy in mesh.gateway_proxies):
            yield f"Gateway {gateway.metadata.name}: no gateway pod has the labels of its selector"


def _targets(virtual_service: VirtualService) -> Iterator[tuple[str, str]]:
    namespace = virtual_service.metadata.namespace
    yield from sorted(
        {
            (full_host(each.host, namespace), each.subset)
            for each in virtual_service.spec.destinations
        }
    )


def _subset_labels(mesh: Mesh, host: str, subset: str) -> dict[str, str] | None:
    for rule in mesh.destination_rules:
        if full_host(rule.spec.host, rule.metadata.namespace) == host:
            for declared in rule.spec.subsets:
                if declared.name == subset:
                    return declared.labels
    return None
