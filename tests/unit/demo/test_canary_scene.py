"""Repeated measurement of a weight's share."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from demo.scenes import canary
from petmesh.rehearsal.load import LoadPhase

CHANGE = SimpleNamespace(seconds=0.01, started=(), stopped=())


def phase(v1: int, v2: int, failures: int = 0) -> LoadPhase:
    made = LoadPhase("made", latencies=[0.01] * (v1 + v2 + failures))
    made.answers = Counter(v1=v1, v2=v2)
    made.failures = Counter({"answer 500": failures} if failures else {})
    return made


async def problems(*measured: LoadPhase) -> list[str]:
    """Play weight 25; so many measurements must be made."""
    phases = list(measured)

    async def change(_overrides: dict[str, str]) -> tuple[tuple[()], Any]:
        return (), CHANGE

    async def counted() -> dict[str, Any]:
        return {}

    async def measure(_name: str, _requests: int) -> LoadPhase:
        return phases.pop(0)

    context = SimpleNamespace(session=SimpleNamespace(change=change), counted=counted, canary="v2")
    load = SimpleNamespace(measure=measure)
    step = await canary._step(cast("Any", context), cast("Any", load), 25, 1000)  # pyright: ignore[reportPrivateUsage]
    assert phases == []
    return step.problems()


async def test_a_share_that_chance_alone_puts_outside_is_measured_again() -> None:
    assert await problems(phase(750, 250)) == []
    assert await problems(phase(680, 320), phase(750, 250)) == []


async def test_a_wrong_share_stays_wrong() -> None:
    [problem] = await problems(phase(680, 320), phase(680, 320))
    assert problem == "weight 25: the canary's share is 32.0%, outside of the interval"


@pytest.mark.parametrize("v2", [250, 320])
async def test_requests_that_fail_are_never_measured_away(v2: int) -> None:
    assert "1 requests failed" in (await problems(phase(1000 - v2, v2, failures=1)))[0]
