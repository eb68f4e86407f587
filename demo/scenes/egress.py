"""The scene of egress: an outside host is blocked, then opened by configuration."""

import json
from typing import Any, cast

from demo.pets import PETSERVICE
from demo.scenes.http_client import request_ingress, send_request
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext

_ERROR_FIELDS = {"message", "type", "errno", "code"}
_BLOCKED = 502


async def play(context: SceneContext) -> Scene:
    """Close the way to the dog API, then open it, with petservice's response in each case."""
    context.progress("closing and opening the way to the dog API")
    session = context.session
    before = session.runtime.process_ids()
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    data: dict[str, Any] = {}
    for state, enabled in (("closed", "false"), ("open", "true")):
        differences, _ = await session.change({"dogApiEnabled": enabled})
        answer = await request_ingress(session.runtime.origin, PATH)
        held = answer.json.get("dogAPIResponse") if answer and answer.json else None
        other = await send_request("http://example.com/", proxy=context.sidecar(PETSERVICE))
        changed = ", ".join(f"{each.change} {each.kind}" for each in differences)
        rows.append((state, changed or "as it was", json.dumps(held)))
        data[state] = {"changed": [str(each) for each in differences], "dogAPIResponse": held}
        if answer is None or not answer.json or answer.status != 200:  # noqa: PLR2004
            problems.append(f"egress {state}: petservice didn't answer 200")
        if is_error_object(held) == (enabled == "true"):
            problems.append(f"egress {state}: dogAPIResponse is {json.dumps(held)}")
        if other is None or other.status != _BLOCKED:
            problems.append(f"egress {state}: example.com isn't blocked")
    if session.runtime.process_ids() != before:
        problems.append("egress: a process was restarted")
    origin = "the egress gateway" if session.runtime.inner_gateways else "petservice's sidecar"
    seen = session.runtime.stub_hosts.requests[:1]
    await session.change({})
    return Scene(
        key="egress",
        title=f"Egress to {session.declaration.config['petmesh:dogApiHost']}",
        columns=("egress", "declared", "dogAPIResponse"),
        rows=tuple(rows),
        notes=(
            f"Open, a stand-in on this machine answers, over TLS that {origin} originates.",
            f"The stand-in saw: {seen[0] if seen else 'nothing'}",
            "No process was restarted. Another host, example.com, got 502 both times.",
        ),
        data={**data, "standInSaw": seen},
        problems=tuple(problems),
    )


def is_error_object(held: object) -> bool:
    """Return whether petservice has an error object in place of a response."""
    return isinstance(held, dict) and set(cast("dict[str, Any]", held)) >= _ERROR_FIELDS
