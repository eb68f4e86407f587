"""`python -m bench.verdicts`: how often identical versions are taken back, how soon worse ones.

Each ramp of identical versions has the default steps of five minutes, looked at every 30 s, after
20 minutes in which the stable version was alone. A worse version stays at 10% until it is found.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from zlib import crc32

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.verdicts.fixed import requests_needed
from bench.verdicts.shapes import FAULTS, NONE, SHAPES, Shape, Worsening
from bench.verdicts.simulate import Course, simulate
from bench.verdicts.verdicts import CompareRule, MannWhitney, Own, Threshold, Windows
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.measurements import Observation

NAMES = ("petmesh", "petmesh before", "Flagger", "Kayenta")
WEIGHT = 10
# A worse version is given up for not found after so many times what a fixed test needs.
PATIENCE = 4
ALLOWED = 0.01


@dataclass(frozen=True)
class Found:
    """When a verdict took a canary back: after so many of its requests, and seconds; or never."""

    requests: float = float("inf")
    seconds: float = float("inf")


def ramp(
    shape: str, fault: Worsening, course: Course, seed: int, names: Sequence[str]
) -> list[Found]:
    """One ramp, and when each of the verdicts takes its canary back."""
    given = next(each for each in SHAPES if each.name == shape)
    rng = np.random.default_rng([seed, crc32(shape.encode())])
    before: list[Observation] = []
    rules: dict[str, CompareRule] = {}
    found = dict.fromkeys(names, Found())
    requests = seconds = 0.0
    # A worse version is warm, unless that is the shape; one that is alike has the default's time.
    warm_up = 0.0 if fault != NONE and not given.cold else Conditions().warm_up
    for seen in simulate(given, fault, course, rng):
        if seen.weight < 0:
            before.append(seen.observation)
            continue
        rules = rules or _rules(before, names, warm_up)
        requests += seen.observation.canary.requests
        seconds += course.interval
        for name, rule in list(rules.items()):
            if rule.take(seen):
                found[name] = Found(requests, seconds)
                del rules[name]
        if not rules:
            break
    return [found[name] for name in names]


def _rules(
    before: Sequence[Observation], names: Sequence[str], warm_up: float
) -> dict[str, CompareRule]:
    every = (Own(before, warm_up=warm_up), Windows(), Threshold(), MannWhitney())
    return {name: rule for name, rule in zip(NAMES, every, strict=True) if name in names}


def taken_back(pool: ProcessPoolExecutor, shape: Shape, ramps: int) -> list[float]:
    """The part of the identical versions that each verdict takes back."""
    one = partial(ramp, shape.name, NONE, Course(), names=NAMES)
    results = list(pool.map(one, range(ramps), chunksize=4))
    return [
        float(np.mean([np.isfinite(each.requests) for each in own]))
        for own in zip(*results, strict=True)
    ]


def found(
    pool: ProcessPoolExecutor, shape: Shape, fault: Worsening, ramps: int
) -> tuple[float, list[float], list[float]]:
    """The limit, and the median and nine tenths of the requests until it is found."""
    rng = np.random.default_rng(crc32(f"{shape.name} {fault.name}".encode()))
    needed = 2 * requests_needed(shape, fault, WEIGHT, rng)
    interval = 30.0
    rate = float(shape.rate(np.zeros(1), 1.0)[0]) * WEIGHT / 100
    hold = max(20 * interval, PATIENCE / 2 * needed / rate)
    course = Course((WEIGHT,), hold, interval)
    one = partial(ramp, shape.name, fault, course, names=NAMES[:1])
    results = [each[0] for each in pool.map(one, range(ramps), chunksize=4)]
    requests = [each.requests for each in results]
    seconds = [each.seconds for each in results]
    limit = max(needed, 2 * interval * rate)
    return (
        limit,
        [float(np.quantile(requests, part, method="higher")) for part in (0.5, 0.9)],
        [float(np.quantile(seconds, part, method="higher")) for part in (0.5, 0.9)],
    )


def main(arguments: Sequence[str]) -> int:
    """Simulate and print; returns the exit status: 1 where more than 1% are taken back."""
    parser = argparse.ArgumentParser(prog="bench.verdicts", description=__doc__)
    parser.add_argument("--ramps", type=int, default=400, help="identical, a shape; default: 400")
    parser.add_argument("--worse", type=int, default=40, help="of each fault; default: 40")
    parser.add_argument("--processes", type=int, default=2, help="default: 2")
    parser.add_argument("--shape", default="", help="those with this in their name")
    options = parser.parse_args(arguments)
    shapes = [each for each in SHAPES if options.shape in each.name]
    alike = Table("identical versions taken back", *(f"{name} %" for name in NAMES))
    worse = Table("requests until it is found", *(fault.name for fault in FAULTS))
    excess: list[str] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for shape in shapes:
            parts = taken_back(pool, shape, options.ramps)
            alike.add_row(shape.name, *(f"{100 * part:.1f}" for part in parts))
            if parts[0] > ALLOWED + 2.33 * (ALLOWED * (1 - ALLOWED) / options.ramps) ** 0.5:
                excess.append(f"{shape.name}: {100 * parts[0]:.1f}% of identical versions")
            cells = [_cell(*found(pool, shape, fault, options.worse)) for fault in FAULTS]
            worse.add_row(shape.name, *cells)
            print(f"{shape.name}: {parts}; {cells}", file=sys.stderr, flush=True)
    console = Console(width=160)
    console.print(alike)
    console.print(worse)
    console.print(
        "median / nine tenths found, of the canary's requests at weight 10; limit: twice what the "
        "best test of a fixed size needs, or two intervals"
    )
    for each in excess:
        console.print(f"too many: {each}", style="bold red")
    return 1 if excess else 0


def _cell(limit: float, requests: Sequence[float], seconds: Sequence[float]) -> str:
    middle, most = (f"{each:,.0f}" if np.isfinite(each) else "-" for each in requests)
    time = f"{seconds[0]:,.0f} s" if np.isfinite(seconds[0]) else "not found"
    return f"{middle} / {most} (limit {limit:,.0f}), {time}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
