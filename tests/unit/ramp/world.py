"""A world that a ramp's state machine acts on, where anything may fail."""

from dataclasses import dataclass, field

from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import EVENT, Approve, Done, Event, Failed, Judged, Restarted
from petmesh.ramp.machine import ACTING, Action, ActionKind, Phase, State, advance, begin
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import Plan
from tests.unit.ramp.fakes import SERVICE

SEEN = Observation(
    seconds=10, stable=Figures(requests=900, errors=0), canary=Figures(requests=100, errors=0)
)


def judged(outcome: Outcome, held: float, *, clean: bool = False) -> Judged:
    return Judged(
        outcome=outcome, reason="figures", held=held, clean=clean, observations={SERVICE: SEEN}
    )


@dataclass
class World:
    """A ramp, what its actions did to the mesh, and what was approved."""

    plan: Plan
    state: State = field(init=False)
    action: Action | None = field(init=False)
    in_force: int = 0
    promoted: bool = False
    approved: int = 0
    happened: list[Event] = field(default_factory=list[Event])

    def __post_init__(self) -> None:
        transition = begin(self.plan)
        self.state, self.action = transition.state, transition.action
        self.check()

    def send(self, event: Event) -> None:
        self.happened.append(event)
        before = self.state
        if isinstance(event, Approve) and before.phase is Phase.WAITING:
            self.approved += event.gate == self.plan.gate_name(before.stage + 1)
        transition = advance(self.plan, before, event)
        self.state = transition.state
        if transition.action:
            self.action = transition.action
        elif self.state.phase not in ACTING:
            self.action = None
        self.check()

    def carry_out(self, *, in_force: bool, reported: bool) -> None:
        """Do the action, wholly or not, and tell of it, or be killed before."""
        if self.action is None:
            return
        if in_force:
            self.promoted = self.action.kind is ActionKind.PROMOTE
            self.in_force = 100 if self.promoted else self.action.weight
        if reported:
            self.send(Done() if in_force else Failed(reason="refused"))
        else:
            self.restart()

    def restart(self) -> None:
        """Kill the process; the next one takes up what the journal holds."""
        replayed = World.replay(self.plan, self.happened)
        assert replayed == self.state
        self.action = None
        self.send(Restarted(weight=self.in_force, mirror=self.state.mirror))

    @staticmethod
    def replay(plan: Plan, events: list[Event]) -> State:
        state = begin(plan).state
        for event in events:
            state = advance(plan, state, EVENT.validate_json(event.model_dump_json())).state
        return state

    def check(self) -> None:
        """What holds at any moment."""
        allowed = self.plan.may_begin(self.approved)
        highest = max((stage.weight for stage in self.plan.stages[:allowed]), default=0)
        assert self.in_force <= highest
        if self.action and self.action.kind is ActionKind.SPLIT:
            assert self.action.weight <= highest
        if self.action and self.action.kind is ActionKind.PROMOTE:
            assert allowed > len(self.plan.stages)
        if self.state.phase in ACTING:
            assert self.action is not None
        else:
            stuck = self.state.phase is Phase.STUCK
            assert self.state.weight == self.in_force or (
                stuck and self.state.weight > self.in_force
            )
        if self.state.phase is Phase.ROLLED_BACK:
            assert self.in_force == 0
        if self.state.phase is Phase.PROMOTED:
            assert self.promoted
