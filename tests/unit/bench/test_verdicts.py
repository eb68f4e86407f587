"""The simulated ramps: what is simulated, and what the verdicts are compared with."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.verdicts import __main__ as verdicts
from bench.verdicts.__main__ import EVERY, bounds, main
from bench.verdicts.fixed import requests_needed
from bench.verdicts.shapes import FAULTS, NONE, SHAPES, Shape, spells, within
from bench.verdicts.simulate import Course, SimulatedInterval, simulate
from bench.verdicts.verdicts import CompareRule, MannWhitney, Own, Threshold, Windows
from petmesh.ramp.measurements import Figures, Observation

SHORT = Course(steps=(10,), hold=600.0, before=10)


def intervals(shape: Shape, fault: int | None = None, seed: int = 1) -> list[SimulatedInterval]:
    given = NONE if fault is None else FAULTS[fault]
    return list(simulate(shape, given, SHORT, np.random.default_rng(seed)))


@pytest.mark.parametrize("shape", EVERY, ids=[each.name for each in EVERY])
def test_each_shape_gives_the_canary_its_share_of_requests_with_their_latencies(
    shape: Shape,
) -> None:
    seen = [each.observation for each in intervals(shape) if each.weight == 10]
    canary = sum(each.canary.requests for each in seen)
    every = sum(each.requests for each in seen)
    assert len(seen) == 20
    assert len({each.name for each in EVERY}) == len(EVERY)
    assert canary == pytest.approx(every / 10, abs=4 * (every * 0.09) ** 0.5)
    assert all(each.canary.answers == each.canary.requests for each in seen)


def test_a_fault_is_the_canarys_alone() -> None:
    seen = [each.observation for each in intervals(SHAPES[0], 1) if each.weight == 10]
    canary = sum((each.canary for each in seen), Figures())
    stable = sum((each.stable for each in seen), Figures())
    assert canary.errors / canary.requests == pytest.approx(0.05, abs=0.015)
    assert stable.errors / stable.requests == pytest.approx(0.005, abs=0.002)


def test_the_size_of_the_best_fixed_test_is_the_textbooks() -> None:
    """One-sided, 1% and 90%, of two rates with nine times as many requests of the first."""
    low, high, mixed = 0.01, 0.02, 0.011
    null = mixed * (1 - mixed) * (1 + 1 / 9)
    real = high * (1 - high) + low * (1 - low) / 9
    textbook = ((2.326 * null**0.5 + 1.282 * real**0.5) / (high - low)) ** 2
    found = requests_needed(SHAPES[0], FAULTS[0], 10, np.random.default_rng(3))
    assert found == pytest.approx(textbook, rel=0.25)


def taken_back(rule: CompareRule, seen: list[SimulatedInterval]) -> bool:
    return any(rule.take(each) for each in seen if each.weight > 0)


def test_each_verdict_takes_back_what_fails_five_times_as_often_and_slow() -> None:
    seen = [
        SimulatedInterval(
            each.weight,
            Observation(
                seconds=30,
                stable=each.observation.stable,
                canary=each.observation.canary.model_copy(
                    update={"errors": each.observation.canary.requests * 0.2}
                ),
            ),
        )
        for each in intervals(SHAPES[0])
    ]
    before = [each.observation for each in seen if each.weight < 0]
    rules = (Own(before, warm_up=60.0), Windows(), Threshold(), MannWhitney())
    assert all(taken_back(rule, seen) for rule in rules)


def test_a_moment_is_in_a_spell_from_its_begin_until_its_end() -> None:
    moments = np.array([0.0, 1.0, 1.5, 2.0, 5.0, 6.0])
    assert within(moments, [(1.0, 2.0), (5.0, 6.0)]).tolist() == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    assert not within(moments, []).any()
    found = spells(np.random.default_rng(1), 1000.0, 10.0, 2.0)
    assert all(early < late for (_, early), (late, _) in pairwise(found))


def test_the_interval_of_a_part_holds_it_and_is_the_textbooks() -> None:
    """Wilson's, of 0 and of 10 in 1,000."""
    assert bounds(0, 1000) == pytest.approx((0.0, 0.0038), abs=1e-4)
    assert bounds(10, 1000) == pytest.approx((0.0054, 0.0183), abs=1e-4)


def test_a_run_that_ended_goes_on_with_the_rounds_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verdicts, "ALIKE", 1)
    monkeypatch.setattr(verdicts, "WORSE", 1)
    monkeypatch.setattr(verdicts, "FAULTS", FAULTS[1:2])
    results = tmp_path / "results.jsonl"
    asked = ["--shape", "log-normal", "--processes", "1", "--results", str(results)]
    for rounds, lines in (("1", 1), ("2", 2), ("2", 2)):
        assert main([*asked, "--rounds", rounds]) == 0
        assert len(results.read_text().splitlines()) == lines
    assert "0 of 2: 0.0 to 65.8%" in capsys.readouterr().out
