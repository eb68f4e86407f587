"""A mesh as a graph: a card for each service, gateway and outside host, and who may call whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from petmesh.envoy.mtls_mode import mtls_mode
from petmesh.envoy.names import full_host, selects
from petmesh.mesh.istio.virtual_service import Destination
from petmesh.mesh.kubernetes import Service
from petmesh.mesh.mesh import Mesh, Workload
from petmesh.mesh.protocols import spoken
from petmesh.rehearsal.launch import version_of
from petmesh.rehearsal.network_policy_check import used_paths
from petmesh.ui.objects import of_gateway, of_host, of_outside, of_pods, once

OUTSIDE: Final = "outside"
Kind = Literal["callers", "gateway", "service", "host"]


@dataclass(frozen=True)
class Row:
    """A workload of a card.

    Attributes:
        weight: its percent of the requests by the route without a condition; None without weights.
        pods: how many run.
    """

    workload: str
    version: str
    pods: int
    weight: float | None
    meshed: bool


@dataclass(frozen=True)
class Card:
    """A node of the graph.

    Attributes:
        id: unique in the graph.
        ports: such as `9080 HTTP`.
        mtls: the mode of mutual TLS that its pods accept connections in; empty for none.
        open: whether every workload may call it, so that no edges say so.
        objects: the declared objects that apply to it.
    """

    id: str
    kind: Kind
    title: str
    namespace: str = ""
    ports: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    mtls: str = ""
    open: bool = False
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Edge:
    """One card's workloads may call another's."""

    source: str
    target: str


@dataclass(frozen=True)
class Graph:
    """The cards and the edges between them.

    Attributes:
        card_of: the card of each workload, gateway and outside host, by its name.
    """

    cards: tuple[Card, ...]
    edges: tuple[Edge, ...]
    card_of: Mapping[str, str] = field(default_factory=dict[str, str])

    def data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def graph_of(mesh: Mesh, calls: Iterable[tuple[str, str]] = ()) -> Graph:
    """Return the graph of a mesh.

    Args:
        mesh: the declared objects.
        calls: caller and called workload of calls that are known without an object that says so.
    """
    cards = [*_gateways(mesh), *_services(mesh), *_hosts(mesh)]
    card_of = {row.workload: card.id for card in cards for row in card.rows}
    card_of |= {card.title: card.id for card in cards if card.kind in ("gateway", "host")}
    edges, opened = _edges(mesh, card_of)
    edges |= {
        Edge(card_of[caller], card_of[called])
        for caller, called in calls
        if caller in card_of and called in card_of
    }
    outer = {proxy.name for proxy in mesh.outer_gateways}
    if outer:
        cards.insert(0, Card(OUTSIDE, "callers", "outside"))
        edges |= {Edge(OUTSIDE, card_of[name]) for name in outer}
    told = [replace(card, open=card.id in opened) for card in cards]
    between = sorted(each for each in edges if each.source != each.target)
    return Graph(tuple(told), tuple(between), card_of)


def _gateways(mesh: Mesh) -> Iterator[Card]:
    for proxy in mesh.gateway_proxies:
        ports = {
            f"{server.port.number} {server.port.protocol}"
            for gateway in mesh.gateways
            if selects(gateway.spec.selector, proxy.labels)
            for server in gateway.spec.servers
        }
        yield Card(
            id=f"gateway {proxy.namespace}/{proxy.name}",
            kind="gateway",
            title=proxy.name,
            namespace=proxy.namespace,
            ports=tuple(sorted(ports)),
            objects=tuple(once(of_gateway(mesh, proxy))),
        )


def _hosts(mesh: Mesh) -> Iterator[Card]:
    for entry in mesh.service_entries:
        for host in entry.spec.hosts:
            yield Card(
                id=f"host {host}",
                kind="host",
                title=host,
                namespace=entry.metadata.namespace,
                ports=tuple(f"{port.number} {port.protocol}" for port in entry.spec.ports),
                objects=tuple(once(of_outside(mesh, host))),
            )


def _services(mesh: Mesh) -> Iterator[Card]:
    """Yield a card for each Service with its workloads, and for each workload without one."""
    left = {(each.namespace, each.name): each for each in mesh.workloads}
    by_size = sorted(mesh.services, key=lambda service: -len(_workloads(mesh, service)))
    for service in by_size:
        own = [each for each in _workloads(mesh, service) if (each.namespace, each.name) in left]
        for each in own:
            del left[each.namespace, each.name]
        if own:
            yield _service(mesh, service, own)
    for workload in left.values():
        yield Card(
            id=f"workload {workload.namespace}/{workload.name}",
            kind="service",
            title=workload.name,
            namespace=workload.namespace,
            rows=(_row(workload, []),),
            mtls=_mtls(mesh, [workload]),
            objects=tuple(once(of_pods(mesh, workload))),
        )


def _service(mesh: Mesh, service: Service, own: Sequence[Workload]) -> Card:
    metadata = service.metadata
    objects = [name for workload in own for name in of_pods(mesh, workload)]
    weights = _weights(mesh, own)
    return Card(
        id=f"service {metadata.namespace}/{metadata.name}",
        kind="service",
        title=metadata.name,
        namespace=metadata.namespace,
        ports=tuple(f"{port.port} {spoken(port)}" for port in service.spec.ports),
        rows=tuple(_row(each, weights) for each in sorted(own, key=lambda each: each.name)),
        mtls=_mtls(mesh, own),
        objects=tuple(once([*of_host(mesh, service), *objects])),
    )


def _workloads(mesh: Mesh, service: Service) -> list[Workload]:
    return [
        each
        for each in mesh.workloads
        if each.namespace == service.metadata.namespace and service.spec.selects(each.labels)
    ]


def _row(workload: Workload, weights: Sequence[tuple[Mapping[str, str], float]]) -> Row:
    found = [weight for labels, weight in weights if selects(labels, workload.labels)]
    return Row(
        workload=workload.name,
        version=version_of(workload),
        pods=workload.replicas,
        weight=sum(found, 0.0) if weights else None,
        meshed=workload.in_mesh,
    )


def _mtls(mesh: Mesh, workloads: Sequence[Workload]) -> str:
    modes = {
        mtls_mode(mesh, each.namespace, each.labels) if each.in_mesh else "" for each in workloads
    }
    return " or ".join(sorted(filter(None, modes)))


def _weights(mesh: Mesh, own: Sequence[Workload]) -> list[tuple[Mapping[str, str], float]]:
    """Return pods' labels and their percent, of the route that takes what no condition took.

    It is a route to several destinations, all of whose pods are of these workloads.
    """
    others = [each for each in mesh.workloads if each not in own]
    for each in mesh.virtual_services:
        targets = [
            (_labels(mesh, target.destination, each.metadata.namespace), target.weight)
            for route in each.spec.http[-1:]
            for target in route.route
        ]
        total = sum(weight for _, weight in targets)
        known = [labels for labels, _ in targets if labels]
        is_ours = len(known) == len(targets) > 1 and not _select(known, others)
        if is_ours and total and _select(known, own):
            return [(labels, 100 * weight / total) for labels, weight in targets]
    return []


def _select(labels: Iterable[Mapping[str, str]], workloads: Sequence[Workload]) -> bool:
    return any(selects(each, workload.labels) for each in labels for workload in workloads)


def _labels(mesh: Mesh, destination: Destination, namespace: str) -> Mapping[str, str]:
    """Return the labels of a destination's pods: its Service's, and its subset's."""
    host = full_host(destination.host, namespace)
    found: dict[str, str] = {}
    for service in mesh.services:
        if mesh.service_host(service) == host:
            found |= service.spec.selector
    for rule in mesh.destination_rules:
        if full_host(rule.spec.host, rule.metadata.namespace) == host:
            for subset in rule.spec.subsets:
                if subset.name == destination.subset:
                    found |= subset.labels
    return found


def _edges(mesh: Mesh, card_of: Mapping[str, str]) -> tuple[set[Edge], set[str]]:
    """Return who may call whom, and the cards that every workload may call."""
    gateways = {proxy.name for proxy in mesh.gateway_proxies}
    everybody = {card_of[each.name] for each in mesh.workloads if each.in_mesh}
    callers: dict[str, set[str]] = defaultdict(set)
    edges: set[Edge] = set()
    for caller, called, _ in used_paths(mesh):
        if caller.name not in card_of or called.name not in card_of:
            continue
        if caller.name in gateways:
            edges.add(Edge(card_of[caller.name], card_of[called.name]))
        else:
            callers[card_of[called.name]].add(card_of[caller.name])
    opened: set[str] = set()
    for called, known in callers.items():
        others = everybody - {called}
        if len(others) > 1 and known >= others:
            opened.add(called)
        else:
            edges |= {Edge(caller, called) for caller in known}
    return edges, opened
