"""The fault table: every scene of faults in its order."""

from collections.abc import AsyncIterator, Callable

from demo.scenes import back_ends, dog_api, endings, overload
from demo.scenes.scene import Scene
from demo.scenes.stage import Stage, learn_answers
from petmesh.rehearsal.session import Session


async def play(
    session: Session, requests: int, progress: Callable[[str], None]
) -> AsyncIterator[Scene]:
    """Play the scenes on a started session.

    Args:
        session: the stack's mesh; the canary gets no traffic.
        requests: how many requests measure each row.
        progress: is told what is being done.
    """
    session.overrides["canaryWeight"] = "0"
    await session.change({})
    stage = Stage(session, await learn_answers(session), progress)
    for scene in (back_ends, dog_api, overload, endings):
        yield await scene.play(stage, requests)
