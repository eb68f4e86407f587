"""The first scene: one route is public, and each service has one caller."""

import json

from apps.catalog import Service
from demo.pets import PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes.ask import Answer, ask, ask_ingress
from demo.scenes.scene import Scene
from demo.scenes.stage import PATH, Stage
from petmesh.host.ports import LOOPBACK

_MEANING: dict[int | None, str] = {
    200: "200",
    301: "301: to HTTPS",
    403: "403: authorization policy",
    404: "404: no such host or route",
    502: "502: not in its view",
    None: "no connection: mutual TLS only",
}


async def play(stage: Stage) -> Scene:
    """Ask for what is public, for what isn't, and from where nothing may be asked."""
    stage.progress("asking through the ingress")
    runtime = stage.session.runtime
    origin = runtime.origin
    plain = f"http://{LOOPBACK}:{stage.pod(PETDETAILS).inbound_port}{PATH}/details"
    named = {"Host": stage.details_host}
    first = await ask_ingress(origin, PATH)
    asked: list[tuple[str, str, Answer | None, int | None]] = [
        ("anyone", f"GET {PATH}", first, 200),
        ("anyone", f"POST {PATH}", await ask_ingress(origin, PATH, method="POST"), 403),
        ("anyone", "GET /", await ask_ingress(origin, "/"), 404),
        ("anyone", "GET /healthz/live", await ask_ingress(origin, "/healthz/live"), 404),
        ("anyone", f"GET {PATH}/details", await ask_ingress(origin, f"{PATH}/details"), 403),
        (
            "anyone",
            f"the same by Host {PETDETAILS.name}…",
            await ask_ingress(origin, f"{PATH}/details", named),
            404,
        ),
        (
            "anyone",
            f"GET {PATH}/medicalhistory",
            await ask_ingress(origin, f"{PATH}/medicalhistory"),
            403,
        ),
        (PETSERVICE.name, PETDETAILS.name, await _inside(stage, PETSERVICE), 200),
        (
            PETSERVICE.name,
            f"POST to {PETDETAILS.name}",
            await _inside(stage, PETSERVICE, "POST"),
            403,
        ),
        (PETMEDICALHISTORY.name, PETDETAILS.name, await _inside(stage, PETMEDICALHISTORY), 502),
        (
            PETMEDICALHISTORY.name,
            "the same around its sidecar",
            await stage.around_proxy(PETMEDICALHISTORY, PETDETAILS, f"{PATH}/details"),
            403,
        ),
        ("plain HTTP in the mesh", PETDETAILS.name, await ask(plain), None),
    ]
    if redirecting := runtime.redirecting:
        answer = await ask_ingress(redirecting, PATH)
        asked.insert(1, ("plain HTTP", f"GET {PATH}", answer, 301))
    problems = [
        f"{who}: {what}: {answer.status if answer else 'no connection'}, not {wanted}"
        for who, what, answer, wanted in asked
        if (answer.status if answer else None) != wanted
    ]
    statuses = [answer.status if answer else None for _, _, answer, _ in asked]
    return Scene(
        key="publicRoute",
        title=f"One public route: {origin.url}{PATH}",
        columns=("who asks", "for", "gets"),
        rows=tuple(
            (who, what, _MEANING.get(status, str(status)))
            for (who, what, _, _), status in zip(asked, statuses, strict=True)
        ),
        notes=(json.dumps(first.json, indent=2) if first else "no answer",),
        data={
            "answer": first.json if first else None,
            "requests": [
                {"who": who, "what": what, "status": status}
                for (who, what, _, _), status in zip(asked, statuses, strict=True)
            ],
        },
        problems=tuple(problems),
    )


async def _inside(stage: Stage, caller: Service, method: str = "GET") -> Answer | None:
    """Ask petdetailsservice as a service does: by its short name, through the caller's sidecar."""
    url = f"http://{PETDETAILS.name}:{PETDETAILS.port}{PATH}/details"
    return await ask(url, proxy=stage.sidecar(caller), method=method)
