"""The scenes of `petmesh demo`, `petmesh faults` and `petmesh users`, in their order."""

import json
from collections.abc import AsyncIterator, Callable, Sequence

from demo.pets import PETDETAILS, PETSERVICE
from demo.scenes import (
    back_ends,
    canary,
    canary_faults,
    dog_api,
    egress,
    egress_gateway,
    endings,
    going_back,
    overload,
    public_route,
    rate_limit,
    testers,
    users,
)
from demo.scenes.scene import Scene
from demo.scenes.scene_context import SceneContext, learn_versions
from petmesh.program.declaration import ProgramError
from petmesh.rehearsal.session import Session


async def demo(
    session: Session, weights: Sequence[int], requests: int, progress: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Play the demo's scenes on a started session, which is never restarted.

    An application's stack has those that change no key of its platform's.

    Args:
        session: the stack's mesh.
        weights: the canary's weights, in percent, in order.
        requests: the number that measures each weight.
        progress: shows what is being done.

    Raises:
        ProgramError: the stack has no canary to show.
    """
    _check_canary(session)
    context = SceneContext(session, await learn_versions(session), progress)
    yield await public_route.play(context)
    if not session.declaration.referenced:
        yield await rate_limit.play(context)
        await session.change({rate_limit.KEY: "0"}, lasting=True)
        yield await egress.play(context)
        if session.runtime.inner_gateways:
            yield await egress_gateway.play(context)
    yield await canary.play(context, weights, requests)
    yield await testers.play(context)
    yield await canary_faults.play(context, max(requests // 2, 200))
    await session.change({"canaryWeight": "0"})
    yield await going_back.play(context)
    await session.change({})


async def faults(
    session: Session, requests: int, progress: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Play the scenes of the fault table on a started session.

    Args:
        session: the stack's mesh; the canary's weight becomes 0.
        requests: the number that measures each row.
        progress: shows what is being done.
    """
    session.overrides["canaryWeight"] = "0"
    await session.change({})
    context = SceneContext(session, await learn_versions(session), progress)
    for scene in (back_ends, dog_api, overload, endings):
        if scene is not dog_api or not session.declaration.referenced:
            yield await scene.play(context, requests)


async def users_alone(
    session: Session, weights: Sequence[int], users_: int, progress: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Play the scene of users on a started session.

    Args:
        session: the stack's mesh; it gets a canary of petservice, and the users' cookie.
        weights: the canaries' weights, in percent, in order.
        users_: how many users come at each weight.
        progress: shows what is being done.

    Raises:
        ProgramError: the stack has no canary to show.
    """
    _check_canary(session)
    images = json.dumps([f"{PETSERVICE.name}/{users.CANARY}={users.IMAGE}"])
    releases = json.dumps({PETSERVICE.name: {"canaryVersion": users.CANARY}})
    await session.change(
        {"userCookie": users.COOKIE, "images": images, "releases": releases, "canaryWeight": "0"},
        lasting=True,
    )
    context = SceneContext(session, await learn_versions(session), progress)
    yield await users.play(context, weights, users_)


def _check_canary(session: Session) -> None:
    if not session.releases[PETDETAILS.name].canary:
        raise ProgramError(
            f"stack {session.stack} has no canaryVersion: the demo needs one; "
            "give --config canaryVersion=v2"
        )
