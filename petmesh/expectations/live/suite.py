"""Runs expectations against a live cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from petmesh.expectations.judge import Result, judge_answers
from petmesh.expectations.live.askable import impossible, or_reset, reduced
from petmesh.expectations.live.asking import NotAskedError, PodRefusedError
from petmesh.expectations.live.caller_pod import Caller, CallerPod, caller_pod
from petmesh.expectations.live.callers import caller_of, is_unknown
from petmesh.expectations.live.kubectl import Kubectl
from petmesh.expectations.live.outside import Address, Outside
from petmesh.expectations.model import OUTSIDE, Expectation
from petmesh.expectations.suite import Suite
from petmesh.rehearsal.ask import Answer
from petmesh.rehearsal.inputs import Input

IMAGE: Final = "docker.io/curlimages/curl:8.12.1"


@dataclass(frozen=True)
class Access:
    """How a cluster may be asked.

    Attributes:
        address: of the ingress; None if none is known.
        trust: certificates that the ingress's may be issued by; None for this machine's.
        context: the kubeconfig's context in which pods may be created; empty for none.
        image: the pods', which has curl and sleep.
    """

    address: Address | None = None
    trust: Path | None = None
    context: str = ""
    image: str = IMAGE


@dataclass(frozen=True, eq=False)
class _Part:
    """What of an expectation is asked, and by whom: None for a caller from outside."""

    asked: Expectation
    skipped: str
    caller: Caller | None


_Ask = Callable[[Expectation], Awaitable[list[Answer]]]


async def run(read: Input, expectations: Sequence[Expectation], access: Access) -> Suite:
    """Ask a cluster what expectations say.

    What can't be asked there is skipped, and says why. Those of one workload are asked together,
    by one pod.

    Args:
        read: the declared mesh.
        expectations: of expectations.yaml.
        access: how the cluster may be asked.

    Raises:
        NotAskedError: a pod is left, since it can't be deleted.
        SettingsError: an expectation names a source that there isn't, or the trust is none.
    """
    results: dict[int, Result] = {}
    parts: list[tuple[int, _Part]] = []
    for number, each in enumerate(expectations):
        try:
            parts.append((number, _part(read, each, access)))
        except NotAskedError as error:
            results[number] = Result(each, (), 0, {}, str(error))
    callers: list[Caller | None] = []
    for _, part in parts:
        if part.caller not in callers:
            callers.append(part.caller)
    for caller in callers:
        own = [(number, part) for number, part in parts if part.caller == caller]
        found = await _asked(access, caller, [part for _, part in own])
        results |= {number: result for (number, _), result in zip(own, found, strict=True)}
    return Suite(tuple(results[number] for number in sorted(results)), None)


def _part(read: Input, expectation: Expectation, access: Access) -> _Part:
    """Return what of an expectation is asked.

    Raises:
        NotAskedError: nothing of it can be.
    """
    reason = impossible(expectation)
    if not reason and expectation.source == OUTSIDE and access.address is None:
        reason = "from outside: the ingress's address isn't known, --address"
    if not reason and expectation.source != OUTSIDE and not access.context:
        reason = "from inside: no pod may be created, --allow-pods"
    asked, skipped = reduced(expectation, without_body=_parallel(expectation))
    if reason or asked is None:
        raise NotAskedError(reason or skipped)
    outside = expectation.source == OUTSIDE
    caller = None if outside else caller_of(read.declaration, read.mesh, expectation)
    if caller and caller.meshed and is_unknown(read.mesh, caller, asked):
        asked = or_reset(asked)
    return _Part(asked, skipped, caller)


def _parallel(expectation: Expectation) -> bool:
    """Return whether a pod sends several requests at the same time."""
    return expectation.source != OUTSIDE and expectation.at_once > 1


async def _asked(access: Access, caller: Caller | None, parts: Sequence[_Part]) -> list[Result]:
    if caller is None:
        assert access.address  # noqa: S101 (else nothing is asked from outside)
        async with Outside(access.address, access.trust) as outside:
            return [await _judged(part, _from(outside)) for part in parts]
    kubectl = Kubectl(access.context, caller.namespace)
    try:
        async with caller_pod(kubectl, caller, access.image) as pod:
            return [await _judged(part, _by(pod)) for part in parts]
    except PodRefusedError as error:
        return [_not_asked(part, error) for part in parts]


def _from(outside: Outside) -> _Ask:
    async def ask(expectation: Expectation) -> list[Answer]:
        gate = asyncio.Semaphore(expectation.at_once)

        async def one() -> Answer:
            async with gate:
                return await outside.ask(expectation)

        return list(await asyncio.gather(*(one() for _ in range(expectation.times))))

    return ask


def _by(pod: CallerPod) -> _Ask:
    async def ask(expectation: Expectation) -> list[Answer]:
        return await pod.ask(expectation, parallel=_parallel(expectation))

    return ask


async def _judged(part: _Part, ask: _Ask) -> Result:
    """Ask and judge; chance puts a share outside of its interval once in a thousand: again then."""
    try:
        result = judge_answers(part.asked, await ask(part.asked))
        if not result.passed and all(miss.startswith("share ") for miss in result.misses):
            result = judge_answers(part.asked, await ask(part.asked))
    except NotAskedError as error:
        return _not_asked(part, error)
    return replace(result, skipped=part.skipped)


def _not_asked(part: _Part, error: Exception) -> Result:
    return Result(part.asked, (f"not asked: {error}",), 0, {}, part.skipped)
