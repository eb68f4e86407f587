"""Compares the route that Envoy chose for a request with a test case's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from petmesh.envoy.delegates import Routed, routes_of
from petmesh.expectations.decide import decided, is_caller
from petmesh.expectations.judge import Result
from petmesh.expectations.run import Sent, called_by
from petmesh.expectations.validator.cases import Case
from petmesh.mesh.fields import Fields
from petmesh.mesh.istio.virtual_service import Delegate
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.hops import Hop


@dataclass(frozen=True)
class _Chosen:
    """The route that a request took; of a delegate with what it takes from the root's."""

    name: str
    routed: Routed
    delegates: tuple[Delegate, ...]

    def held(self, field: str) -> list[Any]:
        """Return the values that a field may be said to have, as plain data."""
        if field == "delegate":
            return [_plain(each) for each in self.delegates] or [None]
        return [_plain(getattr(self.routed.route, field) or None)]


def judge(mesh: Mesh, case: Case, sent: Sent, hops: Sequence[Hop]) -> Result:
    """Compare the fields of the route that one request took with those of its case.

    As istio-config-validator does, each field that the case names is compared as a whole, and
    unless the case wants a match, each must differ.
    """
    [answer] = sent.answers
    chosen = _chosen(mesh, hops, sent.first)
    told = f": {decided(mesh, hops, sent.first)}"
    misses = tuple(f"{line}{told}" for line in _misses(case, chosen))
    workload = called_by(hops, sent.first).rpartition("-")[0]
    answered = f"{answer.status} {workload}".strip()
    return Result(sent.question, misses, answer.seconds, {answered: 1})


def _misses(case: Case, chosen: _Chosen | None) -> Iterator[str]:
    if chosen is None and case.want_match:
        yield "a route expected, none was chosen"
        return
    for field in case.compared:
        wanted = _plain(getattr(case, field))
        held = chosen.held(field) if chosen else [None]
        if chosen and (wanted in held) != case.want_match:
            other = "" if case.want_match else "other than "
            got = json.dumps(held[0])
            yield f"{field} {other}{json.dumps(wanted)} expected, {chosen.name} has {got}"


def _chosen(mesh: Mesh, hops: Sequence[Hop], first: str) -> _Chosen | None:
    """Return the route of the proxy that the request passed first; None if it chose none."""
    for hop in hops:
        if hop.proxy != first or not is_caller(hop) or not hop.object:
            continue
        # A delegate has no hosts: its routes are taken by the root.
        for root in (each for each in mesh.virtual_services if each.spec.hosts):
            for routed in routes_of(mesh, root):
                owner = routed.owner
                label = f"{owner.kind} {owner.metadata.namespace}/{owner.metadata.name}"
                if (label, routed.part) == (hop.object, hop.part):
                    return _Chosen(f"{label} {routed.part}", routed, _delegates(mesh, routed))
    return None


def _delegates(mesh: Mesh, routed: Routed) -> tuple[Delegate, ...]:
    """Return how roots name the delegate that declares a route."""
    owner = routed.owner.metadata
    if routed.owner.spec.hosts:
        return ()
    return tuple(
        route.delegate
        for root in mesh.virtual_services
        for route in root.spec.http
        if route.delegate
        and route.delegate.name == owner.name
        and (route.delegate.namespace or root.metadata.namespace) == owner.namespace
    )


def _plain(value: object) -> Any:  # noqa: ANN401 (data)
    """Return a field's value as plain data, in which what isn't set has its default."""
    if isinstance(value, Fields):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[object, ...]", value)]
    return value
