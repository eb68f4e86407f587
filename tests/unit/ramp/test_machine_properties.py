"""The ramp's state machine under any order of verdicts, faults, requests and kills."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from petmesh.ramp.conditions import Outcome
from petmesh.ramp.events import Approve, Interrupt, MetricsFailed, Pause, Resume, RollBack
from petmesh.ramp.machine import FINAL, WATCHED, Phase
from petmesh.ramp.plan import PROMOTION, Gate, Kind, OnInterrupt, Plan
from tests.unit.ramp.world import World, judged


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = (*sorted(draw(st.sets(st.integers(1, 99), max_size=3))), 100)
    gates: list[Gate] = [*steps, PROMOTION]
    return Plan(
        steps=steps,
        hold=10,
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


@settings(max_examples=300, deadline=None)
@given(plans(), st.lists(MOVES, max_size=40))
def test_a_failed_evaluation_ends_a_ramp_from_any_watched_phase(
    plan: Plan, moves: list[tuple[str, Any]]
) -> None:
    world = play(plan, moves)
    if world.state.phase in WATCHED:
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
