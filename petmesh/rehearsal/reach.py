"""What of a rehearsed mesh is reachable: from outside, and between its workloads."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from petmesh.envoy.routes import gateway_routes
from petmesh.envoy.sidecar_scope import exported_to
from petmesh.envoy.topology import Pod
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken
from petmesh.rehearsal.ask import Answer, Asker, Request
from petmesh.rehearsal.entrances import Entrance
from petmesh.rehearsal.hops import Hop, Hops
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.sample import sample

# So many requests show most versions of a route's weights.
_TIMES: Final = 4
_AT_ONCE: Final = 16

Ask = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True)
class Reached:
    """What answered a request that was sent several times.

    Attributes:
        source: the entrance's URL, or the calling workload.
        request: the request.
        answered: the workloads that answered, by status or error.
        decided: the object that decided, where one did.
    """

    source: str
    request: Request
    answered: Mapping[str, frozenset[str]]
    decided: str

    @property
    def result(self) -> str:
        """Status and workloads, such as `200 reviews-v1, reviews-v2`."""
        return _result(self.answered)


async def outside(runtime: Runtime, asker: Asker, hops: Hops) -> list[Reached]:
    """Send a request to each route of each gateway's port."""
    asked: list[tuple[Entrance, Request]] = []
    skipped: list[Reached] = []
    for entrance, host, request in samples(runtime):
        if request:
            asked.append((entrance, request))
        else:
            unsampled = Request(host, "(a regular expression)")
            skipped.append(Reached(entrance.origin(host).url, unsampled, {}, ""))
    answers = await _all(
        [(lambda e=entrance, r=request: asker.from_outside(e, r)) for entrance, request in asked]
    )
    known = await _decided(runtime, hops, answers)
    return [
        Reached(
            entrance.origin(request.host).url, request, *_answered(several, known, entrance.gateway)
        )
        for (entrance, request), several in zip(asked, answers, strict=True)
    ] + skipped


def samples(runtime: Runtime) -> Iterator[tuple[Entrance, str, Request | None]]:
    """Yield port, host and a request for each route of each gateway's port.

    The request is None for a route with a regular expression.
    """
    for entrance in runtime.entrances:
        proxy = runtime.gateway(entrance.gateway)
        view = exported_to(runtime.mesh, proxy.namespace)
        routes = gateway_routes(view, proxy, entrance.number)
        for virtual_host in routes["virtual_hosts"]:
            host = _spoken_host(str(virtual_host["domains"][0]))
            for route in virtual_host.get("routes", ()):
                yield entrance, host, sample(host, route["match"])


async def between(runtime: Runtime, asker: Asker, hops: Hops) -> list[Reached]:
    """Send a request from a pod of each workload to each Service's port."""
    asked: list[tuple[Pod, Request]] = []
    callers = {(pod.namespace, pod.workload): pod for pod in reversed(runtime.pods)}
    for pod in callers.values():
        asked.extend((pod, request) for request in _services(runtime.mesh))
    answers = await _all(
        [(lambda p=pod, r=request: asker.from_pod(p, r)) for pod, request in asked]
    )
    known = await _decided(runtime, hops, answers)
    return [
        Reached(pod.workload, request, *_answered(several, known, pod.name))
        for (pod, request), several in zip(asked, answers, strict=True)
    ]


def grouped(reached: Sequence[Reached]) -> list[tuple[str, str, str]]:
    """Return host, result and callers, with the callers that got the same statuses together."""
    callers = {each.source for each in reached}
    groups: dict[tuple[str, tuple[str, ...]], list[Reached]] = defaultdict(list)
    for each in reached:
        groups[each.request.host, tuple(sorted(each.answered))].append(each)
    rows: list[tuple[str, str, str]] = []
    for (host, statuses), alike in groups.items():
        united = {
            status: frozenset[str]().union(*(each.answered[status] for each in alike))
            for status in statuses
        }
        names = {each.source for each in alike}
        rows.append(
            (host, _result(united), "all" if names == callers else ", ".join(sorted(names)))
        )
    return sorted(rows)


def _services(mesh: Mesh) -> list[Request]:
    return [
        Request(f"{service.metadata.name}.{service.metadata.namespace}:{port.port}")
        for service in mesh.services
        for port in service.spec.ports
        if spoken(port) in ("HTTP", "HTTP2")
    ]


def _spoken_host(domain: str) -> str:
    """Return a host that a virtual host's domain covers."""
    return (
        domain.replace("*", "sample", 1)
        if domain.startswith("*.")
        else ("127.0.0.1" if domain == "*" else domain)
    )


async def _all(asks: Sequence[Ask]) -> list[list[Answer]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def several(ask: Ask) -> list[Answer]:
        async with gate:
            return [await ask() for _ in range(_TIMES)]

    return list(await asyncio.gather(*(several(ask) for ask in asks)))


async def _decided(
    runtime: Runtime, hops: Hops, answers: Sequence[Sequence[Answer]]
) -> dict[str, list[Hop]]:
    return await hops.of((each.id for several in answers for each in several), runtime.pods)


def _answered(
    several: Sequence[Answer], known: dict[str, list[Hop]], proxy: str
) -> tuple[dict[str, frozenset[str]], str]:
    """Return what answered by status, and the object that decided at the caller's proxy."""
    workloads: dict[str, set[str]] = {}
    decided = ""
    for answer in several:
        answered = workloads.setdefault(str(answer.status or answer.error), set())
        for hop in known.get(answer.id, ()):
            if hop.proxy == proxy and not hop.listener.startswith("inbound"):
                decided = f"{hop.object} {hop.part}".strip()
                if hop.endpoint:
                    answered.add(hop.endpoint.rpartition("-")[0])
    return {status: frozenset(names) for status, names in workloads.items()}, decided


def _result(answered: Mapping[str, frozenset[str]]) -> str:
    lines = (f"{status} {', '.join(sorted(names))}".strip() for status, names in answered.items())
    return "; ".join(lines) or "not asked"
