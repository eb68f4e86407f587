"""Judges a canary, interval by interval."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from petmesh.ramp.conditions import Conditions, Outcome, Verdict
from petmesh.ramp.evidence import Evidence, Interval
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.scores import beside, later, learned_before, more_failures, more_than
from petmesh.ramp.spreads import NOTHING_LEARNED
from petmesh.ramp.wording import bad, latencies, nowhere, success, summary

# The parts of a condition's risk: latencies are compared in three ways. The rest is for what the
# models of identical versions miss.
_PARTS = {"failures": 0.6, "latency": 0.1, "slowest": 0.3, "farthest": 0.3}
# What varies as something else does.
_LIKE = {"success rate": "failures", "p50": "latency", "p99": "slowest"}
# With so much of the evidence that a proof needs, a step doesn't pass but waits for more; what is
# no proof in so many intervals is none.
_SUSPECTED, _MOST_SUSPICIONS = 0.5, 10
# The routing of single requests is random, but never halves the share of hundreds.
_LEAST_OF_SHARE = 0.5
# A canary fails at once that fails more than a half, and the stable version no twentieth.
_OBVIOUS, _OBVIOUS_ERRORS, _STABLE_AT_MOST = 0.5, 10, 0.05
# So many failures in an interval, and so many more than the stable version's, are looked at soon.
_ALARMING, _ALARMING_ERRORS, _ALARMING_SLOW = 0.05, 5, 5
# Beside so small a part of the canary's requests nothing can be compared.
_ALONE = 0.01
# With no stable version beside it, the canary may fail so much more than that did at its worst, and
# may have half of its answers slower than the stable version's slowest hundredth.
_MORE_THAN_EVER, _MUCH_SLOWER, _SLOWEST = 0.05, 0.5, 0.99
# So many intervals in a row in which it has more are no chance.
_LOOKS_ALONE = 2
_BLOCK = 100
_OWN, _ALONE_TOO = "own ", " alone"


class Judge:
    """What is known of a canary so far, and the verdict on it.

    Args:
        conditions: what the canary must hold to.
        before: intervals before the ramp, of which the stable version's figures count.

    Attributes:
        alarmed: whether so much failed in the latest interval that the next look should be soon.
    """

    def __init__(self, conditions: Conditions, before: Sequence[Observation] = ()) -> None:
        self._conditions = conditions
        # The stable version's figures until each interval, before the ramp and in it.
        self._until = list(accumulate((each.stable for each in before), initial=Figures()))
        self._evidence: dict[str, Evidence] = {}
        self._priors = learned_before(before)
        self._warm: float | None = None
        self.alarmed = False
        self._strange: list[str] = []
        self.begin_stage()

    def begin_stage(self) -> None:
        """Begin a step: its requests are counted anew; the evidence stays."""
        self._canary = self._stable = self._judged = Figures()
        self._due = self._arrived = 0.0
        self._suspicions = self._strange_alone = self._looks = 0
        for each in self._evidence.values():
            each.begin()

    def take(self, seen: Observation, due: float | None = 0.0) -> Verdict:
        """Take a further interval.

        Args:
            seen: both versions in the interval.
            due: how many of its requests should have reached the canary; 0 where that isn't known,
                None where its requests aren't drawn from all: those of testers are their own.
        """
        self._looks += 1
        warm = self._is_warm(seen)
        alone = _is_alone(seen.canary, seen.stable)
        self._canary += seen.canary
        self._stable += seen.stable
        if warm:
            self._judged += seen.canary
        if not alone:
            self._until.append(self._ever + seen.stable)
        others = self._stretches(1) if alone else [seen.stable]
        self.alarmed = _is_alarming(seen.canary, others)
        strange = [*self._strange_of(seen.canary, others, warm=warm)]
        if alone:
            strange += self._strange_of(self._canary, self._stretches(self._looks), warm=warm)
        kind = _ALONE_TOO if alone else ""
        self._strange = [f"{each}{kind}" for each in dict.fromkeys(strange)]
        self._strange_alone = self._strange_alone + 1 if alone and strange else 0
        failed = [*self._obvious(seen), *self._missing(seen, due or 0.0)]
        if not alone and due is not None:
            self._compare(seen, warm=warm)
        self._limit(seen, warm=warm)
        if not failed:
            failed = list(self._proven())
        return self._verdict(failed)

    def is_broken(self, seen: Observation) -> bool:
        """Whether it would fail at once, by a part of an interval."""
        return any(self._obvious(seen))

    def _is_warm(self, seen: Observation) -> bool:
        """Whether an interval counts for the latency."""
        if self._warm is None and seen.canary.requests:
            self._warm = 0.0
        elif self._warm is not None and self._warm < self._conditions.warm_up:
            self._warm += seen.seconds
        return self._warm is not None and self._warm >= self._conditions.warm_up

    def _compare(self, seen: Observation, *, warm: bool) -> None:
        canary, stable = seen.canary, self._with_margin(seen.stable)
        known = self._with_margin(self._ever) + canary
        for name, interval in beside(canary, stable, known):
            compared = "failures" if name == "failures" else "latency"
            if compared in self._conditions.compare and (warm or compared == "failures"):
                self._add(name, interval)
        for name in self._compared_own:
            own, others = canary.counted(name), stable.counted(name)
            self._add(f"{_OWN}{name}", more_failures(own, others, own + others))

    def _with_margin(self, stable: Figures) -> Figures:
        margin = self._conditions.latency_margin_ms
        return later(stable, margin) if margin else stable

    def _strange_of(
        self, canary: Figures, others: Sequence[Figures], *, warm: bool
    ) -> Iterator[str]:
        """What is far worse than the others' in figures that may be few."""
        compare = self._conditions.compare
        if "failures" in compare and _is_alarming(canary, others):
            yield "failures"
        for name in self._compared_own:
            if _is_alarming(canary.counted(name), [each.counted(name) for each in others]):
                yield f"{_OWN}{name}"
        # Most of its answers are slower than all but a few of the stable version's.
        slowest = _bound(self._with_margin(self._ever), _SLOWEST)
        if "latency" in compare and warm and slowest in canary.within:
            slow, allowed = canary.slower_than(slowest), _slow_at_most(others, slowest)
            if slow >= _ALARMING_SLOW and slow > canary.answers * allowed:
                yield "latency"

    def _limit(self, seen: Observation, *, warm: bool) -> None:
        """Hold an interval against the limits that are asked for."""
        canary, wanted = seen.canary, self._conditions.success_rate
        if wanted is not None:
            allowed = 1 - wanted / 100
            interval = more_than(canary.errors, canary.requests, allowed)
            self._add("success rate", interval)
        for name, limit, part in self._latency_limits():
            bound = min((each for each in canary.within if each >= limit), default=None)
            if warm and bound is not None:
                slow = canary.slower_than(bound)
                self._add(name, more_than(slow, canary.answers, 1 - part))
        for name, percent in self._conditions.own.items():
            if percent is not None:
                own = canary.counted(name)
                self._add(f"{_OWN}{name}", more_than(own.errors, own.requests, percent / 100))

    def _latency_limits(self) -> Iterator[tuple[str, float, float]]:
        for name, limit, part in (
            ("p50", self._conditions.p50_ms, 0.5),
            ("p99", self._conditions.p99_ms, 0.99),
        ):
            if limit is not None:
                yield name, limit, part

    def _add(self, name: str, interval: Interval) -> None:
        if name not in self._evidence:
            self._evidence[name] = Evidence(
                self._priors.get(_LIKE.get(name, name), NOTHING_LEARNED)
            )
        self._evidence[name].add(interval)

    def _obvious(self, seen: Observation) -> Iterator[str]:
        """A canary that fails many of its requests, in an interval or in the step."""
        if not self._asked:
            return
        for canary, stable, looks in (
            (seen.canary, seen.stable, 1),
            (self._canary, self._stable, self._looks),
        ):
            if canary.errors < _OBVIOUS_ERRORS or canary.failing <= _OBVIOUS:
                continue
            alone = _is_alone(canary, stable)
            others = self._stretches(looks) if alone else [stable]
            usual = max(each.failing for each in others)
            if usual <= _STABLE_AT_MOST or (alone and canary.failing > usual + _MORE_THAN_EVER):
                beside = f"earlier {success(self._ever)}" if alone else success(stable)
                yield f"success {success(canary)}, stable {beside}"
                return

    def _missing(self, seen: Observation, due: float) -> Iterator[str]:
        """Far fewer requests than should have reached it."""
        self._due += due
        self._arrived += seen.canary.requests if due else 0.0
        if self._due >= self._conditions.min_requests:
            if self._arrived < self._due * _LEAST_OF_SHARE:
                yield (
                    f"{self._arrived:.0f} requests reached it of about {self._due:.0f} that are "
                    "its share"
                )
            self._due = self._arrived = 0.0

    def _proven(self, part: float = 1.0) -> Iterator[str]:
        """What can't be chance any more at the risk that is allowed, or what is on its way there.

        Args:
            part: of the evidence that this needs, as a logarithm.
        """
        for name, evidence in self._evidence.items():
            if evidence.log > part * math.log(100 / self._conditions.risk / self._part(name)):
                yield self._told(name)

    def _part(self, name: str) -> float:
        """The part of the risk that is for one evidence."""
        return _PARTS.get(name, 1.0) / self._asked

    @property
    def _asked(self) -> int:
        """How many conditions there are."""
        conditions = self._conditions
        limits = (conditions.success_rate, conditions.p50_ms, conditions.p99_ms)
        asked = len(conditions.compare) + sum(each is not None for each in limits)
        return asked + len(conditions.own)

    @property
    def _compared_own(self) -> list[str]:
        """The user's own counts that are held against the stable version's."""
        return [name for name, allowed in self._conditions.own.items() if allowed is None]

    def _told(self, name: str) -> str:
        canary, stable = self._canary, self._stable
        beside = self._ever if name.endswith(_ALONE_TOO) else stable
        earlier = " earlier" if name.endswith(_ALONE_TOO) else ""
        if name.startswith(_OWN):
            own = name.removeprefix(_OWN).removesuffix(_ALONE_TOO)
            return f"{own}: {bad(canary, own)}, stable{earlier} {bad(beside, own)}"
        match name.partition(" ")[0]:
            case "failures":
                return f"success {success(canary)}, stable{earlier} {success(beside)}"
            case "success":
                wanted = self._conditions.success_rate
                return f"success {success(canary)}, at least {wanted:g}% is asked for"
            case "latency" | "slowest" | "farthest":
                own, others = latencies(canary), latencies(beside) or "not known"
                return f"slower than stable{earlier}: {own}; stable {others}"
            case _:
                limit = self._conditions.p50_ms if name == "p50" else self._conditions.p99_ms
                return f"{latencies(canary)}; a {name} of at most {limit:g} ms is asked for"

    def _verdict(self, failed: Sequence[str]) -> Verdict:
        canary, conditions = self._canary, self._conditions
        if failed:
            return Verdict(Outcome.FAIL, "; ".join(dict.fromkeys(failed)))
        if self._strange_alone >= _LOOKS_ALONE:
            return Verdict(Outcome.NOT_COMPARABLE, "; ".join(map(self._told, self._strange)))
        clean = canary.failing <= self._fails_at_most()
        judged = self._judged if self._needs_latency else canary
        if judged.requests < conditions.min_requests:
            seen = f", {canary.errors:.0f} failed{nowhere(canary)}" if canary.errors else ""
            text = (
                f"{judged.requests:.0f} of the {conditions.min_requests} requests that a verdict "
                f"needs{self._warming}{seen}"
            )
            return Verdict(Outcome.NOT_ENOUGH_DATA, text, clean=clean)
        suspected: list[str] = []
        if self._suspicions < _MOST_SUSPICIONS:
            suspected = [f"{each}: it may be chance" for each in self._proven(_SUSPECTED)]
        self._suspicions += bool(suspected)
        if unknown := [*self._unknown(), *self._over(), *suspected]:
            return Verdict(Outcome.NOT_ENOUGH_DATA, "; ".join(dict.fromkeys(unknown)), clean=clean)
        alone = _is_alone(canary, self._stable)
        stable, earlier = (self._ever, " earlier") if alone else (self._stable, "")
        beside = f", stable{earlier} {summary(stable)}" if stable.requests else ""
        text = f"{canary.requests:.0f} requests: {summary(canary)}{beside}"
        return Verdict(Outcome.PASS, text, clean=clean)

    def _unknown(self) -> Iterator[str]:
        """What is asked for and not known; nothing unknown is good."""
        conditions = self._conditions
        if conditions.compare and self._ever.requests < conditions.min_requests:
            yield "no figures of the stable version are known yet"
        elif "latency" in conditions.compare and not _has_latencies(self._beside_it):
            yield "stable's latencies are not known"
        elif "latency" in conditions.compare and not self._has_common_bounds:
            yield "stable's latencies are not known by the same bounds"
        if self._needs_latency and not _has_latencies(self._judged):
            yield "its latencies are not known"
        for name in conditions.own:
            if not self._canary.counted(name).requests:
                yield f"its {name} is not known"
            elif name in self._compared_own and not self._beside_it.counted(name).requests:
                yield f"stable's {name} is not known"
        for name, limit, _ in self._latency_limits():
            if not any(bound >= limit for bound in self._judged.within):
                yield f"its {name} is not known: the histogram has no bound from {limit:g} ms on"

    def _over(self) -> Iterator[str]:
        """Limits that it is beyond, though that may be chance."""
        wanted, rate = self._conditions.success_rate, self._canary.success_rate
        if wanted is not None and rate is not None and rate < wanted:
            text = f"success {success(self._canary)}, at least {wanted:g}% is asked for"
            yield f"{text}: it may be chance"
        for name, limit, part in self._latency_limits():
            bound = min((each for each in self._judged.within if each >= limit), default=None)
            slow = self._judged.slower_than(bound) if bound is not None else 0.0
            if slow > (1 - part) * self._judged.answers:
                yield f"{name} beyond {limit:g} ms: it may be chance"
        for name in self._strange:
            yield f"{self._told(name)}: it may be chance"
        if self._asked and self._canary.failing > _OBVIOUS:
            yield f"success {success(self._canary)}: what fails more than a half never passes"

    def _fails_at_most(self) -> float:
        """What part of few requests may fail before that speaks against the canary."""
        wanted = self._conditions.success_rate
        if wanted is not None:
            return 1 - wanted / 100
        compared = "failures" in self._conditions.compare
        return self._ever.failing + _MORE_THAN_EVER if compared else 1.0

    @property
    def _beside_it(self) -> Figures:
        """The stable version's figures in the step, or where the canary is alone, until now."""
        return self._ever if _is_alone(self._canary, self._stable) else self._stable

    @property
    def _has_common_bounds(self) -> bool:
        """Whether the stable version has most of the canary's bounds: few may tell nothing."""
        judged = self._judged.within.keys()
        return 2 * len(judged & self._beside_it.within.keys()) >= len(judged)

    @property
    def _needs_latency(self) -> bool:
        return "latency" in self._conditions.compare or any(self._latency_limits())

    @property
    def _warming(self) -> str:
        warm = self._warm is not None and self._warm >= self._conditions.warm_up
        return "" if warm or not self._needs_latency else " once it is warm"

    @property
    def _ever(self) -> Figures:
        """The stable version's figures until now."""
        return self._until[-1]

    def _stretches(self, intervals: int) -> list[Figures]:
        """The stable version's figures in each so many intervals in a row.

        Those with few requests are left out: chance alone makes them worse than they are.
        """
        ends = self._until[intervals:]
        found = [late.since(early) for early, late in zip(self._until, ends, strict=False)]
        return [each for each in found if each.requests >= _BLOCK] or [self._ever]


def _is_alone(canary: Figures, stable: Figures) -> bool:
    return stable.requests < _ALONE * canary.requests


def _is_alarming(canary: Figures, others: Sequence[Figures]) -> bool:
    usual = max(each.failing for each in others)
    return canary.errors >= _ALARMING_ERRORS and canary.failing > usual + _ALARMING


def _bound(figures: Figures, part: float) -> float:
    """The first bound that a part of the answers stayed within, or the last; infinity for none."""
    bounds = sorted(figures.within)
    last = bounds[-1] if bounds else math.inf
    return next((b for b in bounds if figures.within[b] >= part * figures.answers), last)


def _slow_at_most(others: Sequence[Figures], bound: float) -> float:
    """The part of the canary's answers that may be slower than a bound."""
    parts = [
        each.slower_than(bound) / each.answers
        for each in others
        if each.answers and bound in each.within
    ]
    return max([_MUCH_SLOWER, *parts])


def _has_latencies(figures: Figures) -> bool:
    """Whether most answers' latency is known; none is needed where nothing was answered."""
    answered = figures.requests - figures.errors
    return bool(figures.within) and figures.answers >= answered / 2
