"""Rehearses a copy of the checkout with an added service that is public and called, by PYTHONPATH.

Takes weights as JSON. Prints as JSON for each weight what its change changed, and how many answers
each version gave to clients of the ingress and to petservice.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from demo.pets import CATALOG, PETSERVICE
from demo.scenes.http_client import request_ingress, send_request
from demo.scenes.scene_context import SceneContext
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session

ADDED = CATALOG["petinsuranceservice"]
PUBLIC_PATH = "/insurance/7"
URL = f"http://{ADDED.name}:{ADDED.port}/pet/7/insurance"
REQUESTS = 300


async def _rehearse(weights: Sequence[int]) -> list[dict[str, Any]]:
    runtime = Runtime(new_folder())
    config = {"canaryService": ADDED.name, "canaryVersion": "v2"}
    session = Session(runtime, "local", config)
    steps: list[dict[str, Any]] = []
    try:
        await session.start()
        context = SceneContext(session, lambda _status, _body: "", lambda _text: None)
        proxy = context.sidecar(PETSERVICE)
        for weight in weights:
            changed, change = await session.change({"canaryWeight": str(weight)}, lasting=True)
            public = [await request_ingress(runtime.origin, PUBLIC_PATH) for _ in range(REQUESTS)]
            called = [await send_request(URL, proxy=proxy) for _ in range(REQUESTS)]
            steps.append(
                {
                    "weight": weight,
                    "changed": [f"{each.kind} {each.name}" for each in changed],
                    "restarted": [*change.started, *change.stopped],
                    "public": Counter(each.json["version"] for each in public if each),
                    "called": Counter(each.json["version"] for each in called if each),
                }
            )
    finally:
        await runtime.stop()
    return steps


print(json.dumps(asyncio.run(_rehearse(json.loads(sys.argv[1])))))
