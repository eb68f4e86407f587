"""Retries and outlier detection with a canary that fails or stops."""

from typing import Any

import pytest

from demo.scenes.scene import Scene

pytestmark = pytest.mark.envoy

FAILING, ONE, EVERY, BACK, RESTORED = (
    "20% answered 500",
    "1 of 2 pods stops",
    "every pod stops",
    "the same, at weight 0",
    "restored",
)


def measured(scene: Scene, fault: str, policy: str = "declared") -> Any:  # noqa: ANN401 (data)
    (row,) = (row for row in scene.data["rows"] if (row["fault"], row["policy"]) == (fault, policy))
    return row


def test_retries_save_nearly_every_request_of_a_version_that_fails_now_and_then(
    broken: Scene,
) -> None:
    declared, bare = measured(broken, FAILING), measured(broken, FAILING, "off")
    # Half of the requests meet 20% errors: 10% without retries, 0.4% after two of them. Chance
    # alone puts less than one run of 100,000 outside.
    assert 0.03 < bare["failures"] / bare["requests"] < 0.18
    assert declared["failures"] / declared["requests"] < 0.03
    assert declared["savedByRetry"] > declared["failures"]
    assert bare["retries"] == bare["ejections"] == 0


def test_a_stopped_pod_of_two_is_ejected_and_no_request_fails(broken: Scene) -> None:
    declared, bare = measured(broken, ONE), measured(broken, ONE, "off")
    assert declared["failures"] == 0
    assert declared["ejections"] == 1
    assert declared["savedByRetry"] >= 1
    assert bare["failures"] / bare["requests"] > 0.03


def test_with_every_pod_stopped_only_the_weight_helps(broken: Scene) -> None:
    every = measured(broken, EVERY)
    assert 0.25 < every["failures"] / every["requests"] < 0.8
    assert measured(broken, BACK)["failures"] == 0
    assert measured(broken, RESTORED)["failures"] == 0


def test_the_scene_of_the_faults_holds(broken: Scene) -> None:
    assert broken.problems == ()
