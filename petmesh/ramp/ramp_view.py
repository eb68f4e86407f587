"""What a watcher of a ramp wants to see, gathered from its journal line by line."""

import time
from dataclasses import dataclass, field

from petmesh.ramp.events import Judged, MetricsFailed
from petmesh.ramp.header import RampHeader
from petmesh.ramp.journal import Entry
from petmesh.ramp.machine import Phase, State, begin, begins_a_hold
from petmesh.ramp.measurements import Observation
from petmesh.ramp.target import Observations


@dataclass
class RampView:
    """A ramp up to its latest line.

    Attributes:
        header: what the ramp was asked to do.
        state: where it stands.
        verdict: the latest one, or why there is none, in one line.
        observations: the latest figures, by service.
        errors: each canary's error rates in percent, the latest last.
        since: when the present hold began, by `time.monotonic`.
    """

    header: RampHeader
    state: State = field(init=False)
    verdict: str = ""
    observations: Observations = field(default_factory=dict[str, Observation])
    errors: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.state = begin(self.header.plan).state

    def entry(self, entry: Entry) -> None:
        """Take a line."""
        if begins_a_hold(self.state.phase, entry.state.phase):
            self.since = time.monotonic()
        self.state = entry.state
        if isinstance(entry.event, Judged):
            self.verdict = f"{entry.event.outcome.value}: {entry.event.reason}"
            self.observations = entry.event.observations
            for service, each in self.observations.items():
                rate = each.canary.success_rate
                self.errors.setdefault(service, []).append(0.0 if rate is None else 100 - rate)
        elif isinstance(entry.event, MetricsFailed):
            self.verdict = f"no metrics: {entry.event.reason}"

    @property
    def left(self) -> float | None:
        """Seconds until the stage may end; None where it isn't time that it waits for."""
        if self.state.phase is not Phase.WATCHING or self.state.stage < 0:
            return None
        hold = self.header.plan.stages[self.state.stage].hold
        return max(0.0, hold - (time.monotonic() - self.since))

    @property
    def where(self) -> str:
        """The stage and its number."""
        stages = self.header.plan.stages
        if self.state.stage < 0:
            return "before the first step"
        return f"{stages[self.state.stage]} ({self.state.stage + 1} of {len(stages)})"
