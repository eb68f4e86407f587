"""The ramp's state machine under any order of verdicts, faults, requests and kills."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import (
    EVENT,
    Approve,
    Done,
    Event,
    Failed,
    Interrupt,
    Judged,
    MetricsFailed,
    Pause,
    Restarted,
    Resume,
    RollBack,
)
from petmesh.ramp.machine import (
    ACTING,
    FINAL,
    WATCHED,
    Action,
    ActionKind,
    Phase,
    State,
    advance,
    begin,
)
from petmesh.ramp.measurements import Figures, Observation
from petmesh.ramp.plan import PROMOTION, Gate, Kind, OnInterrupt, Plan

SEEN = Observation(
    seconds=10,
    stable=Figures(requests=900, errors=0, p50=5, p99=20),
    canary=Figures(requests=100, errors=0, p50=5, p99=20),
)


def judged(outcome: Outcome, held: float, seen: Observation = SEEN) -> Judged:
    return Judged(outcome=outcome, reason="figures", held=held, observation=seen)


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


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = (*sorted(draw(st.sets(st.integers(1, 99), max_size=3))), 100)
    gates: list[Gate] = [*steps, PROMOTION]
    return Plan(
        steps=steps,
        hold=10,
        failures=draw(st.integers(1, 3)),
        patience=30,
        wait=50,
        gates=tuple(draw(st.sets(st.sampled_from(gates), max_size=3))),
        testers_hold=draw(st.sampled_from([0, 10])),
        mirror_percent=draw(st.sampled_from([0, 50])),
        mirror_hold=10,
        on_interrupt=draw(st.sampled_from(list(OnInterrupt))),
        rollback_attempts=draw(st.integers(1, 3)),
    )


EVENTS = st.one_of(
    st.builds(judged, st.sampled_from(list(Outcome)), st.sampled_from([0.0, 10.0, 60.0])),
    st.builds(MetricsFailed, reason=st.just("refused"), lasting=st.sampled_from([5.0, 30.0])),
    st.sampled_from([Pause(), Resume(), RollBack(), Interrupt()]),
    st.builds(Approve, gate=st.sampled_from(["10", "100", PROMOTION])),
)
MOVES = st.one_of(
    st.tuples(st.just("event"), EVENTS),
    st.tuples(st.just("carry out"), st.tuples(st.booleans(), st.booleans())),
    st.tuples(st.just("approve"), st.none()),
    st.tuples(st.just("kill"), st.none()),
)


def play(plan: Plan, moves: list[tuple[str, Any]]) -> World:
    world = World(plan)
    for move, argument in moves:
        if move == "event":
            world.send(argument)
        elif move == "carry out":
            in_force, reported = argument
            world.carry_out(in_force=in_force, reported=reported)
        elif move == "approve":
            approve(world)
        else:
            world.restart()
    return world


def approve(world: World) -> None:
    if world.state.phase is Phase.WAITING:
        world.send(Approve(gate=world.plan.gate_name(world.state.stage + 1)))


@settings(max_examples=500, deadline=None)
@given(plans(), st.lists(MOVES, max_size=60))
def test_nothing_goes_beyond_what_was_approved_and_every_end_is_what_it_says(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    play(plan, moves)


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(MOVES, max_size=40))
def test_a_rollback_from_anywhere_ends_at_zero_unless_the_canary_is_promoted(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    for _ in range(3):
        world.carry_out(in_force=True, reported=True)
    world.send(RollBack())
    world.carry_out(in_force=True, reported=True)
    assert world.state.phase in FINAL
    assert world.in_force == (100 if world.state.phase is Phase.PROMOTED else 0)


HARMLESS = st.one_of(
    st.tuples(st.just("event"), st.sampled_from([Pause(), Resume(), judged(Outcome.PASS, 0)])),
    st.tuples(st.just("event"), st.just(judged(Outcome.NOT_ENOUGH_DATA, 0))),
    st.tuples(st.just("carry out"), st.tuples(st.sampled_from([True]), st.booleans())),
    st.tuples(st.just("approve"), st.none()),
    st.tuples(st.just("kill"), st.none()),
)


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(HARMLESS, max_size=40))
def test_pauses_and_kills_never_keep_a_good_canary_from_its_promotion(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    for _ in range(60):
        world.carry_out(in_force=True, reported=True)
        world.send(Resume())
        world.send(judged(Outcome.PASS, 10))
        approve(world)
    assert world.state.phase is Phase.PROMOTED


@settings(max_examples=200, deadline=None)
@given(plans(), st.lists(MOVES, max_size=40), st.lists(MOVES, max_size=10))
def test_an_ended_ramp_stays_ended(
    plan: Plan, moves: list[tuple[str, Any]], more: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    if world.state.phase in FINAL:
        ended = world.state
        for move, argument in more:
            if move == "event":
                world.send(argument)
        assert world.state == ended


def straight(plan: Plan) -> tuple[list[str], World]:
    """Everything passes; the actions in order."""
    world, actions = World(plan), list[str]()
    for _ in range(40):
        if world.action:
            split = f"{world.action.weight}/{world.action.mirror}"
            actions.append("promote" if world.action.kind is ActionKind.PROMOTE else split)
            world.carry_out(in_force=True, reported=True)
        world.send(judged(Outcome.PASS, 10))
    return actions, world


def test_a_good_canary_goes_through_every_step_and_is_promoted() -> None:
    actions, world = straight(Plan(hold=10))
    assert actions == ["10/0", "25/0", "50/0", "100/0", "promote"]
    assert world.state.phase is Phase.PROMOTED


def test_testers_come_before_the_mirror_and_the_mirror_before_any_weight() -> None:
    actions, _ = straight(
        Plan(steps=(100,), hold=10, testers_hold=5, mirror_percent=20, mirror_hold=5)
    )
    assert actions == ["0/0", "0/20", "100/0", "promote"]


def test_testers_need_not_be_many() -> None:
    world = World(Plan(testers_hold=10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 10))
    assert world.action == Action(ActionKind.SPLIT, 10, 0)


def test_testers_who_see_failures_are_not_enough_though_they_are_few() -> None:
    world = World(Plan(testers_hold=10, wait=50))
    world.carry_out(in_force=True, reported=True)
    bad = SEEN.model_copy(update={"canary": Figures(requests=8, errors=6)})
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 10, bad))
    assert (world.state.phase, world.action) == (Phase.WATCHING, None)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 60, bad))
    assert world.state.phase is Phase.ROLLING_BACK


def test_a_gate_holds_the_weight_until_it_and_no_other_is_approved() -> None:
    world = World(Plan(steps=(10, 50, 100), hold=10, gates=(50, PROMOTION)))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    assert (world.state.phase, world.in_force) == (Phase.WAITING, 10)
    world.send(Approve(gate=PROMOTION))
    assert world.state.phase is Phase.WAITING
    world.send(Approve(gate="50"))
    world.carry_out(in_force=True, reported=True)
    assert world.in_force == 50


def test_an_approval_before_anything_waits_for_it_opens_nothing() -> None:
    world = World(Plan(steps=(10, 50, 100), hold=10, gates=(50,)))
    world.carry_out(in_force=True, reported=True)
    world.send(Approve(gate="50"))
    assert (world.state.phase, world.state.weight) == (Phase.WATCHING, 10)
    world.send(judged(Outcome.PASS, 10))
    assert world.state.phase is Phase.WAITING


def test_a_pause_during_a_change_holds_what_the_change_sets() -> None:
    world = World(Plan(hold=10))
    world.send(Pause())
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 10)
    world.send(judged(Outcome.PASS, 10))
    assert world.state.phase is Phase.PAUSED


@settings(max_examples=300, deadline=None)
@given(
    plans(),
    st.lists(MOVES, max_size=40),
    st.lists(st.sampled_from([Pause(), Resume(), None]), min_size=1, max_size=5),
)
def test_the_last_of_pause_and_resume_counts_whatever_is_under_way_and_though_it_is_killed(
    plan: Plan, moves: list[tuple[str, Any]], asked: list[Pause | Resume | None]
) -> None:
    world = play(plan, moves)
    goes_on = world.state.phase is Phase.APPLYING or world.state.phase in WATCHED
    requests = [event for event in asked if event]
    if goes_on and requests:
        for event in asked:
            world.send(event) if event else world.restart()
        world.carry_out(in_force=True, reported=True)
        assert (world.state.phase is Phase.PAUSED) == isinstance(requests[-1], Pause)


def test_a_ramp_that_cannot_go_back_names_the_highest_weight_that_may_be_in_force() -> None:
    world = World(Plan(steps=(10, 25, 100), hold=10, rollback_attempts=1))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.carry_out(in_force=True, reported=False)
    world.send(RollBack())
    world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.STUCK, 25)

    # What is read then may be older than what reached the proxies.
    world.send(Restarted(weight=10, mirror=0))
    world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.STUCK, 25)


@pytest.mark.parametrize("event", [RollBack(), Interrupt()])
def test_a_promotion_that_is_under_way_is_finished(event: Event) -> None:
    world = World(Plan(steps=(100,), hold=10))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 10))
    world.send(event)
    assert world.action == Action(ActionKind.PROMOTE)
    world.carry_out(in_force=True, reported=True)
    assert world.state.phase is Phase.PROMOTED


def test_a_ramp_that_waits_or_is_paused_still_goes_back_when_its_canary_turns_bad() -> None:
    for hold in (Pause(), judged(Outcome.PASS, 10)):
        world = World(Plan(steps=(10, 100), hold=10, gates=(100,), failures=2))
        world.carry_out(in_force=True, reported=True)
        world.send(hold)
        assert world.state.phase in (Phase.PAUSED, Phase.WAITING)
        world.send(judged(Outcome.FAIL, 20))
        world.send(judged(Outcome.FAIL, 30))
        assert world.action == Action(ActionKind.SPLIT, 0, 0)


@pytest.mark.parametrize("between", [Outcome.NOT_ENOUGH_DATA, Outcome.PASS])
def test_only_a_pass_breaks_a_row_of_failures(between: Outcome) -> None:
    world = World(Plan(failures=2))
    world.carry_out(in_force=True, reported=True)
    for outcome in (Outcome.FAIL, between, Outcome.FAIL):
        world.send(judged(outcome, 1))
    back = world.state.phase is Phase.ROLLING_BACK
    assert back == (between is Outcome.NOT_ENOUGH_DATA)


def test_a_silent_metrics_source_is_borne_for_so_long_and_no_longer() -> None:
    world = World(Plan(patience=30))
    world.carry_out(in_force=True, reported=True)
    world.send(MetricsFailed(reason="refused", lasting=29))
    assert world.state.phase is Phase.WATCHING
    world.send(MetricsFailed(reason="refused", lasting=30))
    assert world.state.phase is Phase.ROLLING_BACK
    assert "refused" in world.state.reason


def test_without_enough_data_a_step_waits_and_then_goes_back() -> None:
    world = World(Plan(hold=10, wait=50))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 59))
    assert world.state.phase is Phase.WATCHING
    world.send(judged(Outcome.NOT_ENOUGH_DATA, 60))
    assert world.state.phase is Phase.ROLLING_BACK


def test_an_interrupt_pauses_where_that_was_asked_for() -> None:
    world = World(Plan(on_interrupt=OnInterrupt.PAUSE))
    world.send(Interrupt())
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight, world.state.left) == (Phase.PAUSED, 10, True)


def test_a_weight_that_someone_changed_is_set_again_by_the_process_that_takes_over() -> None:
    world = World(Plan())
    world.carry_out(in_force=True, reported=True)
    world.send(Restarted(weight=0, mirror=0))
    assert world.action == Action(ActionKind.SPLIT, 10, 0)


def test_a_paused_ramp_is_still_paused_once_its_weight_is_set_again() -> None:
    world = World(Plan())
    world.carry_out(in_force=True, reported=True)
    world.send(Pause())
    world.send(Restarted(weight=0, mirror=0))
    world.carry_out(in_force=True, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 10)


def test_a_promotion_that_fails_again_and_again_pauses_at_100() -> None:
    world = World(Plan(steps=(100,), hold=0))
    world.carry_out(in_force=True, reported=True)
    world.send(judged(Outcome.PASS, 0))
    for _ in range(3):
        world.carry_out(in_force=False, reported=True)
    assert (world.state.phase, world.state.weight) == (Phase.PAUSED, 100)


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(MOVES, max_size=40))
def test_so_many_failures_in_a_row_end_a_ramp_from_any_watched_phase(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    if world.state.phase in WATCHED:
        for _ in range(plan.failures):
            world.send(judged(Outcome.FAIL, 0))
        assert world.state.phase is Phase.ROLLING_BACK


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(MOVES, max_size=40))
def test_metrics_that_are_missing_past_the_patience_end_a_ramp_from_any_watched_phase(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    if world.state.phase in WATCHED:
        world.send(MetricsFailed(reason="refused", lasting=plan.patience))
        assert world.state.phase is Phase.ROLLING_BACK


@settings(max_examples=300, deadline=None)
@given(
    plans(),
    st.lists(MOVES, max_size=40),
    st.sampled_from(list(Outcome)),
    st.sampled_from([0.1, 0.0]),
)
def test_no_next_stage_before_the_hold_and_a_pass(
    plan: Plan, moves: list[tuple[str, Any]], outcome: Outcome, early: float
) -> None:
    world = play(plan, moves)
    before = world.state
    if before.phase in WATCHED and before.stage >= 0:
        stage = plan.stages[before.stage]
        world.send(judged(outcome, stage.hold - early))
        testers = stage.kind is Kind.TESTERS and outcome is not Outcome.FAIL
        if early or not (outcome is Outcome.PASS or testers):
            assert world.state.stage == before.stage
            assert world.state.phase in (before.phase, Phase.ROLLING_BACK)
