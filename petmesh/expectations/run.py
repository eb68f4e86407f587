"""Sends the requests of questions to a rehearsed mesh, with their faults."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from petmesh.envoy.names import full_host
from petmesh.envoy.topology import Pod
from petmesh.expectations.model import OUTSIDE, UNMESHED, Fault, Question
from petmesh.rehearsal.ask import Answer, Asker, Request
from petmesh.rehearsal.entrances import Entrance
from petmesh.rehearsal.faulty import failing
from petmesh.rehearsal.hops import Hop
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.settings import SettingsError

_PORTS = {"http": 80, "https": 443, "tcp": 0}


@dataclass(frozen=True)
class Sent:
    """The answers to a question's requests, and the proxy that each passed first."""

    question: Question
    answers: tuple[Answer, ...]
    first: str


def check(runtime: Runtime, questions: Sequence[Question], key: str = "expectations") -> None:
    """Check that every source, gateway and broken workload exists.

    Raises:
        SettingsError: one doesn't; a line each.
    """
    problems: list[str] = []
    for number, each in enumerate(questions):
        try:
            if each.source == OUTSIDE:
                _entrance(runtime, each)
            elif each.source == UNMESHED:
                _called(runtime, each)
            else:
                _pods(runtime, each.source, "from")
            for fault in each.faults:
                _check_fault(runtime, fault)
        except SettingsError as error:
            problems.append(f"{key}[{number}]: {error}")
    if problems:
        raise SettingsError("\n".join(problems))


async def send(runtime: Runtime, asker: Asker, question: Question) -> Sent:
    """Break what its faults name, send a question's requests, and restore."""
    parts = urlsplit(question.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = None if question.body is None else question.body.encode()
    host = parts.netloc.rpartition("@")[2]
    if question.source == OUTSIDE:
        host = parts.hostname or ""
    headers = dict(question.headers)
    if question.token is not None:
        headers["Authorization"] = f"Bearer {runtime.tokens.issue(question.token)}"
    request = Request(host, path, question.method, headers, body)
    gate = asyncio.Semaphore(question.at_once)
    ask, first = _ask(runtime, asker, question, request)

    async def one() -> Answer:
        async with gate:
            return await ask()

    async with broken(runtime, question.faults):
        answers = await asyncio.gather(*(one() for _ in range(question.times)))
    return Sent(question, tuple(answers), first)


def called_by(hops: Sequence[Hop], first: str) -> str:
    """Return the pod that a request's first proxy called; empty if it called none."""
    for hop in hops:
        if hop.proxy == first and not hop.listener.startswith("inbound") and hop.endpoint:
            return hop.endpoint
    return ""


def _ask(
    runtime: Runtime, asker: Asker, question: Question, request: Request
) -> tuple[Callable[[], Awaitable[Answer]], str]:
    """Return what sends a request, and the proxy that it passes first."""
    scheme = urlsplit(question.url).scheme
    if question.source == OUTSIDE:
        entrance = _entrance(runtime, question)
        if scheme == "tcp":
            port = entrance.port
            return (lambda: asker.by_tcp(port, request, tunnel=False)), entrance.gateway
        shown = question.certificate and runtime.client_certificate(question.certificate)
        return (lambda: asker.from_outside(entrance, request, shown or None)), entrance.gateway
    if question.source == UNMESHED:
        pod, target = _called(runtime, question)
        return (lambda: asker.past_the_mesh(pod, target, request)), pod.name
    pod = _pods(runtime, question.source, "from")[0]
    if scheme == "tcp":
        return (lambda: asker.by_tcp(pod.outbound_port, request, tunnel=True)), pod.name
    if scheme == "https":
        return (lambda: asker.by_tls(pod, request, runtime.outside_trust)), pod.name
    return (lambda: asker.from_pod(pod, request)), pod.name


def _entrance(runtime: Runtime, question: Question) -> Entrance:
    parts = urlsplit(question.url)
    host, wanted = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    secure = parts.scheme == "https"
    fitting = [
        each for each in runtime.entrances if bool(each.trust) == secure and each.number == wanted
    ]
    named = [each for each in fitting if each.serves(host)] or fitting
    # Without a port in the URL the only one of its scheme is meant.
    only = [each for each in runtime.entrances if bool(each.trust) == secure]
    if not named and parts.port is None and len(only) == 1:
        named = only
    if not named:
        known = ", ".join(
            f"{'https' if each.trust else 'http'} at {each.number}" for each in runtime.entrances
        )
        raise SettingsError(
            f"url = {question.url}: no gateway listens there; there is {known or 'none'}"
        )
    return named[0]


def _pods(runtime: Runtime, name: str, key: str) -> list[Pod]:
    found = [
        pod for pod in runtime.pods if name in (pod.workload, f"{pod.namespace}/{pod.workload}")
    ]
    if not found:
        known = ", ".join(sorted({pod.workload for pod in runtime.pods})) or "none"
        also = f"{OUTSIDE}, {UNMESHED}, " if key == "from" else ""
        raise SettingsError(f"{key} = {name}: must be one of {also}{known}, and have a pod")
    return found


def _called(runtime: Runtime, question: Question) -> tuple[Pod, int]:
    parts = urlsplit(question.url)
    number = parts.port or _PORTS[parts.scheme]
    mesh = runtime.mesh
    for service in mesh.services:
        name, namespace = service.metadata.name, service.metadata.namespace
        hosts = {name, f"{name}.{namespace}", full_host(name, namespace)}
        if parts.hostname not in hosts:
            continue
        for port in service.spec.ports:
            for pod in runtime.pods:
                is_its = pod.namespace == namespace and service.spec.selects(pod.labels)
                if is_its and port.port == number:
                    return pod, pod.target(port)
    raise SettingsError(f"url = {question.url}: no Service with a pod is named so")


def _check_fault(runtime: Runtime, fault: Fault) -> None:
    if fault.workload:
        pods = _pods(runtime, fault.workload, "faults.workload")
        if fault.pods and fault.pods > len(pods):
            raise SettingsError(f"faults.pods = {fault.pods}: {fault.workload} has {len(pods)}")
    elif fault.host not in runtime.stub_hosts.addresses:
        known = ", ".join(sorted(runtime.stub_hosts.addresses)) or "none"
        raise SettingsError(f"faults.host = {fault.host}: must be one of {known}")


@asynccontextmanager
async def broken(runtime: Runtime, faults: Sequence[Fault]) -> AsyncGenerator[None]:
    """Break pods and outside hosts, and restore them."""
    pods: list[str] = []
    hosts: list[str] = []
    try:
        for fault in faults:
            if fault.host:
                hosts.append(fault.host)
                await runtime.stub_hosts.silence(fault.host)
                continue
            for pod in _pods(runtime, fault.workload or "", "workload")[: fault.pods]:
                pods.append(pod.name)
                if fault.status is None:
                    runtime.faults.crash(pod.name)
                else:
                    status = HTTPStatus(fault.status)
                    line = f"{status.value} {status.phrase}"
                    await runtime.faults.impair(pod.name, failing(line), b"{}")
        yield
    finally:
        for pod in pods:
            await runtime.faults.restart(pod)
        for host in hosts:
            await runtime.stub_hosts.restore(host)
