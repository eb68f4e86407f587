"""Declared objects by name: what each says, and which apply to a workload."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol, cast

import yaml

from petmesh.envoy.names import full_host, selects
from petmesh.envoy.rbac import policies_of
from petmesh.mesh.fields import Metadata
from petmesh.mesh.kubernetes import Service
from petmesh.mesh.mesh import ROOT_NAMESPACE, GatewayProxy, Mesh, Workload
from petmesh.mesh.resources import label_of
from petmesh.program.declaration import Declaration

# Groups whose objects steer requests; none of them holds a secret.
_SHOWN: Final = (
    "kubernetes:networking.istio.io/",
    "kubernetes:security.istio.io/",
    "kubernetes:telemetry.istio.io/",
    "kubernetes:gateway.networking.k8s.io/",
    "kubernetes:networking.k8s.io/",
    "kubernetes:core/v1:Service",
)


class _Selector(Protocol):
    @property
    def match_labels(self) -> Mapping[str, str]: ...


def texts(declaration: Declaration) -> dict[str, str]:
    """Return the objects that steer requests as YAML, by `Kind namespace/name`."""
    found: dict[str, str] = {}
    for resource in declaration.resources:
        if resource.type.startswith(_SHOWN):
            kind = resource.type.rpartition(":")[2]
            held = {"kind": kind, **resource.inputs}
            found[f"{kind} {label_of(resource)}"] = yaml.safe_dump(
                _plain(held), sort_keys=False, allow_unicode=True, width=100
            )
    return found


def of_host(mesh: Mesh, service: Service) -> Iterator[str]:
    """Yield the objects that route or adjust the requests to a Service."""
    host = mesh.service_host(service)
    yield _name("Service", service.metadata)
    for each in mesh.virtual_services:
        own = each.metadata.namespace
        named = {full_host(name, own) for name in each.spec.hosts}
        named |= {full_host(destination.host, own) for destination in each.spec.destinations}
        if host in named:
            yield _name(each.kind, each.metadata)
    for rule in mesh.destination_rules:
        if full_host(rule.spec.host, rule.metadata.namespace) == host:
            yield from rule.sources


def of_pods(mesh: Mesh, pods: Workload | GatewayProxy) -> Iterator[str]:
    """Yield the objects that select a workload's pods, or all of their namespace or the mesh."""
    for policy in policies_of(mesh, pods.namespace, pods.labels):
        yield _name("AuthorizationPolicy", policy.metadata)
    for kind, several in (
        ("PeerAuthentication", mesh.peer_authentications),
        ("RequestAuthentication", mesh.request_authentications),
    ):
        for each in several:
            if _applies(each.metadata, each.spec.selector, pods):
                yield _name(kind, each.metadata)
    for each in mesh.network_policies:
        is_near = each.metadata.namespace == pods.namespace
        if is_near and each.spec.pod_selector.matches(pods.labels):
            yield _name("NetworkPolicy", each.metadata)


def of_gateway(mesh: Mesh, proxy: GatewayProxy) -> Iterator[str]:
    """Yield the objects that configure a gateway: its Gateways, their routes, and its policies."""
    names: set[str] = set()
    for gateway in mesh.gateways:
        if selects(gateway.spec.selector, proxy.labels):
            names.add(f"{gateway.metadata.namespace}/{gateway.metadata.name}")
            yield _name("Gateway", gateway.metadata)
    for each in mesh.virtual_services:
        own = each.metadata.namespace
        if names & {name if "/" in name else f"{own}/{name}" for name in each.spec.gateways}:
            yield _name(each.kind, each.metadata)
    yield from of_pods(mesh, proxy)


def of_outside(mesh: Mesh, host: str) -> Iterator[str]:
    """Yield the objects that open an outside host, and those that adjust the way to it."""
    for entry in mesh.service_entries:
        if host in entry.spec.hosts:
            yield _name("ServiceEntry", entry.metadata)
    for each in mesh.virtual_services:
        if host in each.spec.hosts:
            yield _name(each.kind, each.metadata)
    for rule in mesh.destination_rules:
        if rule.spec.host == host:
            yield from rule.sources


def once(names: Iterable[str]) -> list[str]:
    """Return names in their order, each once."""
    return list(dict.fromkeys(names))


def _applies(metadata: Metadata, selector: _Selector | None, pods: Workload | GatewayProxy) -> bool:
    near = metadata.namespace in (pods.namespace, ROOT_NAMESPACE)
    return near and (selector is None or selects(selector.match_labels, pods.labels))


def _name(kind: str, metadata: Metadata) -> str:
    return f"{kind} {metadata.namespace}/{metadata.name}"


def _plain(value: Any) -> Any:  # noqa: ANN401 (data)
    """Return data of maps, lists and scalars alone, as YAML has it."""
    if isinstance(value, Mapping):
        held = cast("Mapping[str, Any]", value)
        return {str(key): _plain(each) for key, each in held.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("list[Any]", value)]
    return value if isinstance(value, bool | int | float | str | None) else str(value)
