"""One mesh for every traffic test, and an event loop that keeps it running between them."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from demo.scenes import canary, canary_faults
from demo.scenes.scene import Scene
from demo.scenes.scene_context import SceneContext, learn_versions
from petmesh.rehearsal.run_folder import new_folder
from petmesh.rehearsal.runtime import Runtime
from petmesh.rehearsal.session import Session

WEIGHTS = (0, 10, 25, 50, 100, 0)
REQUESTS = int(os.environ.get("REQUESTS", "500"))

# Far more than any test takes: a hang fails, a busy machine doesn't.
_SECONDS = 120 + REQUESTS / 10

T = TypeVar("T")


class Live:
    """A context, and a loop to run coroutines on it."""

    def __init__(self, *, logs_decisions: bool = False) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="rehearsal")
        self._thread.start()
        self.session = Session(self.run(_runtime(logs_decisions)), "local", {})
        self.run(self.session.start())
        judge = self.run(learn_versions(self.session))
        self.context = SceneContext(self.session, judge, lambda _: None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=_SECONDS)

    def close(self) -> None:
        self.run(self.session.runtime.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _runtime(logs_decisions: bool) -> Runtime:  # noqa: FBT001 (private)
    return Runtime(new_folder(), logs_decisions=logs_decisions)


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    mesh = Live()
    yield mesh
    mesh.close()


@pytest.fixture(scope="session")
def ramp(live: Live) -> Scene:
    """The canary, once through all its weights under one load."""
    scene = live.run(canary.play(live.context, WEIGHTS, REQUESTS))
    live.run(live.session.change({}))
    return scene


@pytest.fixture(scope="session")
def broken(live: Live) -> Scene:
    """The canary that fails, that half stops, that stops."""
    scene = live.run(canary_faults.play(live.context, 400))
    live.run(live.session.change({}))
    return scene
