"""The fourth scene: a header or a cookie picks the canary whatever its weight."""

from typing import Any

from demo.scenes.scene import Scene
from demo.scenes.stage import PATH, Stage
from istio.routing import TESTER_COOKIE, TESTER_HEADER, TESTER_VALUE
from petmesh.rehearsal.load import Load

_REQUESTS = 100
_CHOSEN = f"{TESTER_COOKIE}={TESTER_VALUE}"
# A request's headers, and whether they pick the canary.
CASES: tuple[tuple[dict[str, str], bool], ...] = (
    ({}, False),
    ({TESTER_HEADER: TESTER_VALUE}, True),
    ({TESTER_HEADER: "sometimes"}, False),
    ({"cookie": _CHOSEN}, True),
    ({"cookie": f"theme=dark; {_CHOSEN}; lang=en"}, True),
    ({"cookie": f"not{_CHOSEN}"}, False),
)


async def play(stage: Stage) -> Scene:
    """Send requests of each kind at weight 0."""
    stage.progress("header and cookie at weight 0")
    await stage.session.change({"canaryWeight": "0"})
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    data: list[dict[str, Any]] = []
    for headers, is_chosen in CASES:
        origin = stage.session.runtime.origin
        async with Load(origin, PATH, stage.judge, headers=headers) as load:
            phase = await load.measure("tester", _REQUESTS)
        text = ", ".join(f"{name}: {value}" for name, value in headers.items()) or "neither"
        answers = dict(phase.answers)
        shown = ", ".join(f"{count} by {version}" for version, count in answers.items())
        rows.append((text, shown, str(phase.failed)))
        data.append({"headers": headers, "answers": answers, "failures": phase.failed})
        wanted = stage.canary if is_chosen else stage.stable
        if phase.failed or set(answers) != {wanted}:
            problems.append(f"testers: {text}: {answers}, not all by {wanted}")
    return Scene(
        key="testers",
        title=f"Header and cookie pick {stage.canary} at weight 0",
        columns=("request has", "answers", "failures"),
        rows=tuple(rows),
        data={"cases": data},
        problems=tuple(problems),
    )
