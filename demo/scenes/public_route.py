"""The scene of the public route: one route is public, and each service has one caller."""

import json
from urllib.parse import urlsplit

from demo import claims
from demo.claims import Claim
from demo.pets import PETDETAILS, PETMEDICALHISTORY
from demo.scenes import access
from demo.scenes.access import Attempt
from demo.scenes.http_client import Response, request_ingress
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.expectations.model import OUTSIDE, UNMESHED

_CALLERS = {OUTSIDE: "anyone", UNMESHED: "plain HTTP in the mesh"}


async def play(context: SceneContext) -> Scene:
    """Send requests to what is public, to what isn't, and from callers without a permission.

    The requests are those of expectations.yaml, and those that no expectation can send.
    """
    context.progress("sending requests through the ingress")
    runtime = context.session.runtime
    origin = runtime.origin
    held = await claims.ask(runtime, claims.of_callers(runtime))
    bypass = await context.around_proxy(PETMEDICALHISTORY, PETDETAILS, f"{PATH}/details")
    others = [Attempt(PETMEDICALHISTORY.name, f"{PETDETAILS.name} around its sidecar", bypass, 403)]
    if redirecting := runtime.redirecting:
        response = await request_ingress(redirecting, PATH)
        others.append(Attempt("plain HTTP", f"GET {PATH}", response, 301))
    attempts = [*map(_attempt, held), *others]
    first = attempts[0].response
    misses = [f"{each.expectation.title}: {miss}" for each in held for miss in each.misses]
    return Scene(
        key="publicRoute",
        title=f"One public route: {origin.url}{PATH}",
        columns=access.COLUMNS,
        rows=access.rows(attempts),
        notes=(json.dumps(first.json, indent=2) if first else "no response",),
        data={"response": first.json if first else None, "requests": access.data(attempts)},
        problems=(*misses, *access.problems(others)),
    )


def _attempt(claim: Claim) -> Attempt:
    """Return a claim's first request as a row of the table."""
    asked, answer = claim.expectation, claim.answer
    parts = urlsplit(asked.url)
    inside = asked.source != OUTSIDE
    target = (parts.hostname or "") if inside else f"{asked.method} {parts.path}"
    if inside and asked.method != "GET":
        target = f"{asked.method} to {target}"
    if host := asked.headers.get("host"):
        target = f"the same with Host {host.partition('.')[0]}…"
    response = None
    if answer.status:
        response = Response(answer.status, answer.body.decode(errors="replace"), answer.headers)
    caller = _CALLERS.get(asked.source, asked.source.rpartition("-")[0])
    return Attempt(caller, target, response, asked.expect.status[0] or None)
