"""Back after a promotion: to a version that was kept, the route alone changes and nothing fails."""

import pytest

from demo.scenes import going_back
from demo.scenes.scene import Scene
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def scene(live: Live) -> Scene:
    played = live.run(going_back.play(live.context))
    live.run(live.session.change({}))
    return played


def test_a_version_that_was_kept_has_every_request_again_by_the_route_alone(scene: Scene) -> None:
    kept, _ = scene.data["ways"]
    [changed] = kept["changed"]
    assert changed.startswith("~ VirtualService petdetailsservice: ")
    assert (kept["started"], kept["failures"]) == ([], 0)
    assert scene.problems == ()


def test_one_that_was_deleted_is_started_first(scene: Scene) -> None:
    _, deleted = scene.data["ways"]
    [started] = deleted["started"]
    assert started.startswith("petdetailsservice-v1-")
    assert (len(deleted["changed"]) > 1, deleted["failures"]) == (True, 0)
