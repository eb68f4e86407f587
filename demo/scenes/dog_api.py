"""Faults of the dog API: petservice's answer stays a 200."""

import json
from typing import Any

from demo.scenes.egress import is_error_object
from demo.scenes.scene import Scene
from demo.scenes.stage import Stage
from demo.scenes.trial import SOUND, Outcome, Setting, Trial, scene, try_out
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


async def play(stage: Stage, requests: int) -> Scene:
    """Open the way to the dog API, and break its stand-in.

    Args:
        stage: the mesh.
        requests: that measure each row.
    """
    await stage.session.change({"dogApiEnabled": "true"})
    host = stage.session.declaration.config["petmesh:dogApiHost"]
    stub_hosts = stage.session.runtime.stub_hosts
    setting = Setting(stage, host, _judge(stage), requests)
    rows: list[Outcome] = []
    for trial, fault in TRIALS:

        async def begin(fault: Conversation | None = fault) -> None:
            await (stub_hosts.silence(host) if fault is None else stub_hosts.impair(host, fault))

        async def end() -> None:
            await stub_hosts.restore(host)

        rows.append(await try_out(setting, trial, begin, end))
    await stage.session.change({})
    return scene("dogApi", f"Faults of {host}", rows, ("Open by dogApiEnabled=true.",))


def _judge(stage: Stage) -> Classifier:
    def judge(status: int, body: bytes) -> str:
        if not stage.judge(status, body):
            return FAILED
        held: Any = json.loads(body)["dogAPIResponse"]
        if held == ANSWER:
            return SOUND
        return WITHOUT_DOG if is_error_object(held) else FAILED

    return judge
