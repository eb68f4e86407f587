"""The traffic that ramps are simulated with: how many requests, how slow, and how they fail.

A shape makes a world for each ramp: what both versions meet, such as a dependency's trouble; and of
it a service for each version, with what that version's pods meet alone. A new shape is one
function and one line in SHAPES.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Answers = tuple[Floats, Flags]
# At these moments of a ramp, in seconds: the milliseconds that the answers take, and which failed.
Service = Callable[[Generator, Floats], Answers]
# A ramp's length in seconds; gives a service for each version that it is asked for.
World = Callable[[Generator, float], Callable[[bool], Service]]

# Envoy's and so Istio's own bounds, up to half a minute.
ISTIO = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)
FINE = tuple(float(bound) for bound in np.geomspace(1, 30000, 60))


@dataclass(frozen=True)
class Shape:
    """Traffic of a kind.

    Attributes:
        world: makes the services of a ramp.
        rate: requests a second by the moment in seconds and the ramp's length.
        bounds: of the histogram, in milliseconds.
        cold: whether a new version is slow at first.
        steps: of a ramp.
    """

    name: str
    world: World
    rate: Callable[[Floats, float], Floats] = field(
        default=lambda moments, _: np.full(len(moments), 50.0)
    )
    bounds: Sequence[float] = ISTIO
    cold: bool = False
    steps: Sequence[int] = (10, 25, 50, 100)


def constant(rate: float) -> Callable[[Floats, float], Floats]:
    """The same rate at every moment."""
    return lambda moments, _: np.full(len(moments), rate)


def alike(latency: Callable[[Generator, Floats], Floats], failing: float = 0.01) -> World:
    """Answers that have nothing to do with each other."""

    def service(rng: Generator, moments: Floats) -> Answers:
        return latency(rng, moments), rng.random(len(moments)) < failing

    return lambda _, __: lambda _: service


def log_normal(median: float = 20.0, spread: float = 0.6) -> Callable[[Generator, Floats], Floats]:
    """Latencies whose logarithms are normally distributed."""
    return lambda rng, moments: median * np.exp(spread * rng.standard_normal(len(moments)))


def two_modes(rng: Generator, moments: Floats) -> Floats:
    """15 ms, and one in a hundred 400 ms."""
    number = len(moments)
    times: Floats = np.exp(0.2 * rng.standard_normal(number))
    middle: Floats = np.where(rng.random(number) < 0.01, 400.0, 15.0)
    return middle * times


def heavy_tail(rng: Generator, moments: Floats) -> Floats:
    """Pareto's distribution from 10 ms on, without a variance."""
    return 10 * rng.random(len(moments)) ** (-1 / 1.5)


def spells(rng: Generator, length: float, gap: float, seconds: float) -> list[tuple[float, float]]:
    """Spells of trouble: begin and end of each, some `gap` seconds apart."""
    found: list[tuple[float, float]] = []
    moment = rng.exponential(gap)
    while moment < length:
        found.append((moment, moment + seconds))
        moment += seconds + rng.exponential(gap)
    return found


def within(moments: Floats, found: Sequence[tuple[float, float]]) -> Flags:
    """Which moments are in a spell."""
    if not found:
        return np.zeros(len(moments), bool)
    begins, ends = np.array(found).T
    latest = np.searchsorted(begins, moments, side="right") - 1
    return (latest >= 0) & (moments < ends[latest])


def bursts(*, shared: bool, gap: float = 60.0, seconds: float = 2.0, failing: float = 0.3) -> World:
    """Errors that come together, in both versions at once or in each by itself."""

    def world(rng: Generator, length: float) -> Callable[[bool], Service]:
        common = spells(rng, length, gap, seconds)

        def service_of(_: bool) -> Service:  # noqa: FBT001 (a version)
            own = common if shared else spells(rng, length, gap, seconds)

            def service(rng: Generator, moments: Floats) -> Answers:
                part = np.where(within(moments, own), failing, 0.001)
                return log_normal()(rng, moments), rng.random(len(moments)) < part

            return service

        return service_of

    return world


def runs(rng: Generator, moments: Floats) -> Answers:
    """Errors in runs of ten requests of a version, one after another."""
    number = len(moments)
    failed = np.zeros(number, bool)
    begins = np.flatnonzero(rng.random(number) < 0.001)
    for ahead in range(10):
        failed[np.minimum(begins + ahead, number - 1)] = True
    return log_normal()(rng, moments), failed


def slow_start(_: Generator, __: float) -> Callable[[bool], Service]:
    """A new version whose first minute is up to six times as slow."""

    def service_of(canary: bool) -> Service:  # noqa: FBT001 (a version)
        first: list[float] = []

        def service(rng: Generator, moments: Floats) -> Answers:
            latency, failed = log_normal()(rng, moments), rng.random(len(moments)) < 0.01
            if canary and len(moments):
                first[:] = first or [float(moments[0])]
                latency = latency * (1 + 5 * np.exp(-(moments - first[0]) / 15))
            return latency, failed

        return service

    return service_of


def degrading(_: Generator, length: float) -> Callable[[bool], Service]:
    """Both versions grow twice as slow and fail four times as often from begin to end."""

    def service(rng: Generator, moments: Floats) -> Answers:
        part = moments / length
        failed = rng.random(len(moments)) < 0.01 + 0.03 * part
        return log_normal()(rng, moments) * (1 + part), failed

    return lambda _: service


def busy(moments: Floats, _: float) -> Floats:
    """A rate between 5 and 95 a second, up and down in 20 minutes."""
    return 50 * (1 + 0.9 * _swing(moments))


def _swing(moments: Floats) -> Floats:
    return np.sin(2 * np.pi * moments / 1200)


def busy_world(_: Generator, __: float) -> Callable[[bool], Service]:
    """Latency and failures rise with the rate, up to the threefold."""

    def service(rng: Generator, moments: Floats) -> Answers:
        load = 2 + _swing(moments)
        return log_normal()(rng, moments) * load, rng.random(len(moments)) < 0.005 * load

    return lambda _: service


def pauses(rng: Generator, length: float) -> Callable[[bool], Service]:
    """Each version's pods stand still now and then for half a second, as to collect garbage."""

    def service_of(_: bool) -> Service:  # noqa: FBT001 (a version)
        own = spells(rng, length, 20.0, 0.5)

        def service(rng: Generator, moments: Floats) -> Answers:
            latency = log_normal()(rng, moments)
            late = np.where(within(moments, own), 500 * rng.random(len(moments)), 0.0)
            return latency + late, rng.random(len(moments)) < 0.01

        return service

    return service_of


def wandering(rng: Generator, length: float) -> Callable[[bool], Service]:
    """Each version's latency wanders by itself by a sixth, over a minute or so."""

    def service_of(_: bool) -> Service:  # noqa: FBT001 (a version)
        points = np.arange(0.0, length + 120.0, 10.0)
        drift, noise = np.zeros(len(points)), 0.1 * rng.standard_normal(len(points))
        for number in range(1, len(points)):
            drift[number] = 0.8 * drift[number - 1] + noise[number]

        def service(rng: Generator, moments: Floats) -> Answers:
            times = np.exp(np.interp(moments, points, drift))
            return log_normal()(rng, moments) * times, rng.random(len(moments)) < 0.01

        return service

    return service_of


SHAPES = (
    Shape("log-normal", alike(log_normal())),
    Shape("two modes: 15 ms, 1% at 400 ms", alike(two_modes)),
    Shape("heavy tail: Pareto 1.5", alike(heavy_tail)),
    Shape("bursts of errors in both at once", bursts(shared=True)),
    Shape("bursts of errors in each by itself", bursts(shared=False)),
    Shape("errors in runs of ten", lambda _, __: lambda _: runs),
    Shape("busy and quiet times", busy_world, busy),
    Shape("0.5 requests/s", alike(log_normal()), constant(0.5)),
    Shape("500 requests/s", alike(log_normal()), constant(500.0)),
    Shape("slow start of the canary", slow_start, cold=True),
    Shape("both degrade", degrading),
    Shape("coarse histogram: 10, 100, 1000 ms", alike(log_normal()), bounds=(10, 100, 1000)),
    Shape("fine histogram: 60 bounds", alike(log_normal()), bounds=FINE),
    Shape("pauses of each version's pods", pauses),
    Shape("each version's latency wanders", wandering),
)


@dataclass(frozen=True)
class Worsening:
    """What a canary has that the stable version hasn't.

    Attributes:
        kept: the part of the shape's own failures that there is, in both versions.
        fails: the part of the canary's requests that fails besides.
        times: its answers take so many times as long.
        late, late_ms: the part of its answers that takes so many milliseconds longer.
    """

    name: str
    kept: float = 1.0
    fails: float = 0.0
    times: float = 1.0
    late: float = 0.0
    late_ms: float = 0.0

    def answers(self, rng: Generator, answers: Answers, *, canary: bool) -> Answers:
        """A service's answers with the fault, where they are the canary's."""
        latency, failed = answers
        number = len(failed)
        if self.kept < 1:
            failed = failed & (rng.random(number) < self.kept)
        if canary:
            failed = failed | (rng.random(number) < self.fails)
            latency = latency * self.times + self.late_ms * (rng.random(number) < self.late)
        return latency, failed


NONE = Worsening("none")
FAULTS = (
    Worsening("failures 1% to 2%", fails=0.01),
    Worsening("failures 0.5% to 5%", kept=0.5, fails=0.045),
    Worsening("all 30% slower", times=1.3),
    Worsening("1 in 20 300 ms slower", late=0.05, late_ms=300.0),
)
