"""Further traffic: trouble of single pods, of dependencies, and of who calls."""

# ruff: noqa: PLR2004 (a shape is made of its numbers)

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from bench.verdicts.shapes import (
    Answers,
    Floats,
    Service,
    Shape,
    alike,
    constant,
    log_normal,
    spells,
    within,
)
from bench.verdicts.simulate import Course


def pauses_together(rng: Generator, length: float) -> Callable[[bool], Service]:
    """The pods of both versions stand still at the same moments, for half a second."""
    common = spells(rng, length, 20.0, 0.5)

    def service(rng: Generator, moments: Floats) -> Answers:
        late = np.where(within(moments, common), 500 * rng.random(len(moments)), 0.0)
        return log_normal()(rng, moments) + late, rng.random(len(moments)) < 0.01

    return lambda _: service


def slow_node(_: Generator, __: float) -> Callable[[bool], Service]:
    """One of ten pods of the stable version is on a node that is three times as slow."""

    def service_of(canary: bool) -> Service:  # noqa: FBT001 (a version)
        def service(rng: Generator, moments: Floats) -> Answers:
            slow = (rng.random(len(moments)) < 0.1) & (not canary)
            latency = log_normal()(rng, moments) * np.where(slow, 3, 1)
            return latency, rng.random(len(moments)) < 0.01

        return service

    return service_of


def cold_caches(_: Generator, __: float) -> Callable[[bool], Service]:
    """After each of the ramp's steps the canary is twice as slow for some ten seconds."""
    course = Course()

    def service_of(canary: bool) -> Service:  # noqa: FBT001 (a version)
        def service(rng: Generator, moments: Floats) -> Answers:
            since = (moments - course.before * course.interval) % course.hold
            times = 1 + canary * np.exp(-since / 10)
            return log_normal()(rng, moments) * times, rng.random(len(moments)) < 0.01

        return service

    return service_of


def morning(moments: Floats, length: float) -> Floats:
    """From 10 requests a second to 90."""
    return 10 + 80 * moments / length


def morning_world(_: Generator, length: float) -> Callable[[bool], Service]:
    """With the rate both versions grow half as slow again."""

    def service(rng: Generator, moments: Floats) -> Answers:
        latency = log_normal()(rng, moments) * (1 + 0.5 * moments / length)
        return latency, rng.random(len(moments)) < 0.01

    return lambda _: service


def stormy(moments: Floats, _: float) -> Floats:
    """Four times as many requests in half a minute of each five."""
    return 50 * np.where(moments % 300 < 30, 4.0, 1.0)


def storms(_: Generator, __: float) -> Callable[[bool], Service]:
    """In the storm half of all requests fail, and the others take five times as long."""

    def service(rng: Generator, moments: Floats) -> Answers:
        storm = moments % 300 < 30
        failed = rng.random(len(moments)) < np.where(storm, 0.5, 0.01)
        return log_normal()(rng, moments) * np.where(storm, 5, 1), failed

    return lambda _: service


def broken_dependency(rng: Generator, length: float) -> Callable[[bool], Service]:
    """For two of the last 20 minutes a dependency of both fails 40%, each after a second more."""
    begin = length - rng.uniform(120, 1200)

    def service(rng: Generator, moments: Floats) -> Answers:
        bad = within(moments, [(begin, begin + 120)]) & (rng.random(len(moments)) < 0.4)
        failed = bad | (rng.random(len(moments)) < 0.01)
        return log_normal()(rng, moments) + np.where(bad, 1000.0, 0.0), failed

    return lambda _: service


def quantised(rng: Generator, moments: Floats) -> Floats:
    """Whole times 50 ms, as where a client polls."""
    return 50 * np.ceil(log_normal(60.0)(rng, moments) / 50)


def restarts(rng: Generator, length: float) -> Callable[[bool], Service]:
    """One of a version's ten pods starts anew each five minutes: it fails for 3 s, then is slow."""

    def service_of(_: bool) -> Service:  # noqa: FBT001 (a version)
        begins = spells(rng, length, 300.0, 3.0)
        slow = [(end, end + 20.0) for _, end in begins]

        def service(rng: Generator, moments: Floats) -> Answers:
            its = rng.random(len(moments)) < 0.1
            failed = (its & within(moments, begins)) | (rng.random(len(moments)) < 0.005)
            latency = log_normal()(rng, moments)
            return np.where(its & within(moments, slow), 3 * latency, latency), failed

        return service

    return service_of


def wandering_failures(rng: Generator, length: float) -> Callable[[bool], Service]:
    """The part that fails of each version wanders by itself, by a third, over two minutes."""

    def service_of(_: bool) -> Service:  # noqa: FBT001 (a version)
        points = np.arange(0.0, length + 120.0, 10.0)
        drift = np.zeros(len(points))
        for number in range(1, len(points)):
            drift[number] = 0.92 * drift[number - 1] + 0.13 * rng.standard_normal()

        def service(rng: Generator, moments: Floats) -> Answers:
            part = 0.01 * np.exp(np.interp(moments, points, drift))
            return log_normal()(rng, moments), rng.random(len(moments)) < part

        return service

    return service_of


FURTHER = (
    Shape("pauses of all pods together", pauses_together),
    Shape("a pod of the stable version on a slow node", slow_node),
    Shape("cold caches after each step", cold_caches),
    Shape("a morning: 10 to 90 requests/s", morning_world, morning),
    Shape("storms: half fails, fourfold load", storms, stormy),
    Shape("a dependency fails for two minutes", broken_dependency),
    Shape("latencies of whole 50 ms, three bounds", alike(quantised), bounds=(50, 100, 250)),
    Shape("0.02% fail", alike(log_normal(), failing=0.0002)),
    Shape("1% of 0.5 requests/s", alike(log_normal()), constant(0.5), steps=(1, 2, 5)),
    Shape("a pod of each version starts anew", restarts),
    Shape("each version's failures wander", wandering_failures),
)
