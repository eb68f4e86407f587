"""The third scene, where there is an egress gateway: whom it lets out, and for what."""

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes.ask import Answer, ask
from demo.scenes.scene import Scene
from demo.scenes.stage import Stage
from petmesh.host.ports import LOOPBACK

_MEANING: dict[int | None, str] = {
    200: "200",
    403: "403: authorization policy",
    502: "502: not in its view",
    None: "no connection: mutual TLS only",
}
_AROUND = "the same around its sidecar"
_PATH = "/v1/images/search"


async def play(stage: Stage) -> Scene:
    """Open the way to the dog API, and ask for it as who may and as who may not."""
    stage.progress("asking through the egress gateway")
    session = stage.session
    await session.change({"dogApiEnabled": "true"})
    host = session.declaration.config["petmesh:dogApiHost"]
    url = f"http://{host}{_PATH}"
    [gateway] = session.runtime.inner_gateways
    [port] = gateway.ports.values()
    session.runtime.stub_hosts.requests.clear()
    asked: list[tuple[str, str, Answer | None, int | None]] = [
        (PETSERVICE.name, "GET", await ask(url, proxy=stage.sidecar(PETSERVICE)), 200),
        (
            PETSERVICE.name,
            "POST",
            await ask(url, proxy=stage.sidecar(PETSERVICE), method="POST"),
            403,
        ),
        (
            PETSERVICE.name,
            "example.com by that way",
            await stage.to_gateway(PETSERVICE, host, _PATH, named="example.com"),
            403,
        ),
        (PETDETAILS.name, "GET", await ask(url, proxy=stage.sidecar(PETDETAILS)), 502),
        (PETDETAILS.name, _AROUND, await stage.to_gateway(PETDETAILS, host, _PATH), 403),
        ("no identity", "TLS", await stage.to_gateway(None, host, _PATH), None),
        ("plain HTTP", "", await ask(f"http://{LOOPBACK}:{port}{_PATH}", {"Host": host}), None),
    ]
    seen = list(session.runtime.stub_hosts.requests)
    problems = [
        f"egress gateway: {who}: {what}: {_status(answer)}, not {wanted}"
        for who, what, answer, wanted in asked
        if _status(answer) != wanted
    ]
    if seen != [f"GET https://{host}{_PATH}"]:
        problems.append(f"egress gateway: the stand-in saw {seen}")
    await session.change({})
    return Scene(
        key="egressGateway",
        title=f"The egress gateway, asked for {url}",
        columns=("who asks", "for", "gets"),
        rows=tuple(
            (who, what, _MEANING.get(_status(answer), str(_status(answer))))
            for who, what, answer, _ in asked
        ),
        notes=("The stand-in saw the first of them alone.",) if not problems else (),
        data={
            "requests": [
                {"who": who, "what": what, "status": _status(answer)}
                for who, what, answer, _ in asked
            ],
            "standInSaw": seen,
        },
        problems=tuple(problems),
    )


def _status(answer: Answer | None) -> int | None:
    return answer.status if answer else None
