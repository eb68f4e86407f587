"""What of a mesh expectations reached: routes, rules, subsets, outside hosts and paths."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from petmesh.envoy.names import cluster_parts, full_host
from petmesh.expectations.decide import rule_of
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop
from petmesh.rehearsal.network_policy_check import used_paths

_ROUTES: Final = ("http", "tls", "tcp")


@dataclass(frozen=True, order=True)
class Item:
    """A part of a mesh that an expectation can reach, such as a route's match."""

    object: str
    part: str

    def __str__(self) -> str:
        return f"{self.object} {self.part}".strip()


@dataclass(frozen=True)
class Coverage:
    """The items of a mesh, and those that no expectation reached."""

    items: tuple[Item, ...]
    missed: tuple[Item, ...]

    @property
    def percent(self) -> float:
        """The percentage of items that were reached; 100 without items."""
        return 100 * (1 - len(self.missed) / len(self.items)) if self.items else 100.0


def coverage(mesh: Mesh, hops: Iterable[Hop], workloads: Mapping[str, str]) -> Coverage:
    """Return what the hops of all requests reached.

    Args:
        mesh: the declared objects.
        hops: of all requests.
        workloads: the workload of each pod.
    """
    items = tuple(dict.fromkeys(_items(mesh)))
    reached = set(_reached(mesh, list(hops), workloads))
    return Coverage(items, tuple(item for item in items if item not in reached))


def _items(mesh: Mesh) -> Iterator[Item]:
    yield from _routes(mesh)
    for policy in mesh.authorization_policies:
        name = f"AuthorizationPolicy {policy.metadata.namespace}/{policy.metadata.name}"
        for index in range(len(policy.spec.rules)):
            yield Item(name, f"rules[{index}]")
    for entry in mesh.service_entries:
        name = f"ServiceEntry {entry.metadata.namespace}/{entry.metadata.name}"
        for host in entry.spec.hosts:
            yield Item(name, host)
    yield from _subsets(mesh).values()
    if mesh.network_policies:
        for caller, called, port in used_paths(mesh):
            yield Item("NetworkPolicy path", f"{caller.name} to {called.name} on {port}")


def _subsets(mesh: Mesh) -> dict[tuple[str, str], Item]:
    """Return each subset by its host and name."""
    return {
        (full_host(rule.spec.host, rule.metadata.namespace), subset.name): Item(
            f"DestinationRule {rule.metadata.namespace}/{rule.metadata.name}",
            f"subset {subset.name}",
        )
        for rule in mesh.destination_rules
        for subset in rule.spec.subsets
    }


def _routes(mesh: Mesh) -> Iterator[Item]:
    for service in mesh.virtual_services:
        name = f"{service.kind} {service.metadata.namespace}/{service.metadata.name}"
        for protocol in _ROUTES:
            for index, route in enumerate(getattr(service.spec, protocol)):
                for match in range(len(route.match)) or [None]:
                    # A delegate's routes are its own.
                    if not getattr(route, "delegate", None):
                        yield Item(name, service.part(index, match, protocol))


def _reached(mesh: Mesh, hops: list[Hop], workloads: Mapping[str, str]) -> Iterator[Item]:
    subsets = _subsets(mesh)
    outside = {
        host: f"ServiceEntry {entry.metadata.namespace}/{entry.metadata.name}"
        for entry in mesh.service_entries
        for host in entry.spec.hosts
    }
    copied = _copied(mesh, subsets)
    for hop in hops:
        if hop.object:
            item = Item(hop.object, hop.part)
            yield item
            yield from copied.get(item, ())
        for identity in (hop.allowed, hop.denied, hop.details, *hop.policies):
            rule = rule_of(identity)
            if rule:
                yield Item(*rule)
        if hop.listener.startswith("inbound") or not hop.cluster:
            continue
        host, number, subset = cluster_parts(hop.cluster)
        if (host, subset) in subsets:
            yield subsets[host, subset]
        if host in outside:
            yield Item(outside[host], host)
        caller = workloads.get(hop.proxy, hop.proxy)
        called = workloads.get(hop.endpoint, host)
        for port in {number, *_targets(mesh, host, number)}:
            yield Item("NetworkPolicy path", f"{caller} to {called} on {port}")


def _copied(mesh: Mesh, subsets: Mapping[tuple[str, str], Item]) -> dict[Item, list[Item]]:
    """Return the subsets that get copies of the requests of each route."""
    copied: dict[Item, list[Item]] = {}
    for each in mesh.virtual_services:
        namespace = each.metadata.namespace
        name = f"{each.kind} {namespace}/{each.metadata.name}"
        for index, route in enumerate(each.spec.http):
            keys = (
                (full_host(copy.destination.host, namespace), copy.destination.subset)
                for copy in route.copies
            )
            found = [subsets[key] for key in keys if key in subsets]
            for match in range(len(route.match)) or [None]:
                copied[Item(name, each.part(index, match))] = found
    return copied


def _targets(mesh: Mesh, host: str, number: str) -> Iterator[str]:
    """Yield the ports of pods and outside hosts behind a host's port."""
    for service in mesh.services:
        if mesh.service_host(service) == host:
            for port in service.spec.ports:
                if str(port.port) == number:
                    for workload in mesh.workloads:
                        named = {p.name: p.container_port for p in workload.container.ports}
                        target = port.target_port or port.port
                        yield str(named.get(target, target) if isinstance(target, str) else target)
    for entry in mesh.service_entries:
        if host in entry.spec.hosts:
            for port in entry.spec.ports:
                if str(port.number) == number:
                    yield str(port.target_port or port.number)
