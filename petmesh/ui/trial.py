"""A request that somebody composes on the page, and the path that it took."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import yaml

from petmesh.expectations.decide import is_caller, rule_of, steps
from petmesh.expectations.model import OUTSIDE, UNMESHED, Expectation
from petmesh.expectations.run import Sent, check, send
from petmesh.mesh.mesh import Mesh
from petmesh.mesh.protocols import spoken
from petmesh.rehearsal.ask import Answer, Asker
from petmesh.rehearsal.hops import Hop, Hops
from petmesh.rehearsal.reach import samples
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.settings import SettingsError, validated
from petmesh.ui.server import RefusalError

_MOST_TIMES: Final = 100
_LONGEST_BODY: Final = 64 * 1024
# What the page's form holds, as an expectation names it.
_FIELDS: Final = ("from", "url", "method", "headers", "body", "token", "times")


@dataclass(frozen=True)
class Step:
    """What one proxy did with a request.

    Attributes:
        proxy: the pod or gateway.
        workload: of the pod; the gateway's own name.
        inbound: whether the request came in to the pod's process.
        object, part: the declared object that decided, and where in it; empty for none.
        decided: everything that it decided, a line each.
        to: the pod, gateway or address that it called.
        depth: how many calls led to it.
    """

    proxy: str
    workload: str
    inbound: bool
    object: str
    part: str
    decided: tuple[str, ...]
    to: str
    status: int
    flags: str
    tries: int
    milliseconds: int
    depth: int


class Trial:
    """Sends the page's requests to a rehearsed mesh.

    Args:
        runtime: started.
        asker: sends them.
    """

    def __init__(self, runtime: Runtime, asker: Asker) -> None:
        self._runtime = runtime
        self._asker = asker

    def form(self) -> dict[str, Any]:
        """Return who may send a request, and requests to begin with."""
        workloads = dict.fromkeys(pod.workload for pod in self._runtime.pods)
        sources = [*([OUTSIDE] if self._runtime.entrances else []), *workloads, UNMESHED]
        return {"sources": sources, "examples": list(_examples(self._runtime))}

    async def send(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Send what the form holds, and return the answers and the path of the first."""
        expectation = self.expectation(form)
        hops = Hops(self._runtime.folder)
        hops.skip()
        sent = await send(self._runtime, self._asker, expectation)
        known = await hops.of((each.id for each in sent.answers), self._runtime.pods)
        return _result(self._runtime, sent, known, form)

    async def send_only(self, expectation: Expectation) -> Sequence[Answer]:
        """Send a request whose path nobody asks for."""
        return (await send(self._runtime, self._asker, expectation)).answers

    def expectation(self, form: Mapping[str, Any]) -> Expectation:
        """Return the form as an expectation, which expects nothing in particular.

        Raises:
            RefusalError: a field isn't allowed, or names nothing of the mesh.
        """
        held = {key: form[key] for key in _FIELDS if form.get(key) not in (None, "", {})}
        try:
            expectation = validated(Expectation, {**held, "expect": {"status": 200}}, "request")
            check(self._runtime, [expectation])
        except SettingsError as error:
            line = str(error).splitlines()[0].removeprefix("request: ")
            raise RefusalError(line.removeprefix("expectations[0]: ")) from None
        if expectation.times > _MOST_TIMES:
            raise RefusalError(f"times = {expectation.times}: must be from 1 to {_MOST_TIMES}")
        return expectation


def _examples(runtime: Runtime) -> Iterator[dict[str, Any]]:
    for entrance, _, request in samples(runtime):
        if request and not entrance.redirects:
            scheme = "https" if entrance.trust else "http"
            host = request.host.partition(":")[0]
            url = f"{scheme}://{host}:{entrance.number}{request.path}"
            yield _example(OUTSIDE, url, request.method, request.headers)
    callers = dict.fromkeys(pod.workload for pod in runtime.pods)
    for service in runtime.mesh.services:
        for port in service.spec.ports:
            if spoken(port) in ("HTTP", "HTTP2"):
                host = f"{service.metadata.name}.{service.metadata.namespace}:{port.port}"
                yield from (_example(caller, f"http://{host}/") for caller in list(callers)[:1])


def _example(
    source: str, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {"from": source, "url": url, "method": method, "headers": dict(headers or {})}


def _result(
    runtime: Runtime, sent: Sent, hops: Mapping[str, Sequence[Hop]], form: Mapping[str, Any]
) -> dict[str, Any]:
    workloads = {pod.name: pod.workload for pod in runtime.pods}
    first = sent.answers[0]
    paths = [path_of(runtime.mesh, hops[each.id], sent.first, workloads) for each in sent.answers]
    text = first.body[:_LONGEST_BODY].decode(errors="replace")
    return {
        "answers": [
            {
                "status": answer.status,
                "milliseconds": round(answer.seconds * 1000, 1),
                "error": answer.error,
                "workload": next((step.to for step in path if step.to), ""),
            }
            for answer, path in zip(sent.answers, paths, strict=True)
        ],
        "headers": [[name, value] for name, value in first.headers.items()],
        "body": text,
        "cut": len(first.body) > _LONGEST_BODY,
        "path": [asdict(step) for step in paths[0]],
        "first": sent.first,
        "expectation": _yaml(form, first),
    }


def path_of(
    mesh: Mesh, hops: Sequence[Hop], first: str, workloads: Mapping[str, str]
) -> list[Step]:
    """Return a request's steps in the order in which they began.

    Args:
        mesh: the declared objects.
        hops: of the request, in the order in which they ended.
        first: the proxy that it passed first.
        workloads: of each pod.
    """
    left = list(hops)

    def follow(proxy: str, depth: int, *, inbound: bool) -> Iterator[Step]:
        own = [hop for hop in left if hop.proxy == proxy and is_caller(hop) != inbound]
        for hop in own[:1] if inbound else own:
            if hop not in left:
                continue
            left.remove(hop)
            yield _step(mesh, hop, workloads, depth)
            if inbound:
                yield from follow(proxy, depth + 1, inbound=False)
            elif hop.endpoint:
                yield from follow(hop.endpoint, depth + 1, inbound=True)

    began = [*follow(first, 0, inbound=False), *follow(first, 0, inbound=True)]
    # A gateway on the way out is called by its address.
    for hop in tuple(left):
        if hop in left and is_caller(hop):
            began.extend(follow(hop.proxy, 1, inbound=False))
    return began + [_step(mesh, hop, workloads, 1) for hop in left]


def _step(mesh: Mesh, hop: Hop, workloads: Mapping[str, str], depth: int) -> Step:
    inbound = not is_caller(hop)
    rule = rule_of(hop.denied) or rule_of(hop.details) or rule_of(hop.allowed)
    decided = steps(mesh, hop)
    if rule and inbound and not decided:
        decided = [f"{rule[0]} {rule[1]} allowed it"]
    name, part = (hop.object, hop.part) if hop.object and not inbound else rule or ("", "")
    return Step(
        proxy=hop.proxy,
        workload=workloads.get(hop.proxy, hop.proxy),
        inbound=inbound,
        object=name,
        part=part,
        decided=tuple(decided),
        to="" if inbound else hop.endpoint or hop.address,
        status=hop.status,
        flags=hop.flags,
        tries=hop.tries,
        milliseconds=hop.milliseconds,
        depth=depth,
    )


def _yaml(form: Mapping[str, Any], answer: Answer) -> str:
    """Return the request and its answer's status as an expectation."""
    held = {key: form[key] for key in _FIELDS if form.get(key) not in (None, "", {}, 1, "GET")}
    return yaml.safe_dump(
        [{**held, "expect": {"status": answer.status}}], sort_keys=False, allow_unicode=True
    )
