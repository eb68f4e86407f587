"""The scene of testers: a header or a cookie selects the canary at any weight."""

from typing import Any

from demo import claims
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from petmesh.rehearsal.load import Load

_REQUESTS = 100


async def play(context: SceneContext) -> Scene:
    """Send requests with each header and cookie of expectations.yaml at weight 0."""
    context.progress("header and cookie at weight 0")
    await context.session.change({"canaryWeight": "0"})
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    data: list[dict[str, Any]] = []
    for headers, is_chosen in claims.of_testers():
        origin = context.session.runtime.origin
        async with Load(origin, PATH, context.classify, headers=headers) as load:
            phase = await load.measure("tester", _REQUESTS)
        text = ", ".join(f"{name}: {value}" for name, value in headers.items()) or "neither"
        answers = dict(phase.answers)
        shown = ", ".join(f"{count} by {version}" for version, count in answers.items())
        rows.append((text, shown, str(phase.failed)))
        data.append({"headers": headers, "answers": answers, "failures": phase.failed})
        wanted = context.canary if is_chosen else context.stable
        if phase.failed or set(answers) != {wanted}:
            problems.append(f"testers: {text}: {answers}, not all by {wanted}")
    return Scene(
        key="testers",
        title=f"Header and cookie select {context.canary} at weight 0",
        columns=("request has", "answers", "failures"),
        rows=tuple(rows),
        data={"cases": data},
        problems=tuple(problems),
    )
