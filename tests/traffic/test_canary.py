"""The canary's weight, and who gets the canary whatever its weight."""

import pytest

from rehearsal.load import Load, Phase, binomial_interval
from rehearsal.scenes.scene import Scene
from rehearsal.scenes.testers import CASES
from tests.traffic.conftest import REQUESTS, WEIGHTS, Live

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize("index", range(len(WEIGHTS)))
def test_the_share_lies_within_the_interval_of_the_asked_weight(ramp: Scene, index: int) -> None:
    step = ramp.data["steps"][index]
    lowest, highest = step["interval"]
    assert step["weight"] == WEIGHTS[index]
    assert step["requests"] == REQUESTS
    assert lowest <= step["answers"].get("v2", 0) <= highest
    assert abs(step["envoyShare"] - step["share"]) < 0.02


def test_no_request_fails_at_any_weight_nor_while_it_is_changed(ramp: Scene) -> None:
    assert [step["failures"] for step in ramp.data["steps"]] == [0] * len(WEIGHTS)
    assert ramp.data["between"]["requests"] > 0
    assert ramp.data["between"]["failures"] == 0


def test_a_change_of_weight_changes_one_resource_and_restarts_nothing(ramp: Scene) -> None:
    changed = [step["changed"] for step in ramp.data["steps"]]
    assert changed[0] == []
    for (difference,) in changed[1:]:
        assert difference.startswith("~ VirtualService petdetailsservice: weight ")
    assert ramp.problems == ()


@pytest.mark.parametrize(("headers", "is_chosen"), CASES)
def test_header_or_cookie_pick_the_canary_at_weight_0(
    live: Live, headers: dict[str, str], *, is_chosen: bool
) -> None:
    assert live.run(_answers(live, headers)) == {"v2" if is_chosen else "v1": 40}


def test_header_and_cookie_pick_the_canary_at_weight_100_too(live: Live) -> None:
    live.run(live.session.change({"canaryWeight": "100"}))
    assert live.run(_answers(live, {"x-canary": "always"})) == {"v2": 40}
    assert live.run(_answers(live, {})) == {"v2": 40}
    live.run(live.session.change({}))


async def _answers(live: Live, headers: dict[str, str]) -> dict[str, int]:
    origin = live.session.runtime.origin
    async with Load(origin, "/pet/123", live.stage.judge, headers=headers) as load:
        phase = await load.measure("answers", 40)
    assert phase.failed == 0
    return dict(phase.answers)


def test_promotion_and_going_back_lose_no_request(live: Live) -> None:
    """v2 becomes the stable version and v1 stops; then v1 comes back and v2 is its canary."""
    before = live.session.runtime.process_ids()
    failures, answers = live.run(_promoted_and_back(live))
    assert failures == 0
    assert set(answers) == {"v1", "v2"}
    now = live.session.runtime.process_ids()
    restarted = {name.removeprefix("Envoy of ") for name in before.keys() - now.keys()}
    assert {name.rpartition("-")[0] for name in restarted} == {"petdetailsservice-v1"}


async def _promoted_and_back(live: Live) -> tuple[int, dict[str, int]]:
    session = live.session
    answers: dict[str, int] = {}
    async with Load(session.runtime.origin, "/pet/123", live.stage.judge) as load:
        await session.change({"canaryWeight": "100"})
        await session.change({"stableVersion": "v2", "canaryVersion": "", "canaryWeight": "0"})
        alone = await load.measure("v2 alone", 200)
        assert set(alone.answers) == {"v2"}
        await session.change({"canaryWeight": "100"})
        await session.change({})
        back = await load.measure("v1 again", 200)
        assert set(back.answers) == {"v1"}
        for phase in load.phases:
            for version, count in phase.answers.items():
                answers[version] = answers.get(version, 0) + count
        return sum(phase.failed for phase in load.phases), answers


def test_ten_thousand_requests_are_shared_as_asked(live: Live) -> None:
    phase = live.run(_ten_thousand(live, weight=25))
    lowest, highest = binomial_interval(10_000, 0.25, confidence=0.999)
    assert phase.failed == 0
    assert lowest <= phase.answers["v2"] <= highest


async def _ten_thousand(live: Live, *, weight: int) -> Phase:
    session = live.session
    await session.change({"canaryWeight": str(weight)})
    async with Load(session.runtime.origin, "/pet/123", live.stage.judge) as load:
        phase = await load.measure("ten thousand", 10_000)
    await session.change({})
    return phase
