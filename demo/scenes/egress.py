"""The scene of egress: an outside host is blocked, then opened by configuration."""

import json
from typing import Any, cast

from demo import claims
from demo.scenes.http_client import request_ingress
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext

_ERROR_FIELDS = {"message", "type", "errno", "code"}


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
        others = await claims.ask(session.runtime, claims.of_outside_hosts(session.runtime))
        changed = ", ".join(f"{each.change} {each.kind}" for each in differences)
        rows.append((state, changed or "as it was", json.dumps(held)))
        data[state] = {"changed": [str(each) for each in differences], "dogAPIResponse": held}
        if answer is None or not answer.json or answer.status != 200:  # noqa: PLR2004
            problems.append(f"egress {state}: petservice didn't answer 200")
        if is_error_object(held) == (enabled == "true"):
            problems.append(f"egress {state}: dogAPIResponse is {json.dumps(held)}")
        problems += [
            f"egress {state}: {each.expectation.title}: {miss}"
            for each in others
            for miss in each.misses
        ]
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
