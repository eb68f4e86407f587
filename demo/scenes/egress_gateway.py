"""The scene of the egress gateway: the callers that it admits, and their requests."""

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes import access
from demo.scenes.access import Attempt
from demo.scenes.http_client import send_request
from demo.scenes.scene import Scene
from demo.scenes.scene_context import SceneContext
from petmesh.host.ports import LOOPBACK

_PATH = "/v1/images/search"


async def play(context: SceneContext) -> Scene:
    """Open the way to the dog API, and use it with and without a permission."""
    context.progress("sending requests through the egress gateway")
    session = context.session
    await session.change({"dogApiEnabled": "true"})
    host = session.declaration.config["petmesh:dogApiHost"]
    stubs = session.runtime.stub_hosts
    stubs.requests.clear()
    attempts = await _attempts(context, host)
    seen = list(stubs.requests)
    problems = [f"egress gateway: {each}" for each in access.problems(attempts)]
    if seen != [f"GET https://{host}{_PATH}"]:
        problems.append(f"egress gateway: the stand-in saw {seen}")
    await session.change({})
    return Scene(
        key="egressGateway",
        title=f"Requests through the egress gateway for http://{host}{_PATH}",
        columns=access.COLUMNS,
        rows=access.rows(attempts),
        notes=("The stand-in saw the first of them alone.",) if not problems else (),
        data={"requests": access.data(attempts), "standInSaw": seen},
        problems=tuple(problems),
    )


async def _attempts(context: SceneContext, host: str) -> list[Attempt]:
    url = f"http://{host}{_PATH}"
    [gateway] = context.session.runtime.inner_gateways
    [port] = gateway.ports.values()
    caller, other = PETSERVICE.name, PETDETAILS.name
    get = await send_request(url, proxy=context.sidecar(PETSERVICE))
    post = await send_request(url, proxy=context.sidecar(PETSERVICE), method="POST")
    example = await context.to_gateway(PETSERVICE, host, _PATH, named="example.com")
    other_get = await send_request(url, proxy=context.sidecar(PETDETAILS))
    bypass = await context.to_gateway(PETDETAILS, host, _PATH)
    without_identity = await context.to_gateway(None, host, _PATH)
    plain = await send_request(f"http://{LOOPBACK}:{port}{_PATH}", {"Host": host})
    return [
        Attempt(caller, "GET", get, 200),
        Attempt(caller, "POST", post, 403),
        Attempt(caller, "example.com by that way", example, 403),
        Attempt(other, "GET", other_get, 502),
        Attempt(other, "the same around its sidecar", bypass, 403),
        Attempt("no identity", "TLS", without_identity, None),
        Attempt("plain HTTP", "", plain, None),
    ]
