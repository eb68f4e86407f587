"""The scene of the public route: one route is public, and each service has one caller."""

import json

from apps.catalog import Service
from demo.pets import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes import access
from demo.scenes.access import Attempt
from demo.scenes.http_client import Response, request_ingress, send_request
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.host.ports import LOOPBACK


async def play(context: SceneContext) -> Scene:
    """Send requests to what is public, to what isn't, and from callers without a permission."""
    context.progress("sending requests through the ingress")
    runtime = context.session.runtime
    origin = runtime.origin
    first = await request_ingress(origin, PATH)
    attempts = [
        Attempt("anyone", f"GET {PATH}", first, 200),
        *await _from_outside(context),
        *await _from_inside(context),
    ]
    if redirecting := runtime.redirecting:
        response = await request_ingress(redirecting, PATH)
        attempts.insert(1, Attempt("plain HTTP", f"GET {PATH}", response, 301))
    return Scene(
        key="publicRoute",
        title=f"One public route: {origin.url}{PATH}",
        columns=access.COLUMNS,
        rows=access.rows(attempts),
        notes=(json.dumps(first.json, indent=2) if first else "no response",),
        data={"response": first.json if first else None, "requests": access.data(attempts)},
        problems=tuple(access.problems(attempts)),
    )


async def _from_outside(context: SceneContext) -> list[Attempt]:
    """Requests of anyone that the ingress refuses."""
    origin = context.session.runtime.origin
    named = {"Host": context.details_host}
    details, history = f"{PATH}/details", f"{PATH}/medicalhistory"
    post = await request_ingress(origin, PATH, method="POST")
    live = await request_ingress(origin, "/healthz/live")
    by_host = await request_ingress(origin, details, named)
    return [
        Attempt("anyone", f"POST {PATH}", post, 403),
        Attempt("anyone", "GET /", await request_ingress(origin, "/"), 404),
        Attempt("anyone", "GET /healthz/live", live, 404),
        Attempt("anyone", f"GET {details}", await request_ingress(origin, details), 403),
        Attempt("anyone", f"the same with Host {PETDETAILS.name}…", by_host, 404),
        Attempt("anyone", f"GET {history}", await request_ingress(origin, history), 403),
    ]


async def _from_inside(context: SceneContext) -> list[Attempt]:
    """Requests of pods in the mesh to petdetailsservice."""
    caller, other, called = PETSERVICE.name, PETMEDICALHISTORY.name, PETDETAILS.name
    bypass = await context.around_proxy(PETMEDICALHISTORY, PETDETAILS, f"{PATH}/details")
    plain = f"http://{LOOPBACK}:{context.pod(PETDETAILS).inbound_port}{PATH}/details"
    return [
        Attempt(caller, called, await _call(context, PETSERVICE), 200),
        Attempt(caller, f"POST to {called}", await _call(context, PETSERVICE, "POST"), 403),
        Attempt(other, called, await _call(context, PETMEDICALHISTORY), 502),
        Attempt(other, "the same around its sidecar", bypass, 403),
        Attempt("plain HTTP in the mesh", called, await send_request(plain), None),
    ]


async def _call(context: SceneContext, caller: Service, method: str = "GET") -> Response | None:
    """Call petdetailsservice as a service does: by its short name, through the caller's sidecar."""
    url = f"http://{PETDETAILS.name}:{PETDETAILS.port}{PATH}/details"
    return await send_request(url, proxy=context.sidecar(caller), method=method)
