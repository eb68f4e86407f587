"""The scenes in their order."""

from collections.abc import AsyncIterator, Callable, Sequence

from demo.scenes import (
    canary,
    egress,
    egress_gateway,
    faults,
    public_route,
    rate_limit,
    testers,
)
from demo.scenes.scene import Scene
from demo.scenes.stage import Stage, learn_answers
from petmesh.program.declaration import ProgramError
from petmesh.rehearsal.session import Session


async def play(
    session: Session, weights: Sequence[int], requests: int, progress: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Play every scene on a started session that is never restarted.

    Args:
        session: the stack's mesh.
        weights: the canary's weights, in percent, in order.
        requests: how many requests measure each weight.
        progress: is told what is being done.

    Raises:
        ProgramError: the stack has no canary to show.
    """
    if not session.canary:
        raise ProgramError(
            f"stack {session.stack} has no canaryVersion: the demo needs one; "
            "give --config canaryVersion=v2"
        )
    stage = Stage(session, await learn_answers(session), progress)
    yield await public_route.play(stage)
    yield await rate_limit.play(stage)
    await session.change({rate_limit.KEY: "0"}, lasting=True)
    yield await egress.play(stage)
    if session.runtime.inner_gateways:
        yield await egress_gateway.play(stage)
    yield await canary.play(stage, weights, requests)
    yield await testers.play(stage)
    yield await faults.play(stage, max(requests // 2, 200))
    await session.change({})
