"""Answers and hops as a rehearsal would give them."""

import itertools
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from petmesh.expectations.judge import Result, judge
from petmesh.expectations.model import Expectation
from petmesh.expectations.run import Sent
from petmesh.mesh.mesh import Mesh
from petmesh.rehearsal.ask import Answer
from petmesh.rehearsal.hops import Hop

ROUTE = {"object": "VirtualService default/web", "part": "http[0]"}
_NUMBERS = itertools.count()
_TEXTS = (
    *("method", "authority", "path", "flags", "details", "object", "part"),
    *("cluster", "endpoint", "address", "denied", "allowed"),
)


def hop(proxy: str, listener: str = "outbound", **fields: str) -> Hop:
    texts: dict[str, Any] = {name: fields.get(name, "") for name in _TEXTS}
    return Hop(proxy=proxy, listener=listener, status=200, tries=1, policies=(), **texts)


def answer(status: int = 200, body: bytes = b"{}", seconds: float = 0.01, **headers: str) -> Answer:
    number = next(_NUMBERS)
    held = CIMultiDictProxy(CIMultiDict({k.replace("_", "-"): v for k, v in headers.items()}))
    return Answer(f"request-{number}", status, held, body, seconds)


def judged(
    mesh: Mesh, expect: dict[str, Any], *answers: tuple[Answer, list[Hop]], **more: str
) -> Result:
    """The result of an expectation's answers, each with its hops, sent from the pod a-0."""
    held = {"from": "a", "url": "http://web/", "times": len(answers), "expect": expect, **more}
    expectation = Expectation.model_validate(held)
    sent = Sent(expectation, tuple(each for each, _ in answers), "a-0")
    hops = {each.id: found for each, found in answers}
    return judge(mesh, expectation, sent, hops, {"web-v1": "v1", "web-v2": "v2"})
