"""The scene of faulty back ends: the two services that petservice calls."""

import json

from demo.pets import PETDETAILS, PETMEDICALHISTORY
from demo.scenes.http_client import send_request
from demo.scenes.scene import Scene
from demo.scenes.scene_context import PATH, SceneContext
from demo.scenes.trial import (
    NOTES,
    SOUND,
    Setting,
    Trial,
    TrialResult,
    by_status,
    forget_ejections,
    run_trial,
    scene,
)
from petmesh.host.concurrency import together
from petmesh.host.ports import LOOPBACK
from petmesh.rehearsal import faulty
from petmesh.rehearsal.faulty import Conversation

_OK = frozenset({SOUND})
_BAD_GATEWAY = frozenset({"502"})
_TIMEOUT = frozenset({"504"})
# Each of the two Envoys on the way waits a second before it closes a broken connection
# (delayed_close_timeout), and petservice's deadline is two seconds.
_CUT = (frozenset[str](), _BAD_GATEWAY | _TIMEOUT, True)
# None: the process is killed, so nothing listens.
_OF_BOTH: tuple[tuple[Trial, Conversation | None], ...] = (
    (Trial("both pods answer after 0.1 s", _OK), faulty.late(0.1)),
    (Trial("both answer after 3 s", _TIMEOUT, is_slow=True), faulty.late(3)),
    (Trial("both never answer", _TIMEOUT, is_slow=True), faulty.silent),
    (Trial("both are gone", _BAD_GATEWAY), None),
    (Trial("both reset connections at once", _BAD_GATEWAY), faulty.resetting),
    (Trial("both reset within the body", *_CUT), faulty.reset_midway),
    (Trial("both answer 500", _BAD_GATEWAY), faulty.failing("500 Internal Server Error")),
    (Trial("both don't speak HTTP", _BAD_GATEWAY), faulty.not_http),
    (Trial("both answer half of the JSON", _BAD_GATEWAY), faulty.half_json),
    (Trial("bodies shorter than stated", *_CUT), faulty.shorter_than_stated),
    (Trial("bodies longer than stated", _BAD_GATEWAY), faulty.longer_than_stated),
    (Trial("endless bodies", _BAD_GATEWAY), faulty.endless_body),
    # A slow machine still reads when a try times out.
    (Trial("endless headers", _BAD_GATEWAY, _TIMEOUT), faulty.endless_headers),
    (Trial("bodies that trickle", _TIMEOUT, is_slow=True), faulty.trickling),
)
_OF_ONE: tuple[tuple[Trial, Conversation | None], ...] = (
    (Trial("1 of 2 is gone", _OK, is_sudden=True, is_seamless=True), None),
    (
        Trial("1 of 2 answers 500", _OK, is_seamless=True),
        faulty.failing("500 Internal Server Error"),
    ),
    (Trial("1 of 2 never answers", _OK, is_seamless=True), faulty.silent),
    (Trial("1 of 2 resets connections at once", _OK, is_seamless=True), faulty.resetting),
    # A mesh can't see wrong content in a 200: the pod isn't ejected, and half of the requests fail.
    (Trial("1 of 2 answers half of the JSON", _OK | _BAD_GATEWAY), faulty.half_json),
)
_BOTH_SERVICES = Trial("both services are gone", _BAD_GATEWAY)
TRIALS = (*_OF_BOTH, *_OF_ONE, (_BOTH_SERVICES, None))


async def play(context: SceneContext, requests: int) -> Scene:
    """Break petdetailsservice's stable version, and then both services.

    Args:
        context: of the scene.
        requests: the number that measures each row.
    """
    runtime = context.session.runtime
    details, history = (
        f"{service.name}-{version}"
        for service, version in (
            (PETDETAILS, context.stable),
            (PETMEDICALHISTORY, PETMEDICALHISTORY.versions[0]),
        )
    )
    await runtime.adjust(details, replicas=2)
    pods = tuple(pod.name for pod in runtime.pods_of(details))
    others = tuple(pod.name for pod in runtime.pods_of(history))
    body = await _sound_body(context)
    setting = Setting(context, context.details_host, by_status(context), requests)
    rows: list[TrialResult] = []

    async def row(trial: Trial, faulty_pods: tuple[str, ...], fault: Conversation | None) -> None:
        async def begin() -> None:
            if fault is None:
                for pod in faulty_pods:
                    runtime.faults.crash(pod)
            else:
                await together(*(runtime.faults.impair(pod, fault, body) for pod in faulty_pods))

        async def end() -> None:
            await together(*(runtime.faults.restart(pod) for pod in faulty_pods))

        rows.append(await run_trial(setting, trial, begin, end))
        await forget_ejections(context)

    for trial, fault in _OF_BOTH:
        await row(trial, pods, fault)
    for trial, fault in _OF_ONE:
        await row(trial, pods[-1:], fault)
    await row(_BOTH_SERVICES, (*pods, *others), None)
    await runtime.adjust(details)
    return scene(
        "backEnds", f"Faults of {details}, two pods, at the canary's weight 0", rows, NOTES
    )


async def _sound_body(context: SceneContext) -> bytes:
    pod = context.pod(PETDETAILS)
    answer = await send_request(f"http://{LOOPBACK}:{pod.app_port}{PATH}/details")
    return json.dumps(answer.json if answer else {}).encode()
