"""`python -m bench.verdicts`: how often identical versions are taken back, how soon worse ones.

Each ramp of identical versions has the default steps of five minutes, looked at every 30 s, after
an hour in which the stable version was alone. A worse version stays at 10% until it is found. A
round has 100 ramps of identical versions of each shape, and 4 of each fault.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from zlib import crc32

import numpy as np
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table

from bench.verdicts.fixed import requests_needed
from bench.verdicts.further_shapes import FURTHER
from bench.verdicts.shapes import FAULTS, NONE, SHAPES, Shape, Worsening
from bench.verdicts.simulate import Course, Weights, simulate
from bench.verdicts.verdicts import CompareRule, MannWhitney, Own, Threshold, Windows
from petmesh.ramp.conditions import Conditions
from petmesh.ramp.measurements import Observation

NAMES = ("petmesh", "petmesh before", "Flagger", "Kayenta")
ALIKE, WORSE = 100, 4
EVERY = (*SHAPES, *FURTHER)
# The others' verdicts are looked at in the first round.
OTHERS = 1
WEIGHT, INTERVAL = 10, 30.0
# A worse version is given up for not found after so many times the limit, or so many intervals.
PATIENCE, FEWEST = 2.0, 20
# The others' after an hour: Kayenta's takes the longer, the longer its step is.
OTHERS_MOST = 120
ALLOWED = 0.01
_Z = 1.96


class Found(BaseModel):
    """When a verdict took a canary back.

    Attributes:
        requests: how many had reached the canary.
        before: how many at the look before.
    """

    requests: float
    before: float


class Result(BaseModel):
    """What a round of a shape showed.

    Attributes:
        alike: when each verdict took back each of the identical versions; None for never.
        worse: when each canary with a fault was found, by verdict and fault.
        limits: the requests to the canary in which it should be.
    """

    shape: str
    round: int
    alike: dict[str, list[Found | None]]
    worse: dict[str, dict[str, list[Found | None]]]
    limits: dict[str, float]


def play(shape: str, number: int, limits: dict[str, float] | None) -> Result:
    """One round of a shape."""
    given = next(each for each in EVERY if each.name == shape)
    names = NAMES if number < OTHERS else NAMES[:1]
    seeds = range(number * ALIKE, (number + 1) * ALIKE)
    alike = {
        name: [ramp(given, NONE, Course(given.steps), seed, name) for seed in seeds]
        for name in names
    }
    limits = limits or {fault.name: limit(given, fault) for fault in FAULTS}
    seeds = range(number * WORSE, (number + 1) * WORSE)
    worse = {
        name: {
            fault.name: [
                ramp(given, fault, _course(given, limits[fault.name], name), seed, name)
                for seed in seeds
            ]
            for fault in FAULTS
        }
        for name in names
    }
    return Result(shape=shape, round=number, alike=alike, worse=worse, limits=limits)


def ramp(
    shape: Shape, fault: Worsening, course: Course, seed: int, name: str = NAMES[0]
) -> Found | None:
    """One ramp: when a verdict takes its canary back."""
    rng = np.random.default_rng([seed, crc32(shape.name.encode())])
    before: list[Observation] = []
    rule: CompareRule | None = None
    # A worse version is warm, unless that is the shape; one that is alike has the default's time.
    warm_up = 0.0 if fault != NONE and not shape.cold else Conditions().warm_up
    weights = Weights(course)
    requests = 0.0
    for seen in simulate(shape, fault, course, rng, weights):
        if seen.weight < 0:
            before.append(seen.observation)
            continue
        rule = rule or _rule(name, before, warm_up)
        taken_back = rule.take(seen)
        earlier, requests = requests, requests + seen.observation.canary.requests
        if taken_back or (taken_back is None and not weights.lower()):
            return Found(requests=requests, before=earlier)
    return None


def _rule(name: str, before: Sequence[Observation], warm_up: float) -> CompareRule:
    others: dict[str, Callable[[], CompareRule]] = {
        "petmesh before": Windows,
        "Flagger": Threshold,
        "Kayenta": MannWhitney,
    }
    return others[name]() if name in others else Own(before, warm_up=warm_up)


def limit(shape: Shape, fault: Worsening) -> float:
    """Twice what the best test of a fixed size needs; one of latencies waits for warmth, too."""
    rng = np.random.default_rng(crc32(f"{shape.name} {fault.name}".encode()))
    cold = Conditions().warm_up if shape.cold and not fault.fails else 0.0
    return 2 * requests_needed(shape, fault, WEIGHT, rng) + cold / INTERVAL * _canarys(shape)


def _course(shape: Shape, limit: float, name: str) -> Course:
    intervals = max(FEWEST, math.ceil(PATIENCE * limit / _canarys(shape)))
    if name != NAMES[0]:
        intervals = min(intervals, OTHERS_MOST)
    return Course((WEIGHT,), intervals * INTERVAL, INTERVAL)


def _canarys(shape: Shape) -> float:
    """The canary's requests in the first interval."""
    course = Course()
    begin = np.array([course.before * course.interval])
    return float(shape.rate(begin, course.seconds)[0]) * INTERVAL * WEIGHT / 100


def bounds(number: int, of: int) -> tuple[float, float]:
    """Wilson's 95% interval of a part."""
    part, weight = number / of, _Z**2 / of
    middle = part + weight / 2
    spread = math.sqrt(part * (1 - part) * weight + weight**2 / 4)
    return max(0.0, middle - spread) / (1 + weight), (middle + spread) / (1 + weight)


def main(arguments: Sequence[str]) -> int:
    """Simulate and print; returns the exit status: 1 where more than 1% are taken back."""
    parser = argparse.ArgumentParser(prog="bench.verdicts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="default: 4")
    parser.add_argument("--processes", type=int, default=2, help="default: 2")
    parser.add_argument("--shape", default="", help="those with this in their name")
    parser.add_argument(
        "--results", type=Path, help="keeps each round of each shape, and goes on where it ended"
    )
    options = parser.parse_args(arguments)
    shapes = [each for each in EVERY if options.shape in each.name]
    results = _kept(options.results)
    with ProcessPoolExecutor(options.processes) as pool:
        for numbers in ([0], range(1, options.rounds)):
            known = {(each.shape, each.round): each.limits for each in results}
            missing = [
                (shape.name, number, known.get((shape.name, 0)))
                for number in numbers
                for shape in shapes
                if (shape.name, number) not in known
            ]
            for future in as_completed([pool.submit(play, *each) for each in missing]):
                result = future.result()
                results.append(result)
                _tell(result)
                if options.results:
                    with options.results.open("a") as file:
                        file.write(result.model_dump_json() + "\n")
    return _print(shapes, results)


def _tell(result: Result) -> None:
    taken_back = sum(each is not None for each in result.alike[NAMES[0]])
    told = f"round {result.round + 1}, {result.shape}: {taken_back} of {ALIKE} taken back"
    print(told, file=sys.stderr, flush=True)


def _kept(path: Path | None) -> list[Result]:
    if not path or not path.exists():
        return []
    return [Result.model_validate_json(line) for line in path.read_text().splitlines()]


def _print(shapes: Iterable[Shape], results: Sequence[Result]) -> int:
    alike = Table("identical versions taken back", *NAMES, box=box.MARKDOWN)
    worse = {
        name: Table(f"{name}: until found", *(fault.name for fault in FAULTS), box=box.MARKDOWN)
        for name in NAMES
    }
    every = Table("all shapes: found in", *NAMES, box=box.MARKDOWN)
    excess = False
    for shape in shapes:
        own = [each for each in results if each.shape == shape.name]
        if not own:
            continue
        parts = {
            name: [found is not None for each in own for found in each.alike.get(name, ())]
            for name in NAMES
        }
        cells = [f"{sum(parts[name])} of {len(parts[name]):,}" for name in NAMES]
        low, high = bounds(sum(parts[NAMES[0]]), len(parts[NAMES[0]]))
        excess = excess or low > ALLOWED
        alike.add_row(shape.name, f"{cells[0]}: {100 * low:.1f} to {100 * high:.1f}%", *cells[1:])
        for name, table in worse.items():
            table.add_row(shape.name, *(_cell(name, fault.name, own) for fault in FAULTS))
    for fault in FAULTS:
        every.add_row(fault.name, *(_in_all(name, fault.name, shapes, results) for name in NAMES))
    console = Console(width=160)
    console.print(alike, *worse.values(), every)
    console.print(
        "Worse versions at weight 10: the canary's requests until half of them are found; of twice "
        "what the best test of a fixed size needs. !: the look before was beyond that, too"
    )
    return int(excess)


def _cell(name: str, fault: str, results: Sequence[Result]) -> str:
    limit = results[0].limits[fault]
    middle = _middle(name, fault, results)
    needed = f"{middle.requests:,.0f}" if math.isfinite(middle.requests) else "not found"
    return f"{needed} of {limit:,.0f}{'!' if middle.before > limit else ''}"


def _middle(name: str, fault: str, results: Iterable[Result]) -> Found:
    """When the median canary with a fault was found; of an even number, the later one of two."""
    missed = Found(requests=math.inf, before=math.inf)
    found = [each for result in results for each in result.worse.get(name, {}).get(fault, ())]
    return sorted((each or missed for each in found), key=lambda each: each.requests)[
        len(found) // 2
    ]


def _in_all(name: str, fault: str, shapes: Iterable[Shape], results: Sequence[Result]) -> str:
    """In how many shapes it is found, and the median of these."""
    middles = [
        _middle(name, fault, own).requests
        for shape in shapes
        if (own := [each for each in results if each.shape == shape.name])
    ]
    found = [each for each in middles if math.isfinite(each)]
    median = f": {np.median(found):,.0f}" if found else ""
    return f"{len(found)} of {len(middles)}{median}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
