"""Rehearses a copy of the checkout with the added service, by PYTHONPATH: takes config as JSON.

Prints as JSON the status that each caller gets, and which versions answered.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from demo.pets import CATALOG, PETDETAILS, PETMEDICALHISTORY, PETSERVICE
from demo.scenes.http_client import Response, request_ingress, send_request
from demo.scenes.scene_context import SceneContext
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session

ADDED = CATALOG["petinsuranceservice"]
PATH = "/pet/7/insurance"
URL = f"http://{ADDED.name}:{ADDED.port}{PATH}"
REQUESTS = 400
ALWAYS = {"x-canary": "always"}


def _status(answer: Response | None) -> int | None:
    return answer.status if answer else None


async def _rehearse(config: dict[str, str]) -> dict[str, Any]:
    runtime = Runtime(new_folder())
    session = Session(runtime, "local", config)
    try:
        await session.start()
        context = SceneContext(session, lambda _status, _body: "", lambda _text: None)
        proxy = context.sidecar(PETSERVICE)
        answers = [await send_request(URL, proxy=proxy) for _ in range(REQUESTS)]
        tried = await send_request(URL, ALWAYS, proxy=proxy)
        return {
            "petservice": _status(answers[0]),
            "another path": _status(await send_request(f"{URL}/x", proxy=proxy)),
            "another method": _status(await send_request(URL, proxy=proxy, method="POST")),
            "petdetailsservice": _status(
                await send_request(URL, proxy=context.sidecar(PETDETAILS))
            ),
            "around its proxy": _status(await context.around_proxy(PETMEDICALHISTORY, ADDED, PATH)),
            "ingress": _status(await request_ingress(runtime.origin, PATH)),
            "pet": _status(await request_ingress(runtime.origin, "/pet/7")),
            "versions": Counter(each.json["version"] for each in answers if each),
            "tester": tried.json["version"] if tried else None,
        }
    finally:
        await runtime.stop()


print(json.dumps(asyncio.run(_rehearse(json.loads(sys.argv[1])))))
