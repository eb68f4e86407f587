"""The scene of a faulty dog API: petservice's response is a 200 in spite of it."""

import json
from typing import Any

from demo.scenes.egress import is_error_object
from demo.scenes.scene import Scene
from demo.scenes.scene_context import SceneContext
from demo.scenes.trial import SOUND, Setting, Trial, TrialResult, run_trial, scene
from petmesh.rehearsal import faulty
from petmesh.rehearsal.faulty import Conversation
from petmesh.rehearsal.load import FAILED, Classifier
from petmesh.rehearsal.stub_hosts import ANSWER

WITHOUT_DOG = "200, error object"
_DOG = frozenset({SOUND})
_NO_DOG = frozenset({WITHOUT_DOG})
TRIALS: tuple[tuple[Trial, Conversation | None], ...] = (
    (Trial("answers after 0.3 s", _DOG), faulty.late(0.3)),
    (Trial("answers after 3 s", _NO_DOG, is_slow=True), faulty.late(3)),
    (Trial("never answers", _NO_DOG, is_slow=True), faulty.silent),
    (Trial("is gone", _NO_DOG), None),
    (Trial("resets connections at once", _NO_DOG), faulty.resetting),
    (Trial("resets within the body", _NO_DOG, is_slow=True), faulty.reset_midway),
    (Trial("answers 500", _NO_DOG), faulty.failing("500 Internal Server Error")),
    (Trial("doesn't speak HTTP", _NO_DOG), faulty.not_http),
    (Trial("answers half of the JSON", _NO_DOG), faulty.half_json),
    (Trial("bodies shorter than stated", _NO_DOG, is_slow=True), faulty.shorter_than_stated),
    (Trial("bodies longer than stated", _NO_DOG), faulty.longer_than_stated),
    (Trial("endless bodies", _NO_DOG), faulty.endless_body),
    (Trial("endless headers", _NO_DOG), faulty.endless_headers),
    (Trial("bodies that trickle", _NO_DOG, is_slow=True), faulty.trickling),
)


async def play(context: SceneContext, requests: int) -> Scene:
    """Open the way to the dog API, and break its stub.

    Args:
        context: of the scene.
        requests: the number that measures each row.
    """
    await context.session.change({"dogApiEnabled": "true"})
    host = context.session.declaration.config["petmesh:dogApiHost"]
    stub_hosts = context.session.runtime.stub_hosts
    setting = Setting(context, host, _classifier(context), requests)
    rows: list[TrialResult] = []
    for trial, fault in TRIALS:

        async def begin(fault: Conversation | None = fault) -> None:
            await (stub_hosts.silence(host) if fault is None else stub_hosts.impair(host, fault))

        async def end() -> None:
            await stub_hosts.restore(host)

        rows.append(await run_trial(setting, trial, begin, end))
    await context.session.change({})
    return scene("dogApi", f"Faults of {host}", rows, ("Open by dogApiEnabled=true.",))


def _classifier(context: SceneContext) -> Classifier:
    def classify(status: int, body: bytes) -> str:
        if not context.classify(status, body):
            return FAILED
        held: Any = json.loads(body)["dogAPIResponse"]
        if held == ANSWER:
            return SOUND
        return WITHOUT_DOG if is_error_object(held) else FAILED

    return classify
