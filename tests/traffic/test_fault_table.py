"""Callers' view of faulty back ends, of a faulty dog API, of overload, and of pods that end.

Every row is one behaviour; the expected responses are beside the fault in its scene.
"""

from typing import Any

import pytest

from demo.scenes import back_ends, dog_api, endings, overload
from demo.scenes.scene import Scene
from demo.scenes.trial import CONCURRENCY
from tests.traffic.conftest import Live

pytestmark = pytest.mark.envoy

EVERY_ROW_ONE_WAVE = CONCURRENCY
# Of each back end's row: half of them meet the one pod that fails.
THREE_WAVES = 3 * CONCURRENCY


@pytest.fixture(scope="module")
def broken_back_ends(live: Live) -> Scene:
    return live.run(back_ends.play(live.context, THREE_WAVES))


@pytest.fixture(scope="module")
def broken_dog_api(live: Live) -> Scene:
    return live.run(dog_api.play(live.context, EVERY_ROW_ONE_WAVE))


@pytest.fixture(scope="module")
def overloaded(live: Live) -> Scene:
    return live.run(overload.play(live.context, 40))


@pytest.fixture(scope="module")
def ended(live: Live) -> Scene:
    return live.run(endings.play(live.context, EVERY_ROW_ONE_WAVE))


def rows(scene: Scene) -> dict[str, Any]:
    return {row["fault"]: row for row in scene.data["rows"]}


def answers(scene: Scene, fault: str) -> set[str]:
    return set(rows(scene)[fault]["answers"])


@pytest.mark.parametrize("fault", [trial.fault for trial, _ in back_ends.TRIALS])
def test_a_faulty_back_end_costs_what_its_row_says_and_is_recovered_from(
    broken_back_ends: Scene, fault: str
) -> None:
    assert fault in rows(broken_back_ends)
    assert [text for text in broken_back_ends.problems if text.startswith(f"{fault}:")] == []


@pytest.mark.parametrize("fault", ["both never answer", "both answer after 3 s"])
def test_back_ends_over_the_deadline_are_a_504(broken_back_ends: Scene, fault: str) -> None:
    assert answers(broken_back_ends, fault) == {"504"}


@pytest.mark.parametrize("fault", ["both are gone", "both don't speak HTTP", "endless bodies"])
def test_back_ends_without_a_usable_answer_are_a_502(broken_back_ends: Scene, fault: str) -> None:
    assert answers(broken_back_ends, fault) == {"502"}


def test_a_pod_that_fails_is_ejected_and_its_requests_are_saved(broken_back_ends: Scene) -> None:
    row = rows(broken_back_ends)["1 of 2 answers 500"]
    assert row["ejections"] == 1
    assert row["savedByRetry"] >= 5
    assert row["failedAtBeginOrEnd"] == 0


def test_no_policy_sees_a_200_with_the_wrong_content(broken_back_ends: Scene) -> None:
    row = rows(broken_back_ends)["1 of 2 answers half of the JSON"]
    assert set(row["answers"]) == {"200", "502"}
    assert (row["retries"], row["ejections"]) == (0, 0)


@pytest.mark.parametrize("fault", [trial.fault for trial, _ in dog_api.TRIALS])
def test_petservice_answers_200_whatever_the_dog_api_does(
    broken_dog_api: Scene, fault: str
) -> None:
    wanted = {"200"} if fault == "answers after 0.3 s" else {dog_api.WITHOUT_DOG}
    assert answers(broken_dog_api, fault) == wanted
    assert broken_dog_api.problems == ()


def test_petservice_answers_ten_times_its_load(overloaded: Scene) -> None:
    before, during, after = overloaded.data["rows"][:3]
    assert set(before["answers"]) == set(during["answers"]) == set(after["answers"]) == {"200"}


def test_at_its_limit_petservice_sheds_with_503_and_recovers(overloaded: Scene) -> None:
    before, during, after = overloaded.data["rows"][3:]
    assert set(before["answers"]) == set(after["answers"]) == {"200"}
    assert set(during["answers"]) == {"200", "503"}
    assert overloaded.problems == ()


def test_after_a_promotion_it_is_the_promoted_version_that_holds_the_load(live: Live) -> None:
    live.run(live.session.change({"stableVersion": "v2", "canaryVersion": ""}))
    scene = live.run(overload.play(live.context, 8))
    live.run(live.session.change({}))
    assert scene.data["rows"][0]["p50Ms"] >= overload.HELD_MILLISECONDS
    assert not [problem for problem in scene.problems if "hold" in problem]


def test_pods_that_end_under_load_lose_no_request_and_end_by_themselves(ended: Scene) -> None:
    deleted, replaced = ended.data["rows"]
    assert set(deleted["answers"]) == set(replaced["answers"]) == {"200"}
    assert (len(deleted["ended"]), len(replaced["ended"])) == (2, 4)
    assert deleted["notByThemselves"] == replaced["notByThemselves"] == []
    assert ended.problems == ()
