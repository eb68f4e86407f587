"""What expectations.yaml claims of the pets' mesh, as the demo's scenes show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from istio.routing import TESTER_HEADER
from petmesh.expectations.judge import judge_answers
from petmesh.expectations.live.askable import reduced
from petmesh.expectations.model import OUTSIDE, Expectation, read_expectations
from petmesh.expectations.run import send
from petmesh.project import ROOT
from petmesh.rehearsal.ask import Answer, Asker
from petmesh.rehearsal.runtime import Runtime

_CHOOSING: Final = (TESTER_HEADER, "cookie")


@dataclass(frozen=True)
class Claim:
    """One that was tested.

    Attributes:
        expectation: what it says.
        answer: to the first of its requests.
        misses: one line for each thing that didn't come.
    """

    expectation: Expectation
    answer: Answer
    misses: tuple[str, ...]


def named() -> Iterator[Expectation]:
    """Yield those that have a name, which the demo shows."""
    yield from (each for each in read_expectations(ROOT) if each.name)


def of_callers(runtime: Runtime) -> tuple[Expectation, ...]:
    """Return who may call what of the mesh."""
    services = {service.metadata.name for service in runtime.mesh.services}
    return tuple(
        each
        for each in named()
        if not _chooses(each)
        and (each.source == OUTSIDE or urlsplit(each.url).hostname in services)
    )


def of_outside_hosts(runtime: Runtime) -> tuple[Expectation, ...]:
    """Return which hosts outside of the mesh aren't reached."""
    callers = of_callers(runtime)
    return tuple(each for each in named() if not _chooses(each) and each not in callers)


def of_testers() -> tuple[tuple[dict[str, str], bool], ...]:
    """Return the headers of requests, and whether they select the canary; the first has none."""
    told = [each for each in named() if each.expect.version]
    stable = next(each.expect.version for each in told if not each.headers)
    return tuple(
        (each.headers, each.expect.version != stable)
        for each in told
        if _chooses(each) or not each.headers
    )


async def ask(runtime: Runtime, expectations: tuple[Expectation, ...]) -> list[Claim]:
    """Test claims; the ingress is asked by its own scheme, port and host."""
    claims: list[Claim] = []
    async with Asker() as asker:
        for each in expectations:
            asked, _ = reduced(each, without_body=False)
            if asked is None:
                continue
            sent = await send(runtime, asker, _at_ingress(runtime, asked))
            result = judge_answers(asked, sent.answers)
            claims.append(Claim(each, sent.answers[0], result.misses))
    return claims


def _chooses(expectation: Expectation) -> bool:
    return any(name in expectation.headers for name in _CHOOSING)


def _at_ingress(runtime: Runtime, expectation: Expectation) -> Expectation:
    if expectation.source != OUTSIDE:
        return expectation
    entrance, origin = runtime.entrances[0], runtime.origin
    scheme = "https" if entrance.trust else "http"
    path = urlsplit(expectation.url).path
    url = f"{scheme}://{origin.host}:{entrance.number}{path}"
    return expectation.model_copy(update={"url": url})
