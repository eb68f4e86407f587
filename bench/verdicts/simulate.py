"""Simulates a ramp's intervals."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import Answers, Shape, Worsening
from petmesh.ramp.measurements import Figures, Observation


@dataclass(frozen=True)
class Course:
    """Steps, each so many seconds long, after so many intervals before the ramp."""

    steps: Sequence[int] = (10, 25, 50, 100)
    hold: float = 300.0
    interval: float = 30.0
    before: int = 120

    @property
    def seconds(self) -> float:
        """How long it is, with the intervals before."""
        return self.before * self.interval + len(self.steps) * self.hold


@dataclass(frozen=True)
class SimulatedInterval:
    """One interval at a weight; before the ramp at -1."""

    weight: int
    observation: Observation


class Weights:
    """The weight of each interval, before the ramp -1; it can be lowered on the way."""

    def __init__(self, course: Course) -> None:
        self._steps = list(course.steps)
        self._hold = round(course.hold / course.interval)
        self._coming = deque([-1] * course.before)
        self._index = -1
        self._lowered = False

    def __iter__(self) -> Iterator[int]:
        while self._coming or self._index + 1 < len(self._steps):
            if not self._coming:
                self._index += 1
                self._coming.extend([self._steps[self._index]] * self._hold)
            yield self._coming.popleft()

    def lower(self) -> bool:
        """Go through the step before anew, as a ramp does once; returns whether it is the first."""
        if self._lowered or self._index < 1:
            return False
        self._lowered = True
        self._coming.clear()
        self._index -= 2
        return True


def simulate(
    shape: Shape,
    fault: Worsening,
    course: Course,
    rng: Generator,
    weights: Weights | None = None,
) -> Iterator[SimulatedInterval]:
    """The intervals of a ramp, one after the other; each request's version is drawn by itself."""
    service_of = shape.world(rng, course.seconds)
    stable, canary = service_of(False), service_of(True)  # noqa: FBT003 (versions)
    for number, weight in enumerate(weights or Weights(course)):
        begin = number * course.interval
        rate = float(shape.rate(np.array([begin]), course.seconds)[0])
        moments = begin + course.interval * np.sort(rng.random(rng.poisson(rate * course.interval)))
        is_canary = rng.random(len(moments)) < max(weight, 0) / 100
        own = fault.answers(rng, canary(rng, moments[is_canary]), canary=True)
        others = fault.answers(rng, stable(rng, moments[~is_canary]), canary=False)
        yield SimulatedInterval(
            weight,
            Observation(
                seconds=course.interval,
                stable=figures(others, shape.bounds),
                canary=figures(own, shape.bounds),
            ),
        )


def figures(answers: Answers, bounds: Sequence[float]) -> Figures:
    """What a metrics source tells of answers."""
    latency, failed = answers
    counts = np.cumsum(np.bincount(np.searchsorted(bounds, latency), minlength=len(bounds) + 1))
    return Figures(
        requests=len(latency),
        errors=int(failed.sum()),
        answers=len(latency),
        within=dict(zip(bounds, counts[:-1].tolist(), strict=True)),
    )
